"""Reading and writing take memory for what is under way, not for all there is."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks import memory

MB = 1 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read where Linux tells it")
@pytest.mark.parametrize("operation", memory.OPERATIONS)
@pytest.mark.parametrize("cloud", ["S3", "Azure", "GCS"])
def test_it_stays_under_three_times_what_is_in_flight(cloud, operation):
    nbytes = 8 * MB if operation == "write in parts" else 4 * MB  # 64 times that is the whole
    most = memory.peak(cloud, operation, nbytes)
    assert 0 < most < 3 * memory.in_flight(cloud, operation, nbytes)
    if operation.startswith("read"):
        assert most > memory.in_flight(cloud, operation, nbytes) // 4  # it was measured, and while many were under way
