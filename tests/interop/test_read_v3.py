"""What the original wrote reads here as it reads there: every program, version, tensor and sample."""

from __future__ import annotations

import json

import numpy as np
import pytest

import deeplake_nb
from tests.interop.programs import EVERY
from tests.interop.values import Book, describe, differences

DIFFERENT = {
    ("nothing", "x", 0): "the original raises EmptyTensorError; here None is an empty array",
    ("nothing", "x", 1): "the same",
    ("video", "video", None): "the original loses the first frame, moves the others up and leaves zeros at the end",
    ("video", "linked", None): "the same",
    ("video", "mkv", None): "the same",
    ("video", "avi", None): "the same",
}
"""Samples (None: all of a tensor) whose values differ, and why."""


def described(path, names):
    """Our description, as JSON would give it back."""
    ds = deeplake_nb.load(path, read_only=True)
    return json.loads(json.dumps(describe(Book(), ds, names)))


def compare(program, expected, got, *, is_fresh=False):
    """Differences that no table above names; in a fresh dataset those that are named must be there."""
    for name, column in expected["tensors"].items():
        for number, row in enumerate(column["rows"]):
            ours = got["tensors"][name]["rows"][number]
            if DIFFERENT.keys() & {(program, name, number), (program, name, None)}:
                for form in {"numpy", "data"} & row.keys():
                    assert row[form] != ours[form] or not is_fresh, (
                        f"{program}/{name}/{number} differs no more: take it off the table"
                    )
                    row[form] = ours[form] = "explained"
            for form, value in row.items():
                if isinstance(value, dict) and "error" in value:  # tobytes() of tiles, path() of a grid
                    row[form] = ours[form]
    return list(differences(expected, got))


@pytest.mark.parametrize("program", EVERY)
def test_every_version_reads_equal(program, written, monkeypatch):
    monkeypatch.chdir(written / program)  # links are relative
    expected = json.loads((written / program / "expected.json").read_text())
    assert sorted(deeplake_nb.load("ds", read_only=True).branches) == sorted(expected["branches"])
    for address, version in expected["versions"].items():
        got = described(f"ds@{address}", list(version["tensors"]))
        assert compare(program, version, got, is_fresh=True) == [], address


def test_the_programs_reach_every_part_of_the_format(written):
    """So that a program that silently writes less is noticed."""
    seen = {"htypes": set(), "compressions": set(), "rows": 0, "versions": 0}
    for program in EVERY:
        for version in json.loads((written / program / "expected.json").read_text())["versions"].values():
            seen["versions"] += 1
            for column in version["tensors"].values():
                seen["rows"] += len(column["rows"])
                seen["htypes"].add(column["htype"])
                seen["compressions"].update(column["compressions"])
    assert seen["rows"] > 1500
    assert seen["versions"] > 35
    assert len(seen["htypes"]) > 30
    images = {"png", "jpeg", "bmp", "webp", "tiff", "gif", "ppm", "tga", "jpeg2000"}
    assert images | {"lz4", "mp4", "wav", "nii", "nii.gz", "dcm", "las", "stl", None} <= seen["compressions"]


def test_none_in_a_tensor_that_has_nothing_else_is_an_empty_array(written):
    nothing = deeplake_nb.load(written / "nothing" / "ds", read_only=True).x
    assert [(one.size, one.dtype) for one in nothing.numpy(aslist=True)] == [(0, np.int64)] * 2
