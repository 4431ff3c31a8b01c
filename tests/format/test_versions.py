"""The commit tree: names, ancestors, which commit holds a chunk, and trees that are none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import FormatError, VersionNotFoundError
from deeplake_nb.format.keys import FIRST_COMMIT
from deeplake_nb.format.versions import VersionTree, decode_chunk_set, encode_chunk_set

from .fuzz import damaged, survives

A, B, C, D = (letter * 40 for letter in "abcd")


def node(branch, parent, children, time=1700000001.5):
    return {
        "branch": branch,
        "parent": parent,
        "children": children,
        "commit_message": None if time is None else "made",
        "commit_time": time,
        "commit_user_name": None if time is None else "public",
        "is_checkpoint": False,
        "total_samples_processed": 0,
    }


# from the first commit on: A and then B are on main, C and then D on other
TREE = {
    "commits": {
        FIRST_COMMIT: node("main", None, [A, C]),
        A: node("main", FIRST_COMMIT, [B]),
        B: node("main", A, [], None),
        C: node("other", FIRST_COMMIT, [D]),
        D: node("other", C, [], None),
    },
    "branches": {"main": B, "other": D},
}
DATA = json.dumps(TREE).encode()


def tree(record):
    return VersionTree.decode(json.dumps(record).encode(), "v")


def test_a_tree_of_the_original():
    found = tree(TREE)
    assert json.loads(found.encode()) == TREE
    assert [one.id for one in found.ancestry(D)] == [D, C, FIRST_COMMIT]
    assert [found.resolve(name).id for name in ("main", "other", A, FIRST_COMMIT)] == [B, D, A, FIRST_COMMIT]
    assert [found.resolve(name).is_head for name in ("main", A)] == [True, False]


def test_fields_that_are_unknown_are_kept():
    record = json.loads(DATA)
    record["commits"][A]["future"] = [1]
    assert json.loads(tree(record).encode()) == record


def test_a_tree_that_is_missing_is_one_open_commit():
    found = VersionTree()
    assert found.resolve("main").is_head
    assert [one.id for one in found.ancestry(FIRST_COMMIT)] == [FIRST_COMMIT]


def test_an_unknown_name():
    with pytest.raises(
        VersionNotFoundError, match=r"no branch or commit 'othr' \(did you mean 'other'\?\); branches: main, other"
    ):
        tree(TREE).resolve("othr")


# ------------------------------------------------------------------ which commit holds a chunk


def owner(chunk_sets, commit, chunk, tensor="t"):
    asked = []

    def chunk_set(of, key):
        asked.append((of, key))
        return decode_chunk_set(chunk_sets.get((of, key), b""))

    return tree(TREE).owner(commit, tensor, chunk, chunk_set), asked


def test_the_nearest_ancestor_that_lists_a_chunk_has_it():
    sets = {(B, "t"): b"3", (A, "t"): b"2,3"}
    assert owner(sets, B, "3")[0] == (B, "t")
    assert owner(sets, B, "2")[0] == (A, "t")
    assert owner(sets, B, "1") == ((FIRST_COMMIT, "t"), [(B, "t"), (A, "t")])
    assert owner(sets, A, "3")[0] == (A, "t")
    assert owner(sets, D, "3")[0] == (FIRST_COMMIT, "t")
    assert owner(sets, FIRST_COMMIT, "3") == ((FIRST_COMMIT, "t"), [])


def test_a_merge_names_the_commit_and_the_key_of_a_chunk():
    sets = {(B, "t"): f"1:{D},2:{C}:u,3".encode(), (D, "t"): b"1"}
    assert owner(sets, B, "1")[0] == (D, "t")
    assert owner(sets, B, "2")[0] == (C, "u")
    assert owner(sets, B, "3")[0] == (B, "t")


names = st.text("0123456789abcdef", min_size=1, max_size=4)
targets = st.just(("", "")) | st.tuples(names, st.just("")) | st.tuples(names, st.text("abc/:", min_size=1, max_size=5))


@given(st.dictionaries(names, targets))
def test_a_chunk_set_comes_back(entries):
    assert decode_chunk_set(encode_chunk_set(entries)) == entries


def test_a_chunk_set_of_the_original():
    assert decode_chunk_set(b"") == {}
    assert decode_chunk_set(b"98d70076c0e413b,1:abc") == {"98d70076c0e413b": ("", ""), "1": ("abc", "")}
    assert encode_chunk_set({}) == b""


# ------------------------------------------------------------------ trees that are none


def edited(*path, value):
    record = json.loads(DATA)
    at = record
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return record


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ([], "not a commit tree"),
        ({}, "not a commit tree"),
        ({"commits": {}, "branches": {}}, "the first commit or all branches are missing"),
        ({"commits": [], "branches": {}}, "not a commit tree"),
        ({**TREE, "branches": {}}, "the first commit or all branches are missing"),
        ({**TREE, "branches": {"main": "gone"}}, "branch 'main' names an unknown commit gone"),
        ({**TREE, "branches": {"main": [B]}}, "not a commit tree"),
        ({**TREE, "branches": ["main"]}, "not a commit tree"),
        ({**TREE, "branches": 5}, "not a commit tree"),
        (edited("commits", A, value=[]), "not a commit tree"),
        (edited("commits", A, "parent", value="gone"), f"commit {A} names an unknown parent gone"),
        (edited("commits", A, "parent", value=[1]), "not a commit tree"),
        (edited("commits", A, "branch", value=[1]), "not a commit tree"),
        (edited("commits", A, "children", value=None), "not a commit tree"),
        (edited("commits", A, "children", value=[5]), "not a commit tree"),
        (edited("commits", A, "commit_time", value="today"), "not a commit tree"),
        (edited("commits", A, "commit_time", value=True), "not a commit tree"),
    ],
)
def test_what_is_no_tree_is_named(record, message):
    with pytest.raises(FormatError, match=rf"^v: {message}"):
        tree(record)


def test_a_circle_of_parents_is_found():
    found = tree(edited("commits", A, "parent", value=B))
    with pytest.raises(FormatError, match=f"commit {B} is its own ancestor"):
        list(found.ancestry(B))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([A, B, "main"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(data=st.data())
def test_damage_gives_a_tree_or_an_error(data):
    survives(lambda raw: VersionTree.decode(raw, "v"), data.draw(damaged([DATA])), 1_000_000)
    path = data.draw(
        st.sampled_from([("branches",), ("commits",), ("branches", "main"), ("commits", A), ("commits", B, "parent")])
        | st.tuples(st.just("commits"), st.sampled_from([A, FIRST_COMMIT]), st.sampled_from(list(TREE["commits"][A])))
    )
    found = survives(
        lambda raw: VersionTree.decode(raw, "v"), json.dumps(edited(*path, value=data.draw(JSON))).encode(), 1_000_000
    )
    if found is None:
        return
    for commit in found.commits:
        survives(lambda _, at=commit: list(found.ancestry(at)), b"")
    found.resolve(next(iter(found.branches)))
