import io
from collections import Counter
from itertools import repeat

import pytest
import torch
from conftest import Quiet, carry_on, evaluation, plan, tiny
from rich.console import Console

from lottery.display.progress import Display
from lottery.errors import Interrupted
from lottery.store.run import Run
from lottery.studies.prepare import prepare


def watch(tmp_path, terminal):
    """What the display of a whole study writes."""
    config = tiny(pruning__iterations=1, execution="looped")
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    run = Run.create(tmp_path, config, {"study": "prune"})
    setting = prepare(config)
    with Display(console, setting.task.metrics[0]) as display:
        carry_on(run, setting, display)
        frame = Console(width=120, file=io.StringIO())
        display._levels[1].left = 2  # as if two were still under way
        frame.print(display._render())
    return console.file.getvalue(), frame.file.getvalue()


def test_plain_lines_where_there_is_no_terminal(tmp_path):
    written, _ = watch(tmp_path, terminal=False)
    lines = written.splitlines()
    assert len(lines) == 4
    threads = torch.get_num_threads()
    expected = f"one process of {threads} thread{'s' * (threads > 1)}"
    assert lines[0] == f"looped, one member at a time in {expected}: as the config says"
    assert lines[1].startswith("masks cover 1,184 of 1,210 parameters; 2.15% stay dense: biases and normalisation")
    assert lines[2].startswith("level 0 (100.0% of weights) of 1: 2 of 2 networks trained, test accuracy dense ")
    for word in ("level 1 (50.0% of weights)", "8 of 8", "reinit", "shuffle", "member steps/s", "0:00 left"):
        assert word in lines[3]
    assert "\x1b" not in written


def test_a_live_display_in_a_terminal(tmp_path):
    written, frame = watch(tmp_path, terminal=True)
    assert "\x1b[" in written
    for word in (
        "level 1 (50.0% of weights)",
        "6 of 8 networks",
        "study",
        "member steps/s",
        "test accuracy ",
        "ticket ",
        "reinit ",
    ):
        assert word in frame


class Counting(Quiet):
    """A watcher that counts the steps of each level, those that a checkpoint held and those that followed."""

    def __init__(self):
        self.steps = Counter()

    def training(self, members, done):
        self.steps[members[0].key.level] += done

    def advanced(self, level, steps):
        self.steps[level] += steps


def test_steps_that_are_told_of_are_all_steps_of_all_members(tmp_path):
    config = tiny(pruning__rewind="12it", pruning__iterations=1, pruning__arms=[], execution="stacked")
    run, setting, asked = Run.create(tmp_path, config, {"study": "prune"}), prepare(config), repeat(False, 35)
    whole, rest = Counting(), Counting()
    with pytest.raises(Interrupted):
        carry_on(run, setting, whole, lambda: next(asked, True))
    assert whole.steps[0] == 2 * 30
    assert 0 < whole.steps[1] < 2 * 18
    carry_on(run, setting, rest)
    assert rest.steps == {1: 2 * 18}


def test_a_line_and_a_frame_by_hand(monkeypatch):
    """Two networks of 30 steps go on from step 10, and are at step 20 after 10 seconds."""
    setting, now = prepare(tiny()), [0.0]
    monkeypatch.setattr("lottery.display.progress.time.perf_counter", lambda: now[0])
    console, frame = (Console(file=io.StringIO(), width=160) for _ in range(2))
    display, levels = Display(console, setting.task.metrics[0]), plan(setting, "train")
    members = levels[0].members
    display.planned(levels, members, "")
    display.training(members, 20)
    display.advanced(0, 20)
    now[0] = 10.0
    display.evaluated([evaluation(0, accuracy=0.5), evaluation(1, accuracy=0.7), evaluation(1, accuracy=0.9, order=1)])
    frame.print(display._render())
    (own, whole) = frame.file.getvalue().splitlines()
    assert own.count("━") == whole.count("━") == 30 * 40 // 60
    assert "0 of 2 networks trained, test accuracy dense 70.00%" in own
    assert "2 member steps/s, 0:10 left" in whole
    display.trained(members)
    assert "2 of 2 networks trained, test accuracy dense 70.00%; 2 member steps/s" in console.file.getvalue()


def test_who_was_trained_before_counts_as_trained(tmp_path):
    """A level of which a half is done when a run is resumed says so, and has its line once the rest is."""
    config, asked = tiny(pruning__iterations=1, execution="looped"), iter([False] * 170)
    run, setting = Run.create(tmp_path, config, {"study": "prune"}), prepare(config)
    with pytest.raises(Interrupted):
        carry_on(run, setting, stop=lambda: next(asked, True))
    before = len([line for line in run.levels() if line["level"] == 1])
    assert 0 < before < 8
    console = Console(file=io.StringIO(), width=160)
    with Display(console, setting.task.metrics[0]) as display:
        carry_on(run, setting, display)
    (line,) = [line for line in console.file.getvalue().splitlines() if line.startswith("level 1")]
    assert "8 of 8 networks trained" in line
