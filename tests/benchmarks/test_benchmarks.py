"""The benchmarks run, on data that is right. Times are not asserted."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.benchmarks import arrays, deeplakes, hub, names, pictures, start, storage
from tests.benchmarks.measure import QUICK, Line, alternating, markdown


@pytest.mark.parametrize(
    ("section", "count"), [(arrays, 6), (pictures, 3), (start, 2), (names, 1), (hub, 3), (storage, 12), (deeplakes, 43)]
)
def test_a_section_measures_every_line(section, count):
    lines = section.lines(QUICK)
    assert len(lines) == count
    assert all(line.ours > 0 and line.limit > 0 for line in lines)


def test_functions_take_turns_in_fresh_folders():
    turns = []

    def first(folder):
        turns.append(("first", folder))
        assert list(folder.iterdir()) == []
        (folder / "left behind").touch()

    taken = alternating(2, first, lambda folder: turns.append(("second", folder)))
    assert [name for name, _ in turns] == ["first", "second"] * 3
    assert len({folder for _, folder in turns}) == 6
    assert not any(folder.exists() for _, folder in turns)
    assert all(seconds > 0 for seconds in taken)


def test_the_table():
    lines = [Line("read", 0.003, "1.5 x", "np.load", 0.002), Line("start", 1.25, "2 s")]
    assert markdown(lines).splitlines()[2:] == [
        "| read | 3 ms | 1.5 x | 1.50 | np.load, 2 ms |",
        "| start | 1.25 s | 2 s |  |  |",
    ]


def test_what_each_operation_asks_of_a_storage():
    """Upper bounds: fewer are welcome."""
    bounds = {
        "empty()": {"put": 2},
        "two tensors and 1,000 rows, in one block": {"put": 33, "get": 4, "list": 6},  # one put and get for the lock
        "1,000 rows more": {"put": 25, "delete": 1},  # some for the journal: they are in both tensors or none
        "close()": {"get": 1, "delete": 1},  # of the lock
        "load()": {"get": 11},
        "all rows of a tensor": {"get": 3},
        "one row of it, afterwards": {},
        "copy(), of the source": {"get": 33, "list": 2},
    }
    counted = storage.requests()
    assert list(counted) == list(bounds)
    for operation, bound in bounds.items():
        assert counted[operation] <= Counter(bound), operation
    assert "| load() | 11 |" in storage.requests_table()
