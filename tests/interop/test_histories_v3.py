"""Histories nobody thought of: both implementations write in turns, and neither may lose or change a value."""

from __future__ import annotations

import copy
import json
import os
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import deeplake_nb
from tests.interop.programs.steps import COLUMNS, LOSES, OURS_ONLY, STEPS, begin, extend, sound, value
from tests.interop.test_read_v3 import compare, described

_SEEDS = st.integers(1, 10_000)


@st.composite
def histories(draw):
    """Some columns, and steps: what kind, by whom, and on what."""
    columns = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=2, max_size=5, unique=True))
    column = st.sampled_from(columns)
    extension = st.dictionaries(column, st.lists(_SEEDS, min_size=1, max_size=5), min_size=1)
    step = st.one_of(
        st.tuples(st.just("ours"), extension),
        st.tuples(st.just("theirs"), extension),
        st.tuples(st.just("replace"), st.booleans(), column, _SEEDS, _SEEDS),
        st.tuples(st.just("remove"), st.booleans(), column, _SEEDS),
        st.tuples(st.just("commit"), st.booleans()),
        st.tuples(st.just("fork"), st.booleans()),
        st.tuples(st.just("switch"), _SEEDS),
    )
    return columns, draw(st.lists(step, min_size=2, max_size=8))


class History:
    """A dataset that both write, and what its branches must hold: for each column the seeds of its rows."""

    def __init__(self, original, folder, columns):
        self.original = original
        self.folder = folder
        self.branch = "main"
        self.model = {"main": {name: [] for name in columns}}
        self.is_committed = False

    def theirs(self, name, **arguments):
        note(f"{name} {arguments}")
        self.original.do("step", self.folder, name=name, branch=self.branch, **arguments)

    def either(self, is_ours, name, **arguments):
        if not is_ours:
            return self.theirs(name, **arguments)
        note(f"ours: {name} {self.branch} {arguments}")
        return STEPS[name](deeplake_nb, branch=self.branch, **arguments).close()

    def take(self, kind, *arguments):
        rows = self.model[self.branch]
        if kind in {"ours", "theirs"}:
            (columns,) = arguments
            if kind == "ours":
                note(f"ours: extend {self.branch} {columns}")
                extend(deeplake_nb, self.branch, columns).close()
            else:
                self.theirs("extend", columns=columns)
            for name, seeds in columns.items():
                rows[name] += seeds
        elif kind == "replace" and rows[arguments[1]]:
            is_ours, column, row, seed = arguments
            row %= len(rows[column])
            self.either(is_ours or column in OURS_ONLY, "replace", column=column, row=row, seed=seed)
            rows[column][row] = seed
        elif kind == "remove" and rows[arguments[1]]:
            is_ours, column, row = arguments
            row %= len(rows[column])
            is_ours = is_ours or self.is_committed or column in OURS_ONLY  # it breaks the original's own book
            self.either(is_ours, "remove", column=column, row=row)
            del rows[column][row]
        elif kind == "commit":
            self.either(arguments[0], "commit")
            self.is_committed = True
        elif kind == "fork" and any(rows.values()):
            new = f"branch{len(self.model)}"
            self.either(arguments[0], "fork", new=new)
            self.model[new] = copy.deepcopy(rows)
            self.branch, self.is_committed = new, True
        elif kind == "switch":
            self.branch = sorted(self.model)[arguments[0] % len(self.model)]

    def check(self):
        """Every branch reads here as the model says, and every version as the original reads it."""
        for branch, columns in self.model.items():
            ds = deeplake_nb.load(f"ds@{branch}", read_only=True)
            for name, seeds in columns.items():
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
            for step in steps:
                taken.take(*step)
            taken.check()
        finally:
            os.chdir(home)
