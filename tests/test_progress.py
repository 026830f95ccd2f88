import io

import torch
from conftest import carry_on, tiny
from rich.console import Console

from lottery.cli.progress import Display
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
