"""Standard output and standard error that are full, closed, or read by nobody any more: no study minds."""

from __future__ import annotations

import importlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Forked, tiny

from lottery import streams
from lottery.store.run import Run
from lottery.studies.prepare import prepare

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")

CALL = f"{sys.executable} -c 'from lottery.cli import main; main()'"


@pytest.fixture
def study(tmp_path):
    """Two workers, so that their processes have such streams, too."""
    config = tiny(pruning__iterations=1, pruning__arms=[], train__length="12it", train__evaluate_every="6it", workers=2)
    prepare(config)  # what that imports needn't be imported by each process that is forked, nor what draws figures
    importlib.import_module("lottery.reporting.figures")
    (tmp_path / "study.yaml").write_text(config.to_yaml())
    return tmp_path


def shell(folder, line, **options):
    command = line.replace("lottery", CALL)
    return subprocess.run(["bash", "-c", command], cwd=folder, text=True, capture_output=True, timeout=120, **options)


def finished(folder):
    (path,) = (folder / "runs").iterdir()
    run = Run.open(path)
    run.whole_metrics()
    return run.record["status"] == "finished" and len(run.levels()) == 4


def full(number):
    return lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), number)


def closed(*numbers):
    return lambda: [os.close(number) for number in numbers]


def unread(number):
    """Lead a stream into a pipe whose reader has gone."""

    def lead():
        read, write = os.pipe()
        os.dup2(write, number)
        os.close(read)
        os.close(write)

    return lead


@pytest.mark.parametrize(
    "lead", [full(2), closed(2), unread(2), closed(0, 2)], ids=["full", "closed", "unread", "both"]
)
def test_progress_that_can_not_be_shown_stops_no_study(lead, study):
    process = Forked(study, "prune", "study.yaml", before=lead)
    assert process.wait() == 0
    shown = process.out
    assert shown.count("test accuracy at the end, %") == 1
    assert "run: " not in shown  # which goes to standard error
    assert process.err == ""
    assert finished(study)


def test_nor_a_process_of_its_own(study):
    """Which a shell starts, and which ends as Python does."""
    done = shell(study, "lottery config study.yaml 0<&- 2>&-")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("name: tiny\n")


def test_nor_do_its_errors(study):
    for lead in ("2>/dev/full", "2>&-"):
        done = shell(study, f"lottery prune nothing.yaml {lead}")
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_results_that_can_not_be_written_are_an_error_of_one_line(study):
    process = Forked(study, "prune", "study.yaml", before=full(1))
    assert process.wait() == 1
    assert "Traceback" not in process.err
    assert process.err.count("failed: standard output can't be written: no space left on device.") == 1
    assert finished(study)
    again = Forked(study, "report", "latest", "--csv", before=full(1))
    assert (again.wait(), len(again.err.splitlines())) == (1, 2), again.err
    done = shell(study, "lottery runs >/dev/full")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 2), done.stderr


def test_a_closed_output_is_no_error(study):
    process = Forked(study, "prune", "study.yaml", before=closed(1))
    assert process.wait() == 0, process.err
    assert "Traceback" not in process.err
    assert finished(study)
    done = shell(study, "lottery runs >&-")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_has_gone_loses_nothing(study):
    process = Forked(study, "prune", "study.yaml", before=unread(1))
    assert process.wait() == 1
    assert "Traceback" not in process.err
    assert finished(study)
    done = shell(study, "lottery runs > >(true); echo $?")
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_files_are_never_given_the_numbers_of_streams(study):
    """What libraries write to number 2 would land in them."""
    code = "from lottery import streams; streams.protect(); print(open('study.yaml').fileno() > 2)"
    done = subprocess.run(
        ["bash", "-c", f'exec "{sys.executable}" -c "{code}" 0<&- 2>&-'], cwd=study, text=True, capture_output=True
    )
    assert done.stdout == "True\n"


def test_a_message_in_the_middle_of_another_is_no_error(tmp_path):
    """As a signal's is: a buffer would raise RuntimeError for it."""
    read, write = os.pipe()
    file = streams._Progress(write, "wb", closefd=False)
    assert not isinstance(file, io.BufferedWriter)
    text = io.TextIOWrapper(file, line_buffering=True)
    print("hello", file=text)
    os.close(write)
    assert os.read(read, 100) == b"hello\n"
    os.close(read)
    print("nobody", file=text)


def test_messages_are_dropped_where_there_is_no_stream(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", None)
    streams.message("x")
    monkeypatch.undo()
    assert capsys.readouterr().out == ""


def test_characters_that_an_encoding_lacks_are_written_as_escapes(study):
    done = shell(
        study,
        "lottery config study.yaml --set 'data={name: mnist, root: é}'",
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert done.returncode == 0, done.stderr
    assert r"root: \xe9" in done.stdout


def test_the_rest_of_a_very_long_line_is_left_unsaid(capsys):
    streams.message("first\n" + 9999 * "x" + "\nlast")
    first, long, last = capsys.readouterr().err.splitlines()
    assert (first, long, last) == ("first", 2000 * "x" + " ...", "last")
