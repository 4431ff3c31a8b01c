"""The benchmark of vector stores runs; what does not depend on the machine is as it should be."""

from __future__ import annotations

from tests.benchmarks import vectorstore
from tests.benchmarks.measure import QUICK


def test_it_measures_every_line():
    lines = vectorstore.lines(QUICK)
    assert len(lines) == 17
    assert all(line.ours > 0 for line in lines)
    by_unit = {line.unit: line.ours for line in lines if line.unit}
    assert by_unit["MB"] < 512
    assert by_unit["of 1"] >= 0.95
