"""Journals: what they hold, when they are out of date, and damage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import FormatError
from deeplake_nb.format import journal

from .fuzz import damaged, survives

contents = st.none() | st.binary(max_size=20)
changes = st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=9), st.tuples(contents, contents), max_size=5)


def entries(changes):
    return [journal.entry(key, journal.digest(before), after) for key, (before, after) in changes.items()]


@given(changes)
def test_what_is_written_is_read(changes):
    found = journal.decode(journal.encode(entries(changes)), "j")
    assert found == entries(changes)
    assert journal.is_current(found, {key: before for key, (before, _) in changes.items()})
    assert journal.is_current(found, {key: after for key, (_, after) in changes.items()})


def test_a_journal_is_out_of_date_when_an_object_is_neither_old_nor_new():
    found = entries({"a": (b"old", b"new"), "b": (None, b"new"), "c": (b"old", None)})
    for stored, is_current in [
        ({"a": b"old", "b": b"new", "c": None}, True),
        ({"a": b"other", "b": b"new", "c": None}, False),
        ({"a": b"old", "b": b"", "c": None}, False),
        ({"a": None, "b": None, "c": b"old"}, False),
    ]:
        assert journal.is_current(found, stored) == is_current


@given(damaged([journal.encode(entries({"a": (b"old", b"new"), "b": (None, bytes(30)), "c": (b"", None)}))]))
def test_damage(data):
    survives(lambda one: journal.decode(one, "j"), data)


def test_what_is_no_journal():
    whole = journal.encode(entries({"a": (b"old", b"new")}))
    for data in (b"", b"{}", whole[:-1], whole[:20]):
        with pytest.raises(FormatError):
            journal.decode(data, "j")
