"""What networks answer, compared: by hand, against scikit-learn, and against modules that load the run's files."""

import numpy as np
import pytest
import torch
from conftest import accuracy
from scipy.special import softmax
from sklearn.metrics import log_loss
from torch.func import functional_call

from lottery.analyses.function import SHOWN, function
from lottery.errors import LotteryError
from lottery.explaining import agreement
from lottery.explaining.outputs import Outputs
from lottery.explaining.trained import Trained
from lottery.networks.key import Key
from lottery.studies.prepare import prepare


def scores(*probabilities):
    """Class scores whose softmax these are."""
    return torch.tensor(probabilities, dtype=torch.float64).log()


def opened(run):
    return Trained(run, lambda run: prepare(run.config))


def found(trained, **options):
    return {tuple(piece.of.items()): piece.find() for piece in function(trained, **({"bins": 15} | options))}


def test_networks_disagree_where_their_classes_differ():
    first, second = torch.tensor([0, 1, 2, 2, 1]), torch.tensor([0, 2, 2, 1, 1])
    assert agreement.disagreement(first, second) == 2 / 5
    assert agreement.disagreement(first, first) == 0


def test_an_ensemble_answers_by_the_mean_of_probabilities():
    """Not by that of logits, nor by votes: two of three prefer class 0, and the third one's certainty wins."""
    networks = [scores([0.55, 0.45]), scores([0.55, 0.45]), scores([0.01, 0.99])]
    together = agreement.ensemble(networks)
    assert together.exp().tolist() == [pytest.approx([0.37, 0.63])]
    shifted = agreement.ensemble(one + shift for one, shift in zip(networks, (100.0, 0.0, -3.0), strict=True))
    assert torch.allclose(shifted, together)
    # Of logits the mean is another: 0.5 and 3 against 0, and 0 and -2.8 against 0.1.
    unlike = [scores([0.6, 0.4]), scores([0.6, 0.4]), scores([0.2, 0.8])]
    assert agreement.ensemble(unlike).argmax().item() == 1


def test_the_calibration_error_is_that_worked_out_by_hand():
    """Bins of a fifth: 0.9 right, 0.9 wrong, 0.7 right, 0.6 (the upper end of its bin) wrong."""
    sure = scores([0.9, 0.1], [0.9, 0.1], [0.3, 0.7], [0.6, 0.4])
    labels = torch.tensor([0, 1, 1, 1])
    by_hand = abs(1 / 2 - 0.9) * 2 / 4 + abs(1 - 0.7) * 1 / 4 + abs(0 - 0.6) * 1 / 4
    assert agreement.calibration_error(sure, labels, 5) == pytest.approx(by_hand)
    # In one bin what is too sure makes up for what isn't sure enough.
    assert agreement.calibration_error(sure, labels, 1) == pytest.approx(abs(2 / 4 - (0.9 + 0.9 + 0.7 + 0.6) / 4))
    certain = torch.tensor([[1000.0, 0.0], [0.0, 1000.0]])
    assert agreement.calibration_error(certain, torch.tensor([0, 1])) == 0
    assert agreement.calibration_error(certain, torch.tensor([1, 0])) == 1


def test_calibration_and_likelihood_agree_with_numpy_and_scikit_learn():
    random = np.random.default_rng(0)
    logits, labels = random.normal(0, 2, (500, 7)).astype(np.float32), random.integers(0, 7, 500)
    own, wanted = torch.from_numpy(logits), torch.from_numpy(labels)
    probabilities = softmax(logits.astype(float), axis=1)
    assert agreement.log_likelihood(own, wanted) == pytest.approx(log_loss(labels, probabilities), rel=1e-12)
    sure, right, error = probabilities.max(1), probabilities.argmax(1) == labels, 0.0
    for low, high in zip(np.linspace(0, 1, 16)[:-1], np.linspace(0, 1, 16)[1:], strict=True):
        own_bin = (sure > low) & (sure <= high)
        error += abs(right[own_bin].sum() - sure[own_bin].sum()) / 500
    assert agreement.calibration_error(own, wanted) == pytest.approx(error, rel=1e-12)
    assert agreement.accuracy(own, wanted) == right.mean()


def test_what_is_found_of_a_run_is_what_its_files_answer(finished):
    """Weights are loaded into a plain module, all test images go through it at once."""
    trained = opened(finished)
    setting = trained.setting
    images, labels = setting.data.normalise(setting.data.test_images), setting.data.test_labels

    def answers(state):
        return functional_call(setting.template, state, (images,)).argmax(-1)

    ends = {key: answers(finished.read_weights(key)) for key in trained.keys}
    mask = finished.read_mask(Key(1, 2, "ticket"))
    before = finished.read_weights(Key(1, 1, "ticket"))
    pruned = answers(before | {name: before[name] * kept for name, kept in mask.items()})
    tickets = [ends[Key(replicate, 2, "ticket")] for replicate in (0, 1)]
    lines = {tuple(sorted(dict(of).items())): values for of, values in found(trained).items()}

    def line(**of):
        return lines[tuple(sorted({"level": 2, "arm": "ticket", "start": 0, **of}.items()))]

    both = line(among="replicates", networks=2)
    assert both["accuracies"] == [accuracy(trained.lines[Key(one, 2, "ticket")]["test"]) for one in (0, 1)]
    assert both["disagreements"] == [(tickets[0] != tickets[1]).double().mean().item()]
    solution = line(among="solution", replicate=1, networks=1)
    assert solution["disagreements"] == [(tickets[1] != pruned).double().mean().item()]
    assert solution["accuracy"] == (pruned == labels).double().mean().item()
    levels = line(among="levels", replicate=1)
    assert levels["disagreements"] == [(tickets[1] != ends[Key(1, 1, "ticket")]).double().mean().item()]
    assert not [of for of in lines if ("level", 0) in of and ("among", "solution") in of]


def test_each_network_is_asked_once_and_outputs_take_no_more_room_than_they_may(finished, monkeypatch):
    asked = []
    monkeypatch.setattr("lottery.explaining.outputs.outputs_of", lambda *_: asked.append(1) or torch.zeros(360, 10))
    trained = opened(finished)
    found(trained)
    solutions = 2 * 2  # of two levels and replicates
    assert len(asked) == len(trained.keys) + solutions
    monkeypatch.setattr("lottery.explaining.outputs._ROOM", 2 * 360 * 10 * 4)
    outputs = Outputs(trained)
    for key in trained.keys:
        outputs.end(key)
    assert len(outputs._kept) == 2


@pytest.mark.parametrize("outputs", [torch.zeros(360), torch.zeros(360, 4, 10)])
def test_networks_that_do_not_tell_classes_apart_are_refused(finished, monkeypatch, outputs):
    monkeypatch.setattr("lottery.explaining.outputs.outputs_of", lambda *_: outputs)
    with pytest.raises(LotteryError, match="are no class scores"):
        found(opened(finished))


def alike(disagreements, accuracies=(0.98, 0.99), **of):
    return {
        "of": {"among": "copies", "replicate": 0, "level": 1, "arm": "ticket", "start": 0, "networks": 2} | of,
        "values": {
            "name": "ticket", "copies": "copies", "density": 0.05, "images": 10_000, "accuracies": list(accuracies),
            "disagreements": disagreements, "calibration_errors": [0.01, 0.02], "log_likelihoods": [0.05, 0.07],
            "ensemble_accuracy": 0.99, "ensemble_calibration_error": 0.005, "ensemble_log_likelihood": 0.04,
        },
    }  # fmt: skip


def pruned(*disagreements, **of):
    values = {
        "name": "ticket",
        "copies": "copies",
        "density": 0.05,
        "accuracy": 0.98,
        "disagreements": list(disagreements),
    }
    of = {"among": "solution", "replicate": 0, "level": 1, "arm": "ticket", "start": 0, "networks": 2} | of
    return {"of": of, "values": values}


def test_the_table_is_the_papers():
    exhibit = SHOWN([alike([0.0043]), pruned(0.0088, 0.009)])
    assert exhibit.table.rows == [
        ["ticket, 2 copies", "5.00", "98.50", "99.00", "0.43", "0.89", "0.0150", "0.0050", "0.0600", "0.0400"]
    ]  # fmt: skip
    assert "disagree on 0.43 % of the test images" in exhibit.answers[0]
    assert "ticket on 0.89 %" in exhibit.answers[1]
    assert not exhibit.charts


def test_of_several_replicates_the_interval_is_over_their_means():
    """Of replicates with 1 % and 3 % the mean is 2 %; of two values the 95 % interval is 12.706 deviations / root 2."""
    exhibit = SHOWN([alike([0.01]), alike([0.03], replicate=1)])
    assert exhibit.table.rows[0][4] == "2 ± 13"


def test_all_intervals_are_over_replicates_of_pairs_the_jackknifes():
    """Of three replicates: 96, 98 and 100 % with deviation 2, times 4.3027 / root 3; pairs by their jackknife."""
    copies = [alike([0.01], replicate=replicate) for replicate in range(3)]
    among = alike([0.01, 0.02, 0.06], accuracies=(0.96, 0.98, 1.0), among="replicates", networks=3)
    del among["of"]["replicate"]
    exhibit = SHOWN([*copies, among])
    (first, second) = exhibit.table.rows
    assert first[2] == "98.50 ± 0.00"  # all replicates' copies have one mean
    assert second[0] == "ticket, 3 replicates"
    assert second[2] == "98.00 ± 4.97"
    # 3 * mean - 2 * mean of the pairs without one: 9 - 2 * 6, 9 - 2 * 2, 9 - 2 * 1, in %.
    values = np.array([-3.0, 5.0, 7.0])
    assert second[4] == f"3 ± {4.302653 * values.std(ddof=1) / np.sqrt(3):.0f}"
    assert second[3] == "99.00"
    assert exhibit.table.headings[-1] == "ensemble's negative log likelihood"


def test_copies_that_came_later_are_counted_and_groups_of_before_are_not():
    three = alike([0.02, 0.02, 0.05], networks=3)
    assert SHOWN([three, alike([0.5])]).table.rows[0][4] == SHOWN([three]).table.rows[0][4] == "3.00"


def test_several_densities_make_curves():
    level = {"level": 2, "replicate": 0}
    sparser = alike([0.02], **level)
    sparser["values"]["density"] = 0.02
    exhibit = SHOWN([sparser, alike([0.01])])
    assert exhibit.answers[0].startswith("2 copies of ticket, at 2 % of the weights, disagree on 2.00 %")
    (chart,) = exhibit.charts
    assert [(curve.label, list(curve.x), list(curve.y)) for curve in chart.curves] == [
        ("copies, with each other", [5.0, 2.0], [[1.0], [2.0]])
    ]
