"""What a commit changed: the bytes of the original, and damage."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import FormatError
from deeplake_nb.format.diffs import CommitDiff

from .fuzz import damaged, survives

FRESH = bytes.fromhex("010000") + struct.pack(">QQQ?Q", 0, 5, 0, False, 0)
FULL = bytes.fromhex("000101") + struct.pack(">QQQQQ?QQQ", 3, 5, 2, 0, 2, True, 1, 1, 77) + struct.pack(">Q", 78)


def test_a_fresh_tensor_of_the_original():
    assert len(FRESH) == 36
    diff = CommitDiff.decode(FRESH, "d")
    assert diff == CommitDiff(created=True, added_stop=5)
    assert diff.encode() == FRESH


def test_all_fields():
    diff = CommitDiff.decode(FULL, "d")
    assert (diff.created, diff.info_updated, diff.data_transformed) == (False, True, True)
    assert (diff.added_first, diff.added_stop, diff.updated, diff.cleared, diff.deleted) == (3, 5, [0, 2], True, [1])
    assert diff.deleted_ids == struct.pack(">QQ", 77, 78), "the original writes more ids than it counts"
    assert diff.encode() == FULL


u8 = st.integers(0, 2**64 - 1)


flags = st.booleans()
diffs = st.builds(CommitDiff, flags, flags, flags, u8, u8, st.lists(u8), flags, st.lists(u8), st.binary(max_size=20))


@given(diffs)
def test_any_diff_comes_back(diff):
    assert CommitDiff.decode(diff.encode(), "d") == diff


@pytest.mark.parametrize("length", range(36))
def test_a_diff_that_is_cut_off_is_named(length):
    with pytest.raises(FormatError, match="d: the object is cut off"):
        CommitDiff.decode(FRESH[:length], "d")


@given(damaged([FRESH, FULL]))
def test_damage_gives_a_diff_or_an_error_in_bounded_memory(data):
    found = survives(lambda raw: CommitDiff.decode(raw, "d"), data, 200_000)
    assert found is None or found.encode()[3:] == data[3:20] + found.encode()[20:]
