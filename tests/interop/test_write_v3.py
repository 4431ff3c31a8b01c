"""What is written here opens in the original, reads equal, and both go on from there in turns."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import deeplake_nb
from deeplake_nb.dataset import amended
from deeplake_nb.storage.local import LocalStorage
from tests.interop.programs import BOTH, EITHER, EVERY, repeat
from tests.interop.test_read_v3 import compare, described
from tests.interop.values import differences

NOT_THE_SAME = {"modes": (3, "/tensors/gray/rows/1/"), "tiles": (4, "/bounds/0/")}
"""How many values of a program are not the same, and which: colour turned into grey is rounded here, cut there (array,
its copy and its file); an update of a tile there takes the tile for a sample as small as that."""
_WITHOUT_PATHS = {"tiled_links"}
"""Programs with rows of which the original cannot say where they come from."""
_WITHOUT_IDS = {"commits", "tiles", "canvases", "downsampled"}
"""Programs with tensors that the original cannot merge."""


put_patched = LocalStorage.put_patched
_DEFECTS: dict[str, str] = {}


def programs(names, *defects):
    """Parameters, those with a known defect marked so that its end is noticed."""
    mark = {name: pytest.mark.xfail(reason=_DEFECTS[name], raises=deeplake_nb.LakeError) for name in defects}
    return [pytest.param(name, marks=mark.get(name, ())) for name in names]


def expected(folder):
    return json.loads((folder / "expected.json").read_text())


def assert_reads_equal(original, folder, program):
    """The original finds nothing wrong with `ds`, and every version reads as it reads here. Gives its description."""
    original.do("check", folder, path="ds")
    original.do("describe", folder, path="ds")
    found = expected(folder)
    for address, version in found["versions"].items():
        ours = described(f"ds@{address}", list(version["tensors"]))
        assert compare(program, json.loads(json.dumps(version)), ours) == [], address
    return found


@pytest.mark.parametrize("program", programs(BOTH))
def test_the_same_program_leaves_the_same_dataset(program, original, written, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if (written / program / "files").exists():
        shutil.copytree(written / program / "files", "files")
    BOTH[program](deeplake_nb)
    found = assert_reads_equal(original, tmp_path, program)
    # Links keep whole paths here; the original keeps them as given, and finds them from one working folder only.
    found = json.loads(json.dumps(found).replace(f"{tmp_path}/", ""))
    different = list(differences(outline(expected(written / program)), outline(found)))
    count, where = NOT_THE_SAME.get(program, (0, ""))
    assert len(different) == count, different
    assert all(where in line for line in different)
    changes = original.do("check", written / program, path="ds")
    assert list(differences(changes, original.do("check", tmp_path, path="ds"))) == []


@pytest.mark.parametrize("program", [name for name in EITHER if name not in _WITHOUT_IDS | _WITHOUT_PATHS])
def test_the_original_goes_on_from_what_was_done_here(program, original, tmp_path, monkeypatch):
    """It appends, changes and removes rows, commits, branches and merges, and both read the outcome equal."""
    monkeypatch.chdir(tmp_path)
    BOTH[program](deeplake_nb)
    for branch in deeplake_nb.load("ds").branches:
        original.do("again", tmp_path, path=f"ds@{branch}", commit=f"theirs on {branch}")
    original.do("change", tmp_path, path="ds@main")
    assert_reads_equal(original, tmp_path, program)
    ds = deeplake_nb.load("ds")
    repeat(deeplake_nb, ds, rows=1)
    ds.commit("ours")
    ds.merge("changed", conflict_resolution="theirs")
    ds.close()
    assert_reads_equal(original, tmp_path, program)


def test_samples_overwritten_in_copies_of_their_chunks_read_equal(original, tmp_path, monkeypatch):
    """Of chunks of this commit and of older ones, of one shape and of several, written by either."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(amended, "_PATCH_NBYTES", 0)
    stored = []
    monkeypatch.setattr(LocalStorage, "put_patched", lambda *given: stored.append(put_patched(*given)))
    ds = deeplake_nb.empty("ds")
    with ds:
        for name, options in {"x": {"dtype": "float32"}, "several": {"dtype": "int16"}}.items():
            ds.create_tensor(name, max_chunk_size=4000, **options)
        ds.create_tensor("label", htype="class_label", class_names=["a", "b"], max_chunk_size=100)
        ds.create_tensor("text", htype="text", max_chunk_size=200)
        for at in range(60):
            several = np.full((at % 3 + 1, 40), at, "int16")
            ds.append({"x": np.full(64, at, "float32"), "several": several, "label": at % 2, "text": f"text {at:02}"})

    def change(seed):
        for at in (3, 4, 20, 40 + seed):
            ds.x[at] = np.full(64, seed, "float32")
            ds.several[at] = np.full((at % 3 + 1, 40), seed, "int16")
            ds.label[at] = seed % 2
            ds.text[at] = f"{seed:03} here"[:7]

    change(1)
    ds.commit("first")
    with ds:
        change(2)
    ds.close()
    assert len(stored) > 20
    assert_reads_equal(original, tmp_path, "overwritten")
    original.do("again", tmp_path, path="ds@main", commit="theirs")
    ds = deeplake_nb.load("ds")
    change(3)
    ds.close()
    assert_reads_equal(original, tmp_path, "overwritten")
    original.do("check", tmp_path, path="ds")


@pytest.mark.parametrize("is_ours", [True, False])
def test_saved_views_hold_the_same_rows(is_ours, original, written, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if is_ours:
        BOTH["views"](deeplake_nb)
        theirs = original.do("views", tmp_path, path="ds")
    else:
        theirs = original.do("views", written / "views", path="ds")
        shutil.copytree(written / "views", tmp_path, dirs_exist_ok=True)
    ds = deeplake_nb.load("ds")
    assert sorted(theirs) == ["listed", "optimized", "single", "sliced"]
    for entry in ds.get_views():
        view = entry.load()
        images = [one.tolist() for one in view.image.numpy(aslist=True)]
        found = [len(view), entry.message, entry.virtual, view.x.numpy().tolist(), view.label.numpy().tolist(), images]
        assert found == theirs[entry.id], entry.id
    ds.delete_view("listed")
    ds.load_view("sliced", optimize=True)
    ds[5:7].save_view(id="more")
    ds.close()
    after = original.do("views", tmp_path, path="ds")
    assert sorted(after) == ["more", "optimized", "single", "sliced"]
    assert after["sliced"] == [*theirs["sliced"][:2], False, *theirs["sliced"][3:]]


def outline(description):
    """What the original reads of a dataset, without what it draws at random and what only it writes of arrays."""
    for version in description["versions"].values():
        version.pop("version")
        for name, column in version["tensors"].items():
            if name not in version["visible"] and "downsampled" not in name:
                version["tensors"][name] = {"htype": column["htype"], "length": column["length"]}
            for row in column["rows"]:
                row.pop("sample_info", None)
    branches = {name: description["versions"].pop(name) for name in description["branches"]}
    commits = sorted(description["versions"].values(), key=lambda one: json.dumps(one, sort_keys=True))
    return {"branches": branches, "commits": commits}


@pytest.mark.parametrize("program", [name for name in EVERY if name not in _WITHOUT_PATHS])
def test_both_go_on_in_turns(program, original, written, tmp_path, monkeypatch):
    """Here, there with a commit, here upon the commit, there: each finds what the other has added."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(written / program, tmp_path, dirs_exist_ok=True)
    for branch in expected(tmp_path)["branches"]:
        ds = deeplake_nb.load(f"ds@{branch}")
        repeat(deeplake_nb, ds)
        ds.close()
    original.do("check", tmp_path, path="ds")
    original.do("again", tmp_path, path="ds@main", commit="theirs")
    found = assert_reads_equal(original, tmp_path, program)
    lengths = {name: column["length"] for name, column in found["versions"]["main"]["tensors"].items()}
    ds = deeplake_nb.load("ds")
    repeat(deeplake_nb, ds, rows=1)
    ds.close()
    original.do("again", tmp_path, path="ds@main")
    found = assert_reads_equal(original, tmp_path, program)
    for name, column in found["versions"]["main"]["tensors"].items():
        if name in ds.tensors and lengths[name]:
            assert column["length"] == lengths[name] + 1 + min(2, lengths[name] + 1), name
