"""Hessians, their eigenvalues and their density: against autograd's own Hessian, and against planted spectra."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional as F

from lottery import devices
from lottery.contracts import examples
from lottery.curvature import lanczos
from lottery.curvature.hessian import Hessian
from lottery.curvature.spectrum import Spectrum, spectrum
from lottery.errors import LotteryError
from lottery.networks.parameters import prunable
from lottery.networks.subject import Subject
from lottery.seeds import stream


def network(*, pruned=0.3, normalised=False, seed=0):
    """A network of 81 parameters or more with data, smooth in its weights, in float64."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        template = nn.Sequential(nn.Flatten(), nn.Linear(6, 7), nn.Tanh(), nn.Linear(7, 4)).double()
        if normalised:
            template.insert(2, nn.BatchNorm1d(7).double())
            for tensor in (template[2].running_mean, template[2].weight.data, template[2].bias.data):
                tensor.normal_()
            template[2].running_var.uniform_(0.5, 2)
        mask = {name: torch.rand(shape) >= pruned for name, shape in prunable(template).items()}
        images, labels = torch.randn(20, 1, 2, 3).double(), torch.arange(20) % 4
    state = {name: tensor.clone() for name, tensor in template.state_dict().items()}
    state |= {name: state[name] * kept for name, kept in mask.items()}
    weights = {name: state[name] for name in mask}
    subject = Subject(weights, mask, state=state, template=template, shape=(1, 2, 3), criterion=F.cross_entropy)
    return subject, images, labels


def autograd_hessian(subject, images, labels):
    """All second derivatives by torch's own function, of every parameter, pruned or not; and the mask, flat."""
    template = subject.template.eval()
    names = [name for name, _ in template.named_parameters()]
    buffers = {name: subject.state[name] for name, _ in template.named_buffers()}
    sizes = [subject.state[name].numel() for name in names]

    def loss(flat):
        parts = zip(names, flat.split(sizes), strict=True)
        weights = {name: part.view_as(subject.state[name]) for name, part in parts}
        return F.cross_entropy(functional_call(template, weights | buffers, (images,)), labels)

    flat = torch.cat([subject.state[name].reshape(-1) for name in names])
    full = [subject.mask.get(name, torch.ones_like(subject.state[name], dtype=torch.bool)) for name in names]
    kept = torch.cat([one.reshape(-1) for one in full]).numpy()
    found = torch.autograd.functional.hessian(loss, flat).numpy()
    template.train()
    return found, kept


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("pruned", [False, True])
def test_the_matrix_is_that_of_autograd(normalised, pruned):
    subject, images, labels = network(normalised=normalised)
    wanted, kept = autograd_hessian(subject, images, labels)
    wanted = wanted if pruned else wanted[np.ix_(kept, kept)]
    hessian = Hessian(subject, images, labels, pruned=pruned)
    assert hessian.size == len(wanted) == (len(kept) if pruned else kept.sum())
    np.testing.assert_allclose(hessian.matrix(), wanted, atol=1e-12)
    found = spectrum(hessian, stream(0))
    values = np.linalg.eigh(wanted)[0]
    assert found.method == "exact"
    np.testing.assert_allclose(found.values, values, atol=1e-6)
    np.testing.assert_allclose([found.smallest, found.largest], values[[0, -1]], atol=1e-6)
    assert found.trace == pytest.approx(np.trace(wanted), abs=1e-6)
    assert found.negative() == pytest.approx(np.mean(values < -3e-3 * np.abs(values).max()))


def test_lanczos_finds_the_ends_that_all_eigenvalues_have():
    subject, images, labels = network(pruned=0)
    values = np.linalg.eigvalsh(autograd_hessian(subject, images, labels)[0])
    found = spectrum(Hessian(subject, images, labels), stream(0), exact=0, probes=200)
    assert found.method == "lanczos"
    np.testing.assert_allclose([found.smallest, found.largest], values[[0, -1]], atol=1e-6)
    assert abs(found.trace - values.sum()) < 3 * found.trace_error
    assert found.trace_error < 0.12 * values.sum()


@pytest.mark.parametrize("batch", [1, 7, 20])
def test_products_don_t_depend_on_how_images_are_split(batch):
    subject, images, labels = network()
    vector = np.random.default_rng(0).standard_normal(Hessian(subject, images, labels).size)
    whole = Hessian(subject, images, labels).matrix() @ vector
    np.testing.assert_allclose(Hessian(subject, images, labels, batch=batch).product(vector), whole, atol=1e-12)


def test_a_convolution_with_batch_normalisation_is_seen_as_it_is_evaluated():
    subject = examples.subject()
    images, labels = subject.images(30)
    before = {name: tensor.clone() for name, tensor in subject.state.items()}
    doubled = {n: t.double() if t.is_floating_point() else t for n, t in subject.state.items()}
    template = examples.net().double()
    other = replace(subject, state=doubled, template=template)
    wanted, kept = autograd_hessian(other, images.double(), labels)
    found = Hessian(subject, images, labels, batch=10)
    vector = np.random.default_rng(0).standard_normal(found.size)
    np.testing.assert_allclose(found.product(vector), wanted[np.ix_(kept, kept)] @ vector, atol=1e-10)
    assert all(torch.equal(before[name], tensor) for name, tensor in subject.state.items())
    assert subject.template.training
    single = Hessian(subject, images, labels, precision="float32").product(vector)
    assert 0 < np.abs(single - found.product(vector)).max() < 1e-4


def test_parameters_without_effect_have_no_curvature():
    class Idle(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = nn.Parameter(torch.ones(3))

        def forward(self, images):
            return images

    subject, images, labels = network()
    with torch.random.fork_rng(devices=[]):
        template = nn.Sequential(nn.Flatten(), nn.Linear(6, 4), Idle())
    bare = replace(subject, template=template, mask={}, weights={}, state=template.state_dict())
    hessian = Hessian(bare, images.float(), labels)
    where = hessian.vector({n: torch.full_like(t, float(n == "2.unused")) for n, t in template.named_parameters()})
    assert hessian.size == 31
    assert where.sum() == 3
    assert not hessian.product(where).any()
    assert not hessian.matrix()[where == 1].any()


def test_the_hessian_of_a_quadratic_is_known():
    """Half the squared distance of Wx to 0, averaged over the images e_1, e_2: every weight's curvature is 1/2."""
    with torch.random.fork_rng(devices=[]):
        template = nn.Sequential(nn.Flatten(), nn.Linear(2, 3, bias=False)).double()
    state = template.state_dict()
    subject = Subject(
        dict(state), {"1.weight": torch.tensor([[1, 1], [1, 0], [1, 1]]).bool()}, state=state, template=template,
        criterion=lambda outputs, targets, reduction="mean": outputs.square().sum(1).mean() / 2,
    )  # fmt: skip
    images = torch.eye(2).double().view(2, 1, 1, 2)
    np.testing.assert_allclose(Hessian(subject, images, torch.zeros(2)).matrix(), np.eye(5) / 2)
    np.testing.assert_allclose(Hessian(subject, images, torch.zeros(2), pruned=True).matrix(), np.eye(6) / 2)
    assert spectrum(Hessian(subject, images, torch.zeros(2)), stream(0), exact=0).trace == pytest.approx(2.5)


def planted(values, seed=0):
    """A symmetric matrix of these eigenvalues, in a random basis, as products."""
    basis = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(values), len(values))))[0]
    matrix = basis @ np.diag(values) @ basis.T
    return (lambda vector: matrix @ vector), basis


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(-1, 5, 200),
        np.r_[np.zeros(190), np.linspace(1, 9, 10)],  # no negative one: the smallest is exactly 0
        np.r_[-7.0, np.zeros(198), 2.0],  # the largest magnitude is negative
        -np.geomspace(1e-9, 1, 200),
        np.full(200, 3.0),
        np.zeros(200),
    ],
)
def test_the_ends_of_a_planted_spectrum_are_found(values):
    product, _ = planted(values)
    found = lanczos.ends(product, len(values), stream(0))
    np.testing.assert_allclose(found, [values.min(), values.max()], atol=1e-4 * np.ptp(values) + 1e-12)


def test_the_largest_come_with_their_vectors():
    values = np.r_[np.linspace(-0.1, 0.1, 95), -5.0, 1, 2, 3, 4]
    product, basis = planted(values)
    found, vectors = lanczos.largest(product, 100, 3, lanczos.signs(100, stream(0)))
    np.testing.assert_allclose(found, [-5, 4, 3], atol=1e-7)
    np.testing.assert_allclose(np.abs(np.sum(vectors * basis[:, [95, 99, 98]], axis=0)), 1, atol=1e-7)


def test_quadrature_has_the_moments_of_the_eigenvalues():
    """Exactly those that the start vector sees, up to the 2k-1st; those of the spectrum over many starts."""
    values = np.r_[np.linspace(-0.5, 0.5, 90), np.linspace(1, 8, 10)]
    product, basis = planted(values)
    start = lanczos.signs(100, stream(0))
    nodes, shares = lanczos.quadrature(product, start, 5)
    assert len(nodes) == 5
    parts = (basis.T @ start) ** 2 / 100
    for power in range(10):
        assert shares @ nodes**power == pytest.approx(parts @ values**power, rel=1e-9, abs=1e-12)
    draws = [lanczos.quadrature(product, lanczos.signs(100, stream(seed)), 30) for seed in range(200)]
    for power in (1, 2, 3):
        mean = np.mean([shares @ nodes**power for nodes, shares in draws])
        assert mean == pytest.approx(np.mean(values**power), rel=0.1)


def test_quadrature_knows_no_ghosts():
    """Without full reorthogonalisation the largest eigenvalues come up again and again after some tens of steps."""
    values = np.r_[np.linspace(0, 1, 390), np.geomspace(10, 1e6, 10)]
    nodes, shares = lanczos.quadrature(planted(values)[0], lanczos.signs(400, stream(0)), 120)
    assert shares.sum() == pytest.approx(1)
    for value in values[-10:]:
        assert np.sum(np.isclose(nodes, value, rtol=1e-6)) == 1


def test_quadrature_stops_where_nothing_is_left():
    values = np.r_[np.zeros(50), np.ones(40), np.full(10, 2.0)]
    nodes, shares = lanczos.quadrature(planted(values)[0], lanczos.signs(100, stream(0)), 80)
    close = [np.isclose(nodes, value, atol=1e-6) for value in (0, 1, 2)]
    assert np.sum([shares[near].sum() for near in close]) == pytest.approx(1)
    assert lanczos.quadrature(lambda vector: 0 * vector, np.ones(9), 5)[0].tolist() == [0]


def test_the_trace_has_an_error_that_holds():
    values = np.linspace(-1, 3, 100)
    product, _ = planted(values)
    off = []
    for seed in range(100):
        found, error = lanczos.trace(product, 100, 20, stream(seed))
        off.append((found - 100) / error)
    assert 0.7 < np.std(off) < 1.4
    assert np.abs(np.mean(off)) < 0.4
    assert lanczos.trace(lambda vector: 2 * vector, 7, 1, stream(0)) == (14, None)


def test_density_of_lanczos_is_that_of_all_eigenvalues():
    subject, images, labels = network(pruned=0)
    exact = spectrum(Hessian(subject, images, labels), stream(0))
    found = spectrum(Hessian(subject, images, labels), stream(0), exact=0, steps=40, draws=20)
    grid, wanted = exact.density(101)
    assert np.trapezoid(wanted, grid) == pytest.approx(1, abs=1e-3)
    assert np.trapezoid(np.abs(found.density(101)[1] - wanted), grid) < 0.15
    assert found.negative() == pytest.approx(exact.negative(), abs=0.03)
    assert found.shares.sum() == pytest.approx(1)


def test_what_is_next_to_nothing_isn_t_negative():
    values = np.array([-1.0, -1e-2, -1e-4, 0, 10])
    assert Spectrum("exact", 5, -1, 10, 8.99, 0, values, np.full(5, 0.2)).negative_curvature() == pytest.approx(
        1.0101 / 11.0101
    )
    assert Spectrum("exact", 5, -1, 10, 8.99, 0, values, np.full(5, 0.2)).negative() == pytest.approx(0.2)
    flat = Spectrum("exact", 2, 0, 0, 0, 0, np.zeros(2), np.full(2, 0.5))
    assert flat.negative() == flat.negative_curvature() == 0
    assert np.isfinite(flat.density(5)).all()


def test_it_repeats():
    subject, images, labels = network()
    first, again, other = (
        spectrum(Hessian(subject, images, labels), stream(seed), exact=0, steps=10, draws=2) for seed in (0, 0, 1)
    )
    assert np.array_equal(first.values, again.values)
    assert np.array_equal(first.shares, again.shares)
    assert (first.smallest, first.largest, first.trace) == (again.smallest, again.largest, again.trace)
    assert first.trace != other.trace


def test_what_doesn_t_fit_memory_is_refused(monkeypatch):
    subject, images, labels = network(pruned=0)
    monkeypatch.setattr(devices, "free_memory", lambda device: 50_000)
    with pytest.raises(
        LotteryError, match=r"81 parameters takes 153.8 KiB as a matrix, and 48.8 KiB are free: set `exact` below 81"
    ):
        spectrum(Hessian(subject, images, labels), stream(0))
    with pytest.raises(LotteryError, match=r"80 steps .* 81 parameters take 50.6 KiB, .* set `steps` to at most 77"):
        spectrum(Hessian(subject, images, labels), stream(0), exact=0)


def test_what_has_no_hessian_says_why():
    subject, images, labels = network()
    broken = replace(subject, state={**subject.state, "3.bias": torch.full((4,), torch.nan)})
    with pytest.raises(
        LotteryError, match=r"3\.bias .* no finite numbers: training diverged; a lower train\.optimizer\.lr"
    ):
        Hessian(broken, images, labels)
    with pytest.raises(LotteryError, match="weights alone"):
        Hessian(replace(subject, template=None), images, labels)
    with torch.random.fork_rng(devices=[]):
        template = nn.Sequential(nn.Flatten(), nn.Linear(6, 4, bias=False))
    empty = {"1.weight": torch.zeros(4, 6, dtype=torch.bool)}
    with pytest.raises(LotteryError, match="no parameter"):
        Hessian(replace(subject, template=template, state=template.state_dict(), mask=empty), images, labels)
