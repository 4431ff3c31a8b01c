"""The benchmarks run, on data that is right. Times are not asserted."""

from __future__ import annotations

import pytest

from tests.benchmarks import arrays, pictures, start
from tests.benchmarks.measure import QUICK, Line, alternating, markdown


@pytest.mark.parametrize(("section", "count"), [(arrays, 6), (pictures, 3), (start, 2)])
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
