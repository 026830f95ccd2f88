import os
import time

import numpy as np
import pytest
import torch
from PIL import Image

from lottery import cache
from lottery.data.image_folder import image_folder
from lottery.errors import LotteryError

TENSORS = {"images": torch.arange(6, dtype=torch.uint8)}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty cache, which isn't made before something is kept."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lottery"


def keep(digit="a", what="six numbers", fits=True):
    """Something in the cache, and how often it had to be made."""
    made = []
    found = cache.tensors(digit * 32, what, lambda path: made.append(path) or TENSORS, lambda found: fits)
    assert torch.equal(found["images"], TENSORS["images"])
    return len(made)


def test_what_is_kept_is_made_once(place):
    assert [keep(), keep(), keep("b")] == [1, 0, 1]
    assert {path.name for path in place.iterdir()} == {f"{'a' * 32}.safetensors", f"{'b' * 32}.safetensors"}


def test_what_does_not_fit_is_made_again(place, capsys):
    assert [keep(), keep(fits=False), keep()] == [1, 1, 0]
    assert "is damaged (it doesn't hold six numbers): decoding again" in capsys.readouterr().err


def test_a_sealed_cache_is_read_and_not_written(place):
    with cache.sealed():
        assert keep() == 1
        assert not place.parent.exists()
    keep()
    with cache.sealed():
        assert keep() == 0
    cache.clear()
    assert keep() == 1  # it isn't sealed any more
    assert len(cache.kept()) == 1


def test_the_cache_is_where_it_says(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for named in ("", "relative"):  # which the XDG specification wants ignored
        monkeypatch.setenv("XDG_CACHE_HOME", named)
        assert cache.folder() == tmp_path / ".cache" / "lottery"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.folder() == tmp_path / ".cache" / "lottery"


def test_the_command_lists_and_clears_what_lottery_has_written(place, lottery, tmp_path):
    assert lottery("cache").out == f"{place}: 0 files of 0 B\n"
    assert lottery("cache", "--clear").out == f"{place}: 0 files of 0 B removed\n"
    assert not place.exists()
    keep("a", "6 images of /pictures\x1b[31m")
    keep("b")
    os.utime(place / f"{'b' * 32}.safetensors", (0, 0))
    listed = lottery("cache").out.splitlines()
    assert listed[0].startswith(f"{place}: 2 files of ")
    assert [line.split()[0][:1] for line in listed[1:3]] == ["b", "a"]
    assert listed[2].endswith("6 images of /pictures\\x1b[31m")
    assert listed[3].endswith("lottery cache --clear")
    assert " removed" in lottery("cache", "--clear").out
    assert list(place.iterdir()) == []


def test_nothing_else_is_removed(place, tmp_path):
    keep()
    outside = tmp_path / "precious"
    outside.write_text("")
    name = f"{'c' * 32}.safetensors"
    (place / name).symlink_to(outside)
    (place / f"{'d' * 32}.safetensors").mkdir()
    (place / "notes.txt").write_text("")
    (place / f"x{name}").write_text("")
    (place / f".{name}.123.tmp").write_text("")  # under way
    killed = place / f".{name}.124.tmp"
    killed.write_text("")
    os.utime(killed, (time.time() - 7200,) * 2)
    left = {path.name for path in place.iterdir()} - {f"{'a' * 32}.safetensors", killed.name}
    assert [one.path.name[0] for one in cache.kept()] == ["a"]
    assert cache.clear()[0] == 2
    assert {path.name for path in place.iterdir()} == left
    assert outside.exists()


def test_a_damaged_file_is_listed_and_cleared(place):
    keep()
    (path,) = place.iterdir()
    path.write_bytes(b"no")
    assert [one.what for one in cache.kept()] == ["damaged"]
    assert cache.clear() == (1, 2)


def test_what_can_not_be_removed_is_said(place, monkeypatch):
    keep()

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.unlink", refuse)
    with pytest.raises(LotteryError, match=r"a.safetensors: can't be removed \(permission denied\)$"):
        cache.clear()


def test_a_cache_that_is_cleared_while_a_study_reads_it_costs_time_alone(place, tmp_path, monkeypatch):
    for split in ("train", "test"):
        for name in ("a", "b"):
            (tmp_path / "images" / split / name).mkdir(parents=True)
            Image.fromarray(np.full((4, 4), 7, np.uint8)).save(tmp_path / "images" / split / name / "0.png")
    first = image_folder(root=str(tmp_path / "images"))
    read = cache.read_tensors

    def cleared(path):
        cache.clear()
        return read(path)

    monkeypatch.setattr(cache, "read_tensors", cleared)
    again = image_folder(root=str(tmp_path / "images"))
    assert torch.equal(first.train_images, again.train_images)
    assert len(cache.kept()) == 1
