import json
from itertools import combinations, product

import pytest
import torch
from conftest import (
    Quiet,
    accuracy,
    carry_on,
    carry_out,
    evaluation,
    interrupted_and_resumed,
    main,
    plan,
    same,
    tensor_files,
    tiny,
)

from lottery.errors import Interrupted, LotteryError, RunFailed
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.network import Network
from lottery.seeds import stream
from lottery.store.reader import Reader
from lottery.store.run import Run
from lottery.studies.kinds import study_of
from lottery.studies.prepare import prepare
from lottery.studies.prune import Prune, control, extended
from lottery.studies.selection import rate
from lottery.studies.summary import summary
from lottery.training.recipe import Member

TOTAL = 64 * 16 + 16 * 10


def same_lines(first, second):
    """JSONL records without what is measured in seconds."""

    def strip(lines):
        return [{key: value for key, value in line.items() if "seconds" not in key} for line in lines]

    return strip(first.metrics()) == strip(second.metrics()) and strip(first.levels()) == strip(second.levels())


def test_rounds_keep_exact_counts_in_every_arm(finished):
    for line in finished.levels():
        assert line["total"] == TOTAL
        assert line["nonzero"] == round(TOTAL * 0.5 ** line["level"])
        mask = finished.read_mask(Key.of(line))
        weights = finished.read_weights(Key.of(line))
        assert masks.count(mask) == line["nonzero"]
        for name, kept in mask.items():
            assert (weights[name][~kept] == 0).all()
    assert len(finished.levels()) == 2 + 2 * 8


def test_what_networks_start_from_is_read_of_a_run_that_nobody_writes(finished):
    """Whoever analyses a run asks for it again; only whoever begins to train keeps anything."""
    before = {path: path.stat().st_mtime_ns for path in finished.path.rglob("*")}
    reader = Reader.open(finished.path)
    study = study_of(reader, prepare(reader.config))
    for member in (member for level in study.levels for member in level.members if member.key.replicate == 0):
        start = study.network(reader, member)
        if member.key.arm in ("dense", "ticket"):
            initial = reader.read_state(main(0, 0), 0)
            assert all(torch.equal(start.state[name], initial[name]) for name in initial)
    assert {path: path.stat().st_mtime_ns for path in finished.path.rglob("*")} == before


def test_a_ticket_is_the_largest_weights_of_the_level_before(finished):
    for replicate in range(2):
        for level in (1, 2):
            before = finished.read_weights(main(replicate, level - 1))
            mask = finished.read_mask(main(replicate, level))
            kept = torch.cat([before[name].abs()[mask[name]] for name in mask])
            pruned = torch.cat([before[name].abs()[~mask[name]] for name in mask])
            assert kept.min() >= pruned.max()


def test_ties_are_drawn_at_random_for_a_ticket_and_its_controls_alike(tmp_path):
    """Most weights keep their sign, and score 0: of a layer's, as many stay in its first rows as in its last."""
    pruning = {"iterations": 2, "fraction": 0.3, "score": "large_final_diff_sign", "arms": ["reinit"]}
    config = tiny(pruning=pruning, model={"name": "fcn", "widths": [100]})
    whole = carry_out(config, tmp_path / "whole")
    assert same(whole, interrupted_and_resumed(config, tmp_path / "part", "prune", 50))
    drawn = []
    for replicate in range(2):
        initial, final = whole.read_state(Key(replicate, 0, "dense"), 0), whole.read_weights(Key(replicate, 0, "dense"))
        mask, control = (whole.read_mask(Key(replicate, 1, arm)) for arm in ("ticket", "reinit"))
        assert all(torch.equal(kept, control[name]) for name, kept in mask.items())
        name = "hidden_1.weight"
        tied = initial[name].sign() == final[name].sign()
        assert tied.float().mean() > 0.7
        assert mask[name][~tied & (final[name] != 0)].all()
        first, last = (float(mask[name][half][tied[half]].float().mean()) for half in (slice(50), slice(50, 100)))
        # Shares of some 3000 weights each, standard deviation of their difference 0.012.
        assert abs(first - last) < 0.06
        drawn.append(mask[name] & tied)
    assert not torch.equal(*drawn)


def test_each_replicate_is_scored_on_its_own_images(tmp_path):
    config = tiny(train__length="5it", pruning={"iterations": 1, "fraction": 0.5, "score": "snip", "arms": []})
    setting, run = prepare(config), carry_out(config, tmp_path)
    for replicate in range(2):
        trained = Network(run.read_weights(main(replicate, 0)), run.read_mask(main(replicate, 0)))
        scores = [rate(setting, config.pruning.score, own, trained, stream(0)) for own in (0, 1)]
        tickets = [masks.keep_top(score, 0.5, trained.mask, stream(0)) for score in scores]
        found = run.read_mask(main(replicate, 1))
        for name, kept in found.items():
            assert torch.equal(kept, tickets[replicate][name])
        assert any(not torch.equal(kept, tickets[1 - replicate][name]) for name, kept in found.items())


def test_random_scores_are_drawn_by_the_studys_seed(tmp_path):
    pruning = {"iterations": 1, "fraction": 0.5, "score": "random", "arms": []}
    runs = [carry_out(tiny(seed=seed, train__length="1it", pruning=pruning), tmp_path) for seed in (0, 1)]
    one, other = (run.read_mask(Key(0, 1, "ticket")) for run in runs)
    assert not any(torch.equal(kept, other[name]) for name, kept in one.items())


def test_random_scores_are_drawn_from_the_generator_that_is_given():
    setting = prepare(tiny(pruning__score="random"))
    network = setting.dense(setting.initial(0))
    score = setting.config.pruning.score
    once, again, other = (rate(setting, score, 0, network, stream(0, level)) for level in (1, 1, 2))
    for name in network.mask:
        assert torch.equal(once[name], again[name])
        assert not torch.equal(once[name], other[name])


def test_arms_differ_from_the_ticket_in_what_they_say(finished):
    ticket = finished.read_mask(Key(0, 1, "ticket"))
    for name, same_mask in (("reinit", True), ("random", False), ("shuffle", False)):
        mask = finished.read_mask(Key(0, 1, name))
        assert all(int(mask[layer].sum()) == int(ticket[layer].sum()) for layer in ticket)
        assert all(torch.equal(mask[layer], ticket[layer]) for layer in ticket) is same_mask
    random, shuffle = (finished.read_mask(Key(0, 1, name))["hidden_1.weight"] for name in ("random", "shuffle"))
    assert not torch.equal(random, shuffle)


def untrained(name, level=1, replicate=0):
    """The weights that an arm starts from, and those of the initialization."""
    setting = prepare(tiny())
    state = setting.initial(replicate)
    ticket = Network(state, masks.full(state, list(setting.shapes)))
    made = control(setting, ticket, Key(replicate, level, name))
    return made.state["hidden_1.weight"], state["hidden_1.weight"]


@pytest.mark.parametrize(("name", "fresh"), [("shuffle", False), ("reinit", True), ("random", True)])
def test_which_arms_are_freshly_initialized(name, fresh):
    weight, initial = untrained(name)
    assert torch.equal(weight, initial) is not fresh


def test_fresh_initializations_are_all_different():
    """Whatever two of arm, level and replicate have in common, a control is drawn anew."""
    drawn = [untrained(*which)[0] for which in product(("reinit", "random"), (1, 2), (0, 1))]
    assert not any(torch.equal(one, other) for one, other in combinations(drawn, 2))


def test_masks_of_controls_are_all_different():
    """Whatever two of arm, level and replicate have in common, a mask is shuffled anew."""
    setting = prepare(tiny())
    half = {name: torch.arange(shape.numel()).view(shape) % 2 == 0 for name, shape in setting.shapes.items()}
    ticket = Network(setting.initial(0), half)
    made = [
        control(setting, ticket, Key(replicate, level, arm)).mask["hidden_1.weight"]
        for arm, level, replicate in product(("random", "shuffle"), (1, 2), (0, 1))
    ]
    assert not any(torch.equal(one, other) for one, other in combinations(made, 2))


def test_the_dense_networks_alone_are_kept_on_their_way():
    """A control that starts over passes the step that tickets are rewound to, too."""
    late = Prune(prepare(tiny(pruning__rewind="12it")))
    kept = {member.key.arm: late.kept_steps(member.key) for level in late.levels for member in level.members}
    assert kept == {"dense": [12], "ticket": [], "reinit": [], "random": [], "shuffle": []}
    assert Prune(prepare(tiny())).kept_steps(main(0, 0)) == []


def test_the_same_config_gives_the_same_bytes(finished, tmp_path):
    again = carry_out(tiny(), tmp_path)
    assert tensor_files(again) == tensor_files(finished)
    assert same_lines(again, finished)
    other = carry_out(tiny(seed=1), tmp_path)
    changed = [name for name, data in tensor_files(other).items() if data != tensor_files(finished)[name]]
    assert len([name for name in changed if name.endswith("weights.safetensors")]) == 18


def test_stacked_and_looped_studies_agree(tmp_path):
    first, second = (carry_out(tiny(execution=how, pruning__iterations=1), tmp_path) for how in ("stacked", "looped"))
    lines = (
        sorted(run.levels(), key=lambda line: (line["level"], line["arm"], line["replicate"]))
        for run in (first, second)
    )
    for one, two in zip(*lines, strict=True):
        weights = [run.read_weights(Key.of(one)) for run in (first, second)]
        if one["level"] == 0:
            torch.testing.assert_close(*weights, rtol=1e-3, atol=1e-4)
        assert one["nonzero"] == two["nonzero"]
        assert accuracy(one["test"]) == pytest.approx(accuracy(two["test"]), abs=0.05)


def test_a_replicate_does_not_depend_on_how_many_there_are(tmp_path):
    options = {"execution": "looped", "pruning__iterations": 1}
    few, many = (carry_out(tiny(replicates=count, **options), tmp_path) for count in (1, 3))
    for name, data in tensor_files(few).items():
        assert tensor_files(many)[name] == data


def stop_after(steps):
    """Asks to stop after so many steps."""
    asked = iter(range(10**9))
    return lambda: next(asked) >= steps


@pytest.mark.parametrize("steps", [0, 1, 10, 25, 30, 37, 70, 85])
@pytest.mark.parametrize("rewind", ["0it", "7it"])
def test_interrupted_and_resumed_gives_the_same_bytes(steps, rewind, tmp_path):
    config = tiny(pruning__rewind=rewind, pruning__arms=["reinit"])
    straight = carry_out(config, tmp_path)
    run = Run.create(tmp_path, config, {"study": "prune"})
    with pytest.raises(Interrupted):
        carry_on(run, prepare(config), stop=stop_after(steps))
    assert run.record["status"] == "interrupted"
    with pytest.raises(Interrupted):  # twice
        carry_on(run, prepare(config), stop=stop_after(3))
    carry_on(run, prepare(config))
    assert run.record["status"] == "finished"
    assert tensor_files(run) == tensor_files(straight)
    assert same_lines(run, straight)
    assert not (run.path / "checkpoint").exists()


def test_resuming_trains_only_the_steps_that_were_left(tmp_path):
    class Counting(Quiet):
        steps = 0

        def advanced(self, members, steps):
            self.steps += steps * len(members)

    config, counting = tiny(), Counting()
    run = Run.create(tmp_path, config, {"study": "prune"})
    with pytest.raises(Interrupted):
        carry_on(run, prepare(config), counting, stop_after(17))
    assert counting.steps > 0
    carry_on(run, prepare(config), counting)
    assert counting.steps == 30 * len(run.levels())


class Crash(BaseException):
    pass


@pytest.mark.parametrize("when", ["evaluated", "trained"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_crashed_without_a_checkpoint_and_resumed_gives_the_same_bytes(when, count, finished, tmp_path):
    config = tiny()

    class Falling(Quiet):
        left = count

        def fall(self, *_):
            self.left -= 1
            if not self.left:
                raise Crash

    setattr(Falling, when, Falling.fall)
    run = Run.create(tmp_path, config, {"study": "prune"})
    if when == "evaluated" or count <= 3:
        with pytest.raises(Crash):
            carry_on(run, prepare(config), Falling())
        assert run.record["status"] == "failed"
    # As if the machine had stopped in the middle of a line.
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"replicate": 0, "ar')
    carry_on(run, prepare(config))
    assert tensor_files(run) == tensor_files(finished)
    assert same_lines(run, finished)


@pytest.mark.parametrize(("keep", "steps"), [({"steps": "7it"}, [7]), ({"minutes": 1e-9}, range(1, 10))])
def test_checkpoints_of_the_way_are_gone_on_from(keep, steps, tmp_path):
    class Watching(Quiet):
        evaluations, done = 0, ()

        def evaluated(self, records):
            self.evaluations += 1
            if self.evaluations == 2:  # the first is of step 0, this one of step 10
                raise Crash

        def training(self, members, done):
            self.done = (*self.done, done / len(members))

    config = tiny(checkpoint=keep)
    run, watching = Run.create(tmp_path, config, {"study": "train"}), Watching()
    with pytest.raises(Crash):
        carry_on(run, prepare(config), watching)
    carry_on(run, prepare(config), watching)
    assert watching.done[0] == 0
    assert watching.done[1] in steps


def test_a_chunk_that_a_crash_left_half_written_is_trained_again(finished, tmp_path, monkeypatch):
    write, left = Run.write_network, iter(range(5))

    def fall(self, *arguments):
        if next(left) == 4:
            raise Crash
        write(self, *arguments)

    run = Run.create(tmp_path, tiny(), {"study": "prune"})
    monkeypatch.setattr(Run, "write_network", fall)
    with pytest.raises(Crash):
        carry_on(run, prepare(tiny()))
    assert len(list(run.path.glob("replicate-*/level-01/*/summary.json"))) == 2
    monkeypatch.setattr(Run, "write_network", write)
    carry_on(run, prepare(tiny()))
    assert tensor_files(run) == tensor_files(finished)
    assert same_lines(run, finished)


def test_an_extended_run_is_the_longer_run(finished, tmp_path):
    run = carry_out(tiny(pruning__iterations=1), tmp_path)
    run.write_config(tiny())
    carry_on(run, prepare(tiny()))
    assert tensor_files(run) == tensor_files(finished)
    assert same_lines(run, finished)


def test_further_rounds_come_after_those_that_a_run_has(finished, tmp_path):
    assert extended(finished, 3).pruning.iterations == 2 + 3
    trained = carry_out(tiny(), tmp_path, "train")  # its config's two rounds were never made
    assert extended(trained, 3).pruning.iterations == 3


@pytest.mark.parametrize("call", ["update", "write_config", "whole_metrics"])
def test_an_extension_that_was_killed_is_gone_on_with(call, tmp_path, lottery, monkeypatch):
    """Whatever it had written: `resume` trains the further round, or `prune` may be asked for it again."""
    run, longer = carry_out(tiny(pruning__iterations=1), tmp_path / "runs"), carry_out(tiny(), tmp_path / "longer")
    real, left = getattr(Run, call), iter(range(100))

    def fall(self, *arguments, **named):
        found = real(self, *arguments, **named)
        if next(left) == 0:
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(Run, call, fall)
    assert lottery("prune", run.path, "--iterations", "1").code == 130
    monkeypatch.setattr(Run, call, real)
    assert lottery("resume", run.path).code == 0
    if run.config.pruning.iterations == 1:  # nothing of it had been written
        assert lottery("prune", run.path, "--iterations", "1").code == 0
    assert tensor_files(run) == tensor_files(longer)
    assert run.record["status"] == "finished"


def test_a_trained_run_can_be_pruned(tmp_path):
    config = tiny(execution="looped")
    run = carry_out(config, tmp_path, study="train")
    assert {line["level"] for line in run.levels()} == {0}
    run.update(study="prune")
    carry_on(run, prepare(config))
    assert tensor_files(run) == tensor_files(carry_out(config, tmp_path))


def test_a_trained_run_keeps_the_step_that_tickets_will_be_rewound_to(tmp_path):
    run = carry_out(tiny(pruning__rewind="12it"), tmp_path, study="train")
    assert all(run.has_state(main(replicate, 0), step) for replicate in range(2) for step in (0, 12))


def test_further_rounds_are_counted_from_what_the_run_has(finished, tmp_path):
    """One that only trained has none, whatever its config says of pruning."""
    assert extended(finished, 1).pruning.iterations == 3
    assert extended(carry_out(tiny(), tmp_path, "train"), 1).pruning.iterations == 1


def spans(**changes):
    setting = prepare(tiny(**changes))
    return {member.key.arm: (member.recipe.start, member.recipe.stop) for member in plan(setting, "prune")[1].members}


def test_where_retraining_starts_and_ends():
    arms = {"pruning__arms": ["reinit", "random", "shuffle"]}
    assert spans(**arms) == dict.fromkeys(("ticket", "reinit", "random", "shuffle"), (0, 30))
    # A rewound ticket trains from step k to the end; what is freshly initialized trains for the full length.
    late = {"ticket": (12, 30), "reinit": (0, 30), "random": (0, 30), "shuffle": (12, 30)}
    assert spans(pruning__rewind="12it", **arms) == late
    assert spans(pruning__rewind="learning_rate")["ticket"] == (0, 30)
    assert spans(pruning__rewind="learning_rate", pruning__retrain="10it")["ticket"] == (20, 30)
    assert spans(pruning__rewind="finetune", pruning__retrain="10it")["ticket"] == (30, 40)


def test_rewinding_restores_weights_and_statistics_of_the_step(tmp_path):
    """With everything kept, a network rewound to step k is trained to the dense network's end, byte for byte."""
    config = tiny(
        model={"name": "resnet", "depth": 8, "width": 4},
        train__optimizer={"name": "sgd", "lr": 0.1},
        train__schedule={"name": "step", "milestones": ["20it"]},
        pruning={"iterations": 1, "fraction": 1e-9, "rewind": "12it"},
        execution="looped",
    )
    run = carry_out(config, tmp_path)
    for replicate in range(2):
        dense, again = (run.read_weights(main(replicate, level)) for level in (0, 1))
        assert dense.keys() == again.keys()
        assert any("running_mean" in name for name in dense)
        for name in dense:
            assert torch.equal(dense[name], again[name]), name
        early = run.read_state(Key(replicate, 0, "dense"), 12)
        assert not torch.equal(early["conv.weight"], run.read_state(Key(replicate, 0, "dense"), 0)["conv.weight"])
        assert not torch.equal(early["conv.weight"], dense["conv.weight"])
    rates = {(line["level"], line["step"]): line["lr"] for line in run.metrics() if line["split"] == "train"}
    assert rates[1, 20] == rates[0, 20] == pytest.approx(0.1)
    assert rates[1, 30] == rates[0, 30] == pytest.approx(0.01)
    assert min(step for level, step in rates if level == 1) == 20


def test_finetuning_keeps_weights_and_the_last_learning_rate(tmp_path):
    config = tiny(
        train__schedule={"name": "step", "milestones": ["20it"]},
        pruning={"iterations": 1, "fraction": 0.5, "rewind": "finetune", "retrain": "20it"},
    )
    run = carry_out(config, tmp_path)
    lines = [line for line in run.metrics() if line["level"] == 1 and line["split"] == "train"]
    assert {line["step"] for line in lines} == {40, 50}
    assert [line["lr"] for line in lines] == pytest.approx([0.001] * 4)
    start = [line for line in run.metrics() if line["level"] == 1 and line["step"] == 30 and line["split"] == "test"]
    dense = [line for line in run.levels() if line["level"] == 0]
    # Half of the weights gone, the trained network is still far above chance before any retraining.
    assert min(line["metrics"]["accuracy"]["value"] for line in start) > 0.4
    assert len(start) == len(dense) == 2


def test_one_shot_prunes_the_dense_network_each_time(tmp_path):
    run = carry_out(tiny(pruning={"iterations": 2, "fraction": 0.5, "one_shot": True}), tmp_path)
    dense, mask = run.read_weights(Key(0, 0, "dense")), run.read_mask(Key(0, 2, "ticket"))
    kept = torch.cat([dense[name].abs()[mask[name]] for name in mask])
    pruned = torch.cat([dense[name].abs()[~mask[name]] for name in mask])
    assert kept.min() >= pruned.max()
    assert masks.count(mask) == round(TOTAL / 4)


def test_layers_of_their_own_rate_and_layers_left_out():
    pruning = {"allocation": "uniform", "fraction": 0.5, "fractions": {"out*": 0.1}, "iterations": 1}
    level = plan(prepare(tiny(pruning=pruning | {"iterations": 2})), "prune")[2]
    assert level.density == (round(1024 * 0.25) + round(160 * 0.81)) / TOTAL
    level = plan(prepare(tiny(pruning={"fraction": 0.5, "exclude": ["output"]})), "prune")[1]
    assert level.density == (512 + 160) / TOTAL


def test_what_a_level_keeps_is_counted_as_pruning_counts_it():
    """A network of 1,024 and 160 weights, all ranked together or layer by layer."""
    globally = {"allocation": "global", "fraction": 0.5}
    by_layer = {"allocation": "uniform", "fraction": 0.5, "fractions": {"hidden_1": 0.9}}
    assert round(1184 * 0.5**11) == 1  # of 0.58
    assert len(plan(prepare(tiny(pruning=globally | {"iterations": 11})), "prune")) == 12
    with pytest.raises(LotteryError, match="level 12; the last level with a network is 11"):
        plan(prepare(tiny(pruning=globally | {"iterations": 12})), "prune")
    # hidden_1 keeps none from level 4 on, a collapse that is said when it is there; output keeps one up to level 8.
    assert [round(1024 * 0.1**3), round(1024 * 0.1**4), round(160 * 0.5**8), round(160 * 0.5**9)] == [1, 0, 1, 0]
    assert plan(prepare(tiny(pruning=by_layer | {"iterations": 8})), "prune")[8].density == 1 / TOTAL
    with pytest.raises(LotteryError, match="level 9; the last level with a network is 8"):
        plan(prepare(tiny(pruning=by_layer | {"iterations": 9})), "prune")
    # What isn't pruned doesn't count.
    with pytest.raises(LotteryError, match="level 9; the last level with a network is 8"):
        plan(prepare(tiny(pruning={"fraction": 0.5, "exclude": ["hidden_1"], "iterations": 9})), "prune")
    # A run that only trains never gets there.
    assert len(plan(prepare(tiny(pruning=globally | {"iterations": 12})), "train")) == 1


def test_excluded_layers_stay_dense(tmp_path):
    run = carry_out(tiny(pruning={"iterations": 1, "fraction": 0.5, "exclude": ["output"]}), tmp_path)
    mask = run.read_mask(Key(0, 1, "ticket"))
    assert mask["output.weight"].all()
    assert int(mask["hidden_1.weight"].sum()) == 512


def test_densities_of_the_lottery_ticket_paper(mnist_root):
    """Frankle & Carbin 2019, figure 3 and section 2: after rounds 3, 7, 12, 15, 18."""
    from pathlib import Path

    from lottery.config.file import load

    path = Path(__file__).parents[1] / "configs" / "frankle2019_lenet_mnist.yaml"
    setting = prepare(load(path, [f"data.root={mnist_root}", "device=cpu"]))
    levels = plan(setting, "prune")
    assert [round(100 * levels[k].density, 1) for k in (3, 7, 12, 15, 18)] == [51.3, 21.1, 7.0, 3.6, 1.9]


def test_early_stop_is_the_first_minimum_of_the_validation_loss(finished):
    for line in finished.levels():
        own = [record for record in finished.metrics() if Key.of(record) == Key.of(line)]
        losses = {record["step"]: record["loss"] for record in own if record["split"] == "validation"}
        assert list(losses) == [0, 10, 20, 30]
        best = min(losses.values())
        early = line["early_stop"]
        assert early["step"] == next(step for step, loss in losses.items() if loss == best)
        tests = {record["step"]: record for record in own if record["split"] == "test"}
        for measured, step in ((early["test"], early["step"]), (line["test"], 30)):
            assert measured == {key: tests[step][key] for key in ("loss", "metrics")}


def test_early_stop_by_hand():
    """The minimum of the validation loss, where that of the test loss lies elsewhere, and it is reached twice."""
    setting = prepare(tiny())
    losses = {"validation": [2.0, 0.5, 0.4, 0.4, None], "test": [0.1, 0.3, 0.5, 0.6, 0.7]}
    records = [
        evaluation(split=split, step=10 * index, loss=loss, accuracy=index / 10 + (split == "validation") / 2)
        for split, values in losses.items()
        for index, loss in enumerate(values)
    ]
    member, network = Member(Key(0, 1, "ticket"), setting.recipe), setting.dense(setting.initial(0))
    line = summary(setting, member, network, records)
    assert (line["early_stop"]["step"], accuracy(line["early_stop"]["test"])) == (20, 0.2)
    assert (line["stop_step"], line["test"]["loss"], accuracy(line["test"])) == (40, 0.7, 0.4)
    assert (line["validation"]["loss"], accuracy(line["validation"])) == (None, 0.9)
    line = summary(setting, member, network, [record for record in records if record["split"] == "test"])
    assert (line["validation"], line["early_stop"]) == (None, None)


def test_without_validation_there_is_no_early_stop(tmp_path):
    run = carry_out(tiny(data__validation=0, pruning__iterations=1), tmp_path)
    assert not any(line["early_stop"] for line in run.levels())
    assert {line["split"] for line in run.metrics()} == {"train", "test"}


def test_a_study_whose_networks_all_diverge_fails_with_the_likely_cause(tmp_path):
    config = tiny(train__optimizer={"name": "sgd", "lr": 1e30})
    run = Run.create(tmp_path, config, {"study": "prune"})
    with pytest.raises(RunFailed, match=r"all networks diverged.*\n.*Lower train\.optimizer\.lr"):
        carry_on(run, prepare(config))
    assert run.record["status"] == "failed"
    assert {line["level"] for line in run.levels()} == {0}
    for line in (run.path / "metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
