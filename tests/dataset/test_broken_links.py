"""Links that lead nowhere, or to damaged files, among others: each fails for itself, with its url and the reason."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.errors import FormatError, LinkError

from .stores import create, memory

BROKEN = [1, 3]
MESSAGES = [
    r"tensor 'x' row 1: the linked file .*gone\.png cannot be read: no object",
    r"tensor 'x' row 3 \(.*damaged\.png\): a corrupt image file",
]


@pytest.fixture
def paths(tmp_path):
    """Two pictures, one that is not there, and one that is cut off in the middle of its pixels."""
    for name, height in (("a", 4), ("b", 6)):
        Image.fromarray(np.full((height, 5, 3), height, "uint8")).save(tmp_path / f"{name}.png")
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), "uint8")
    Image.fromarray(noise).save(tmp_path / "damaged.png")
    (tmp_path / "damaged.png").write_bytes((tmp_path / "damaged.png").read_bytes()[:4000])
    return [str(tmp_path / f"{name}.png") for name in ("a", "gone", "b", "damaged")]


@pytest.fixture
def ds(paths):
    ds = create(memory())
    ds.create_tensor("x", htype="link[image]", sample_compression="png", verify=False)
    ds.x.extend([deeplake.link(path) for path in paths])
    return ds


def check(listed, shapes):
    assert [one.shape for one in listed[::2]] == shapes
    for one, message in zip(listed[1::2], MESSAGES, strict=True):
        assert isinstance(one, LinkError)
        with pytest.raises(LinkError, match=message):
            raise one


def test_in_a_list_each_fails_for_itself(ds):
    check(ds.x.numpy(aslist=True), [(4, 5, 3), (6, 5, 3)])
    check(ds.x.data(aslist=True)["value"], [(4, 5, 3), (6, 5, 3)])
    check(ds.x[:, :2, 0].numpy(aslist=True), [(2, 3), (2, 3)])
    check(ds[:].x.numpy(aslist=True), [(4, 5, 3), (6, 5, 3)])
    assert ds.x[[2, 0]].numpy(aslist=True)[1].shape == (4, 5, 3)


def test_rows_one_by_one(ds):
    shapes, failed = {}, []
    for at, row in enumerate(ds):
        try:
            shapes[at] = row.x.numpy().shape
        except (LinkError, FormatError) as error:
            failed.append((at, str(error)))
    assert [at for at, _ in failed] == BROKEN
    assert all(re.match(message, said) for message, (_, said) in zip(MESSAGES, failed, strict=True))
    assert shapes == {0: (4, 5, 3), 2: (6, 5, 3)}


def test_what_needs_all_of_them_says_which_is_missing(ds):
    with pytest.raises(LinkError, match=MESSAGES[0] + r".*\(1 of 4 linked files cannot be read; numpy\(aslist=True\)"):
        ds.x.numpy()
    with pytest.raises(LinkError, match=MESSAGES[0]):
        np.stack(ds.x[:2].numpy(aslist=True))
    with pytest.raises(LinkError, match=MESSAGES[0]):
        np.asarray(ds.x[:2].numpy(aslist=True)[1])
    with pytest.raises(LinkError, match=MESSAGES[0]):
        ds.x[1].numpy(aslist=True)


def test_items_of_sequences(paths):
    ds = create(memory())
    ds.create_tensor("x", htype="sequence[link[image]]", sample_compression="png", verify=False)
    ds.x.extend([[deeplake.link(path) for path in paths[:2]], [], [deeplake.link(paths[2])]])
    found = ds.x.numpy(aslist=True)
    assert [len(row) for row in found] == [2, 0, 1]
    assert (found[0][0].shape, found[2][0].shape) == ((4, 5, 3), (6, 5, 3))
    assert isinstance(found[0][1], LinkError)
    with pytest.raises(LinkError, match=r"gone\.png"):
        ds.x[0].numpy()


def test_grids_of_links(paths):
    ds = create(memory())
    ds.create_tensor("x", htype="link[image]", sample_compression="png", verify=False)
    for row in ([paths[0], paths[0]], [paths[0], paths[1]]):
        ds.x.append(deeplake.link_tiled(np.array([row])))
    found = ds.x.numpy(aslist=True)
    assert found[0].shape == (4, 10, 3)
    assert isinstance(found[1], LinkError)
    parts = ds.x[:, :, :5].numpy(aslist=True)
    assert [part.shape for part in parts] == [(4, 5, 3)] * 2, "the part lies in the file that is there"
    assert isinstance(ds.x[:, :, 5:].numpy(aslist=True)[1], LinkError)


def test_a_relative_path_goes_on_meaning_the_same_file(paths, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    ds = create(memory())
    ds.create_tensor("x", htype="link[image]", sample_compression="png")
    ds.x.extend([deeplake.link("a.png"), deeplake.link("./b.png"), deeplake.link("~/a.png"), deeplake.link(paths[0])])
    ds.x.append(deeplake.link_tiled([["a.png", paths[0]]]))
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    assert [one.shape for one in ds.x.numpy(aslist=True)] == [(4, 5, 3), (6, 5, 3), (4, 5, 3), (4, 5, 3), (4, 10, 3)]
    assert [str(ds.x[at].path()[0]) for at in (0, 1, 3)] == [paths[0], paths[2], paths[0]]
    assert deeplake.link("s3://bucket/a.png").path == "s3://bucket/a.png"
    assert deeplake.link("http://host/a.png?b=./c").path == "http://host/a.png?b=./c"
