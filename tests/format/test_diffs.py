"""What a commit changed: the bytes of the original, and damage."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import FormatError
from deeplake_nb.format.diffs import CommitDiff, DatasetDiff

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


names = st.text(st.characters(codec="utf-8"), max_size=9)
dataset_diffs = st.builds(DatasetDiff, flags, st.dictionaries(names, names, max_size=3), st.lists(names, max_size=3))


@given(dataset_diffs)
def test_diffs_of_datasets_are_read_as_they_are_written(diff):
    assert DatasetDiff.decode(diff.encode(), "d") == diff
    assert diff.has_changes == bool(diff.info_updated or diff.renamed or diff.deleted)


@given(damaged([DatasetDiff(True, {"a": "b", "c": "d"}, ["e", "f"]).encode()]))
def test_damaged_diffs_of_datasets(data):
    survives(lambda one: DatasetDiff.decode(one, "d"), data)


def test_names_that_change_twice_are_noted_once():
    diff = DatasetDiff()
    diff.rename("a", "b")
    diff.rename("b", "c")
    assert diff.renamed == {"a": "c"}
    diff.rename("x", "y")
    diff.rename("y", "x")
    assert diff.renamed == {"a": "c"}
    diff.delete("c")
    diff.delete("other")
    assert (diff.renamed, diff.deleted) == ({}, ["a", "other"])


@given(st.data(), st.integers(0, 8), st.integers(0, 4))
def test_removals_are_noted_in_numbers_of_the_commit_before(data, older, newer):
    """Against a list of what the rows were: numbers of old ones, None for new ones."""
    diff = CommitDiff(added_first=older, added_stop=older + newer)
    rows = [*range(older), *[None] * newer]
    changed = set()
    for _ in range(3):
        numbers = st.lists(st.integers(0, len(rows) - 1), unique=True, max_size=3) if rows else st.just([])
        update, gone = data.draw(numbers), sorted(data.draw(numbers))
        diff.update(np.array(update, np.int64))
        changed |= {rows[at] for at in update if rows[at] is not None}
        ids = np.array([999 if rows[at] is None else rows[at] for at in gone], np.uint64)
        diff.remove(np.array(gone, np.int64), ids)
        changed -= {rows[at] for at in gone}
        rows = [row for at, row in enumerate(rows) if at not in gone]
    left = [row for row in rows if row is not None]
    assert diff.deleted == [row for row in range(older) if row not in left]
    assert sorted(np.frombuffer(diff.deleted_ids, ">u8").tolist()) == diff.deleted
    assert diff.updated == [at for at, row in enumerate(rows) if row in changed and row is not None]
    assert (diff.added_first, diff.added_stop) == (len(left), len(rows))
