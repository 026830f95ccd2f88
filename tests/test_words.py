import pytest

from lottery import words


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (3.4 * 2**20, "3.4 MiB"),
        (2**40, "1.0 TiB"),
        (2**52, "4096.0 TiB"),
    ],
)
def test_bytes(count, text):
    assert words.of_bytes(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, ""), (0, "0"), (999, "999"), (532400, "532 k"), (999_600, "1 M"), (2e18, "2 E"), (2e21, "2000 E")],
)
def test_operations(count, text):
    assert words.of_operations(count) == text


@pytest.mark.parametrize(("levels", "text"), [([], "none"), ([3], "level 3"), ([0, 1, 2], "levels 0 to 2")])
def test_levels(levels, text):
    assert words.of_levels(levels) == text


def test_a_rewind():
    record = {"level": 2, "to": 100, "weights": "reinit", "mask": "invert"}
    assert words.of_rewind(record) == "level 2 from 100it, weights reinit, mask invert"
