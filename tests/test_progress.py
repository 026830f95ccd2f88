import io
import sys
from collections import Counter
from itertools import repeat
from types import SimpleNamespace

import pytest
import torch
from conftest import Quiet, carry_on, evaluation, plan, tiny
from rich.console import Console

from lottery.display.progress import Display
from lottery.errors import Interrupted
from lottery.networks.key import Key
from lottery.store.run import Run
from lottery.studies.pace import Work
from lottery.studies.prepare import prepare
from lottery.tasks.classification import Classification


def watch(tmp_path, terminal):
    """What the display of a whole study writes."""
    config = tiny(pruning__iterations=1, execution="looped")
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    run = Run.create(tmp_path, config, {"study": "prune"})
    setting = prepare(config)
    with Display(console, setting.task.metrics[0]) as display:
        carry_on(run, setting, display)
        frame = Console(width=120, file=io.StringIO())
        display._levels[1].left = {Key(0, 1, "ticket"), Key(1, 1, "ticket")}  # as if two were still under way
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
    for word in ("level 1 (50.0% of weights)", "8 of 8", "reinit", "shuffle", "member steps/s", "nothing left"):
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
        self.steps[members[0].key.level] += len(members) * done

    def advanced(self, members, steps):
        self.steps[members[0].key.level] += len(members) * steps


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


@pytest.fixture
def clock(monkeypatch):
    """The seconds that a display reads; set by hand."""
    now = [0.0]
    monkeypatch.setattr("lottery.display.progress.time.perf_counter", lambda: now[0])
    return now


class Shown:
    """A display of some levels, drawn at a width."""

    def __init__(self, levels, width=160):
        self.console, self.width = Console(file=io.StringIO(), width=width), width
        self.display = Display(self.console, Classification.metrics[0])
        self.chunks = [list(group) for level in levels for group in level.groups()]
        self.display.planned(levels, Work(self.chunks, every=10), "")

    def frame(self):
        """The rows that a terminal would show now."""
        drawn = Console(file=io.StringIO(), width=self.width)
        drawn.print(self.display._render())
        return drawn.file.getvalue().splitlines()

    @property
    def lines(self):
        return self.console.file.getvalue().splitlines()


def test_a_line_and_a_frame_by_hand(clock):
    """Two networks of 30 steps go on from step 10, and are at step 20 after 10 seconds."""
    shown = Shown(plan(prepare(tiny()), "train"))
    (members,) = shown.chunks
    shown.display.training(members, 10)
    assert "estimating the time left" in shown.frame()[-1]
    shown.display.advanced(members, 0)
    clock[0] = 10.0
    shown.display.advanced(members, 10)
    shown.display.evaluated([evaluation(0, accuracy=0.6), evaluation(1, accuracy=0.8)])
    (own, whole) = shown.frame()
    assert own.count("━") == whole.count("━") == 30 * 40 // 60
    assert "0 of 2 networks trained, test accuracy at step 10 dense 70.00%" in own
    assert "66.7%, 2 member steps/s, about 0:10 left" in whole
    clock[0] = 14.0
    assert "about 0:06 left" in shown.frame()[-1], "it is counted down while nothing is heard"
    shown.display.advanced(members, 10)
    shown.display.evaluated([evaluation(0, accuracy=0.7, step=30), evaluation(1, accuracy=0.9, step=30)])
    shown.display.trained(members)
    assert "2 of 2 networks trained, test accuracy dense 80.00%; " in shown.lines[-1]
    assert shown.lines[-1].endswith("nothing left")


def means(levels, *lines, trained=()):
    """What is said of a level whose networks were evaluated so, and of whom some are trained."""
    shown = Shown(levels)
    for members in shown.chunks:
        shown.display.training(members, 0)
    shown.display.evaluated(lines)
    everybody = [member for level in levels for member in level.members]
    for key in trained:
        shown.display.trained([member for member in everybody if member.key == key])
    return shown.display._levels[lines[0]["level"]].means(Classification.metrics[0])


@pytest.fixture(scope="module")
def three():
    """A level of three tickets and three controls."""
    return [plan(prepare(tiny(replicates=3, pruning__arms=["random"])), "prune")[1]]


def test_networks_at_different_points_are_never_averaged(three):
    at = lambda replicate, step, accuracy, **more: evaluation(replicate, 1, step=step, accuracy=accuracy, **more)  # noqa: E731
    under_way = [at(0, 20, 0.8), at(1, 20, 0.6), at(2, 10, 0.1)]
    assert means(three, *under_way) == "test accuracy at step 20 ticket 70.00% (2 of 3)"
    assert means(three, at(0, 20, 0.8), at(1, 10, 0.6)) == "test accuracy at step 20 ticket 80.00% (1 of 3)", (
        "the furthest"
    )
    both = [*under_way, at(0, 10, 0.5, arm="random")]
    assert means(three, *both).endswith(" ticket 70.00% (2 of 3) at step 20, random 50.00% (1 of 3) at step 10")
    (last,) = [at(2, 30, 0.9)]
    assert means(three, *under_way, last, trained=[Key(2, 1, "ticket")]) == "test accuracy ticket 90.00% (1 of 3)"
    done = [at(0, 30, 0.7), at(1, 30, 0.8), last]
    keys = [Key(replicate, 1, "ticket") for replicate in range(3)]
    assert means(three, *done, trained=keys) == "test accuracy ticket 80.00%"


def test_a_diverged_network_is_left_out(three):
    lost = evaluation(0, 1, accuracy=0.1, step=30, loss=None)
    assert means(three, lost) == "test accuracy ticket diverged"
    other = evaluation(1, 1, accuracy=0.8, step=30)
    assert means(three, lost, other) == "test accuracy at step 30 ticket 80.00% (1 of 3)"


@pytest.mark.parametrize("width", [80, 200])
def test_every_number_has_room(three, width, clock):
    shown = Shown(three, width)
    for members in shown.chunks:
        shown.display.training(members, 0)
    shown.display.evaluated([evaluation(0, 1, accuracy=0.8), evaluation(0, 1, "random", accuracy=0.7)])
    text = " ".join(" ".join(shown.frame()).split())
    assert "…" not in text
    for words in ("level 1 (50.0%", "0 of 6", "80.00%", "70.00%", "at step 10", "estimating"):
        assert words in text
    assert len(shown.frame()) == (3 if width == 80 else 2)


def test_lines_come_less_often_the_longer_a_study_takes(clock):
    shown = Shown(plan(prepare(tiny()), "train"))
    (members,) = shown.chunks
    shown.display.training(members, 0)
    for second in range(1, 7201):
        clock[0] = float(second)
        shown.display.evaluated([evaluation(0)])
    assert 150 < len(shown.lines) < 250


def test_one_output_in_a_notebook(monkeypatch, clock):
    """IPython is asked for one output, which is replaced."""
    made = []

    class Handle:
        def __init__(self, first):
            self.shown = [first]

        def update(self, what):
            self.shown.append(what)

    def display(first, display_id):
        assert display_id
        made.append(Handle(first))
        return made[-1]

    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())
    levels, file = plan(prepare(tiny()), "train"), io.StringIO()
    members = list(levels[0].members)
    with Display(Console(file=file, force_jupyter=True, width=100), Classification.metrics[0]) as shown:
        shown.planned(levels, Work([members]), "how")
        for second in range(10):
            clock[0] = second
            shown.training(members, 0)
        shown.evaluated([evaluation(0), evaluation(1)])
        shown.trained(members)
    (handle,) = made
    texts = []
    for what in handle.shown:
        drawn = Console(file=io.StringIO(), width=160)
        drawn.print(what)
        texts.append(drawn.file.getvalue().lstrip())
        assert "text/html" in what._repr_mimebundle_((), ())
    assert file.getvalue() == ""
    assert "study" in texts[-2]
    assert [line[:28] for line in texts[-1].splitlines()] == [f"{'how':28}", "level 0 (100.0% of weights) "]


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
