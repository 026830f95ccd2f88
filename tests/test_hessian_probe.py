"""What the probe `hessian` finds, against all eigenvalues of autograd's own Hessian."""

from dataclasses import replace

import numpy as np
import pytest
from test_curvature import autograd_hessian, network

from lottery.probes.hessian import hessian as probe


@pytest.mark.parametrize("exact", [1000, 1])
def test_the_probe_finds_the_ends_and_says_how(exact):
    subject, images, labels = network()
    given = replace(subject, sample=lambda count, per_class: (images, labels))
    found = probe(given, precision="float64", exact=exact, probes=100, draws=8, density=True)
    matrix, kept = autograd_hessian(subject, images, labels)
    values = np.linalg.eigvalsh(matrix[np.ix_(kept, kept)])
    assert found["method"] == ("exact" if exact > 1 else "lanczos")
    assert (found["parameters"], found["largest"]) == (len(values), pytest.approx(values[-1], abs=1e-6))
    assert found["smallest"] == pytest.approx(values[0], abs=1e-6)
    assert abs(found["trace"] - values.sum()) <= 3 * found["trace_error"] + 1e-9
    assert found["negative"] == pytest.approx(
        np.mean(values < -3e-3 * np.abs(values).max()), abs=0.1 * (exact == 1) + 1e-9
    )
    mass = -values[values < 0].sum() / np.abs(values).sum()
    assert found["negative_curvature"] == pytest.approx(mass, abs=0.1 * (exact == 1) + 1e-9)
    assert np.trapezoid(*reversed(found["spectrum"].values())) == pytest.approx(1, abs=1e-2)
    assert "spectrum" not in probe(given, exact=exact)
    assert probe(given, exact=exact)["largest"] == pytest.approx(values[-1], abs=1e-5)


def test_a_loss_that_overflows_has_no_eigenvalues():
    subject, images, labels = network(pruned=0)
    huge = {name: value * 1e200 for name, value in subject.state.items()}
    given = replace(subject, state=huge, sample=lambda count, per_class: (images * 1e200, labels))
    found = probe(given, precision="float64", density=True)
    assert found["method"] == "none"
    assert not np.isfinite(
        [found[name] for name in ("largest", "smallest", "trace", "negative", "negative_curvature")]
    ).any()
