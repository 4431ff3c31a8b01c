"""How far a job is, in words."""

from __future__ import annotations

import pytest

from deeplake_nb.progress.stand import Stand, duration
from deeplake_nb.progress.terminal import _line


@pytest.mark.parametrize(
    ("stand", "now", "end"),
    [
        (
            Stand("copy", "B", 500_000, 2_000_000, 500_000.0, 1.0),
            "500 kB of 2 MB, 500 kB/s, 3.0 s left",
            "500 kB in 1.0 s, 500 kB/s",
        ),
        (
            Stand("add", "samples", 12_345, 100_000, 410.0, 30.0),
            "12,345 of 100,000 samples, 410/s, 3 min 34 s left",
            "12,345 samples in 30 s, 412/s",
        ),
        (Stand("copy", "B", 500, 500, 250.0, 2.0), "500 B of 500 B, 250 B/s, finishing", "500 B in 2.0 s, 250 B/s"),
        (Stand("add", "samples", 7, None, 3.5, 2.0), "7 samples, 3.5/s", "7 samples in 2.0 s, 3.5/s"),
        (Stand("look", "B", 0, None, 0.0, 4.0), "4.0 s", "0 B in 4.0 s, 0 B/s"),
        (Stand("look", "B", 0, 10, 0.0, 4.0), "0 B of 10 B, 0 B/s", "0 B in 4.0 s, 0 B/s"),
        (
            Stand("add", "samples", 5, 10, 1.0, 5.0, "cancelled"),
            "5 of 10 samples, 1.0/s, cancelled",
            "cancelled after 5 of 10 samples",
        ),
        (Stand("add", "samples", 5, None, 1.0, 5.0, "failed"), "5 samples, 1.0/s, failed", "failed after 5 samples"),
        (Stand("look", "B", 0, None, 0.0, 4.0, "cancelling"), "cancelling, 4.0 s", "cancelling after 0 B"),
    ],
)
def test_words(stand, now, end):
    assert (stand.now(), stand.end()) == (now, end)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (3.21, "3.2 s"), (12.4, "12 s"), (59.7, "1 min 0 s"), (125, "2 min 5 s"), (3840, "1 h 4 min")],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_more_than_was_expected_is_all_of_it():
    assert Stand("copy", "B", 12, 10, 1.0, 1.0).share == 1.0
    assert Stand("copy", "B", 0, 0, 0.0, 1.0).share == 1.0
    assert Stand("copy", "B", 5, None, 0.0, 1.0).share is None


def test_a_line_never_needs_a_second_one():
    stand = Stand("copy to s3://a-bucket-with-a-long-name/and/folders\nin\tit", "B", 5, 10, 1.0, 1.0)
    numbers = " [==========          ] 50% 5 B of 10 B, 1 B/s, 5.0 s left"
    assert _line(stand, 200) == f"copy to s3://a-bucket-with-a-long-name/and/folders in it{numbers}"
    short = _line(stand, 79)
    assert len(short) == 79
    assert short.startswith("copy to s3://a-")
    assert short.endswith(f"…{numbers}")
    assert _line(stand, 20) == numbers[:20]
