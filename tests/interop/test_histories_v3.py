"""Histories nobody thought of: both implementations write in turns, and neither may lose or change a value."""

from __future__ import annotations

import json
import os
import tempfile
from itertools import count
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import deeplake_nb
from tests.dataset.lineage import Node
from tests.interop.programs.steps import COLUMNS, LOSES, OURS_ONLY, OURS_TO_EXTEND, STEPS, begin, sound, value
from tests.interop.test_read_v3 import compare, described

_SEEDS = st.integers(1, 10_000)


@st.composite
def histories(draw):
    """Some columns, and steps: what kind, by whom, and on what."""
    columns = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=2, max_size=5, unique=True))
    column = st.sampled_from(columns)
    extension = st.dictionaries(column, st.lists(_SEEDS, min_size=1, max_size=5), min_size=1)
    step = st.one_of(
        st.tuples(st.just("extend"), st.booleans(), extension),
        st.tuples(st.just("replace"), st.booleans(), column, _SEEDS, _SEEDS),
        st.tuples(st.just("remove"), st.booleans(), column, _SEEDS),
        st.tuples(st.just("commit"), st.booleans()),
        st.tuples(st.just("fork"), st.booleans()),
        st.tuples(st.just("switch"), _SEEDS),
        st.tuples(st.just("merge"), st.booleans(), _SEEDS, st.sampled_from(["ours", "theirs"])),
    )
    return columns, draw(st.lists(step, min_size=2, max_size=8))


class History:
    """A dataset that both write, and what its branches must hold: for each column the seeds of its rows."""

    def __init__(self, original, folder, columns):
        self.original = original
        self.folder = folder
        self.branch = "main"
        self.heads = {"main": Node(None, {name: [] for name in columns})}
        self.numbers = count()
        self.is_committed = False

    @property
    def head(self):
        return self.heads[self.branch]

    def close(self, branch):
        """The model of a commit."""
        self.heads[branch] = self.heads[branch].head()
        self.is_committed = True

    def do(self, is_ours, name, **arguments):
        """Let one of the two make a step."""
        note(f"{'ours' if is_ours else 'theirs'}: {name} {self.branch} {arguments}")
        if is_ours:
            STEPS[name](deeplake_nb, branch=self.branch, **arguments).close()
        else:
            self.original.do("step", self.folder, name=name, branch=self.branch, **arguments)

    def extend(self, is_ours, columns):
        self.do(is_ours or OURS_TO_EXTEND & columns.keys(), "extend", columns=columns)
        for name, seeds in columns.items():
            self.head.tensors[name] += [(next(self.numbers), seed) for seed in seeds]

    def replace(self, is_ours, column, number, seed):
        if rows := self.head.tensors[column]:
            row = number % len(rows)
            self.do(is_ours or column in OURS_ONLY, "replace", column=column, row=row, seed=seed)
            self.head.replace(column, row, seed)

    def remove(self, is_ours, column, number):
        if rows := self.head.tensors[column]:
            row = number % len(rows)
            is_ours = is_ours or self.is_committed or column in OURS_ONLY  # it breaks the original's own book
            self.do(is_ours, "remove", column=column, row=row)
            self.head.remove(column, row)

    def commit(self, is_ours):
        self.do(is_ours, "commit")
        self.close(self.branch)

    def fork(self, is_ours):
        if any(self.head.tensors.values()):
            new = f"branch{len(self.heads)}"
            self.do(is_ours, "fork", new=new)
            self.close(self.branch)
            self.heads[new] = self.head.parent.head(new)
            self.branch = new

    def switch(self, number):
        self.branch = self.chosen(number)

    def merge(self, is_ours, number, whose):
        other = self.chosen(number)
        if other == self.branch:
            return
        is_ours = bool(is_ours or OURS_ONLY & self.head.tensors.keys())
        self.do(is_ours, "merge", other=other, whose=whose)
        self.close(other)
        theirs = self.heads[other].parent
        if theirs not in self.head.ancestry():
            self.head.join(theirs, whose, together=is_ours)
            self.close(self.branch)

    def chosen(self, number):
        return sorted(self.heads)[number % len(self.heads)]

    def check(self):
        """Every branch reads here as the model says, and every version as the original reads it."""
        for branch, head in self.heads.items():
            ds = deeplake_nb.load(f"ds@{branch}", read_only=True)
            for name, seeds in head.values().items():
                assert len(ds[name]) == len(seeds), (branch, name)
                for row, seed in enumerate(seeds):
                    assert same(name, ds[name][row], seed), (branch, name, row)
        self.original.do("check", self.folder, path="ds")
        self.original.do("describe", self.folder, path="ds")
        for address, version in json.loads((self.folder / "expected.json").read_text())["versions"].items():
            got = described(f"ds@{address}", list(version["tensors"]))
            assert compare("history", version, got) == [], address


def same(column, one, seed):
    """Whether a row holds the value of a seed; what loses a little is compared with what the original reads only."""
    expected = value(column, seed)
    htype = COLUMNS[column].get("htype", "generic")
    if htype in {"text", "json", "list", "tag"}:
        return one.data()["value"] == expected
    found = one.numpy(aslist=True)
    if htype == "audio":
        return np.array_equal(found[:, 0], sound(seed))
    if htype in {"polygon", "sequence[text]", "sequence[json]"}:
        expected = expected or []
        found = found if htype == "polygon" else one.data()["value"]
        return len(found) == len(expected) and all(map(np.array_equal, found, expected))
    if htype.startswith("sequence["):
        return len(found) == len(expected) and all(map(np.array_equal, found, expected))
    return column in LOSES or np.array_equal(found.reshape(expected.shape), expected)


@settings(
    max_examples=settings().max_examples // 4,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(is_ours=st.booleans(), chunk_size=st.sampled_from([64, 1000, 8_000_000]), history=histories())
def test_both_write_in_turns(original, is_ours, chunk_size, history):
    columns, steps = history
    home = os.getcwd()  # noqa: PTH109
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            taken = History(original, Path(folder), columns)
            if is_ours:
                begin(deeplake_nb, chunk_size, columns)
            else:
                original.do("step", taken.folder, name="begin", chunk_size=chunk_size, columns=columns)
            for kind, *arguments in steps:
                getattr(taken, kind)(*arguments)
            taken.check()
        finally:
            os.chdir(home)
