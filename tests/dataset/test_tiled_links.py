"""Large samples that are grids of linked files."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import deeplake_nb
from deeplake_nb.errors import CredentialsError, FormatError, LinkError, SampleError
from deeplake_nb.format.grids import decode_grid, encode_grid
from deeplake_nb.format.samples import LinkTiled, link_tiled
from tests.format.fuzz import damaged, survives

WHOLE = (np.arange(6 * 8 * 3) % 250).astype("uint8").reshape(6, 8, 3)


@pytest.fixture
def paths(tmp_path):
    """A grid of 2 x 2 files of (3, 4, 3) that make WHOLE."""
    out = np.empty((2, 2), object)
    for row, column in np.ndindex(2, 2):
        out[row, column] = str(tmp_path / f"{row}{column}.png")
        Image.fromarray(WHOLE[3 * row : 3 * row + 3, 4 * column : 4 * column + 4]).save(out[row, column])
    return out


def made(verify=True):
    ds = deeplake_nb.empty("mem://tiled-links", overwrite=True)
    ds.create_tensor("x", htype="link[image]", sample_compression="png", verify=verify)
    return ds


@pytest.mark.parametrize("verify", [True, False])
def test_a_grid_of_files_is_one_picture(paths, verify, tmp_path):
    ds = made(verify)
    ds.x.append(deeplake_nb.link(paths[0, 0]))
    ds.x.append(deeplake_nb.link_tiled(paths))
    ds.x.extend([None, deeplake_nb.link(paths[1, 1])])
    ds.x[2] = deeplake_nb.link_tiled(paths[::-1])
    for one in (ds, deeplake_nb.load("mem://tiled-links")):
        assert np.array_equal(one.x[1].numpy(), WHOLE)
        assert np.array_equal(one.x[2].numpy(), np.concatenate([WHOLE[3:], WHOLE[:3]]))
        assert np.array_equal(one.x[3].numpy(), WHOLE[3:, 4:])
        assert one.x[1].shape == (6, 8, 3)
    bounds = ds.x.shape_interval
    assert bounds.upper == ((4, 6, 8, 3) if verify else (4,))
    (tmp_path / "11.png").unlink()
    again = deeplake_nb.load("mem://tiled-links")
    assert np.array_equal(again.x[1, :2].numpy(), WHOLE[:2]), "no other file than those of the part is opened"
    with pytest.raises(LinkError, match=r"11\.png"):
        again.x[1].numpy()
    ds.x.pop(1)
    ds.x.pop(0)
    assert len(deeplake_nb.load("mem://tiled-links").x) == 2
    assert np.array_equal(deeplake_nb.load("mem://tiled-links").x[0, 4:].numpy(), WHOLE[1:3])


def test_copies_keep_the_grid(paths):
    ds = made()
    ds.x.append(deeplake_nb.link_tiled(paths))
    copied = deeplake_nb.copy("mem://tiled-links", "mem://tiled-links-copy", overwrite=True)
    assert np.array_equal(copied.x[0].numpy(), WHOLE)


def test_files_that_make_no_picture(paths, tmp_path):
    ds = made()
    Image.fromarray(WHOLE).save(tmp_path / "large.png")
    odd = paths.copy()
    odd[1, 0] = str(tmp_path / "large.png")
    with pytest.raises(LinkError, match=r"expected the shape of the first tile, \(3, 4, 3\), got \(6, 8, 3\)"):
        ds.x.append(deeplake_nb.link_tiled(odd))
    odd[1, 0] = str(tmp_path / "none.png")
    with pytest.raises(LinkError, match=r"none\.png"):
        ds.x.append(deeplake_nb.link_tiled(odd))
    with pytest.raises(CredentialsError, match="no credentials key 'k'"):
        ds.x.append(deeplake_nb.link_tiled(paths, creds_key="k"))
    with pytest.raises(SampleError, match="grid with 4 axes"):
        ds.x.append(deeplake_nb.link_tiled(paths.reshape(2, 2, 1, 1)))
    assert len(ds.x) == len(deeplake_nb.load("mem://tiled-links").x) == 0


@pytest.mark.parametrize("value", [[], "a.png", [[]], [["a.png", 3]], [[""]], 3, [["a", None]]])
def test_what_is_no_grid(value):
    with pytest.raises(SampleError, match="link_tiled takes a grid of paths"):
        link_tiled(value)


def test_paths_that_the_format_cannot_hold():
    for path in ("é.png", "a\0b"):
        with pytest.raises(SampleError, match="ASCII paths"):
            encode_grid(link_tiled([[path, "b"]]), (2, 2, 3), "x")


def test_a_grid_does_not_show_what_is_in_its_address():
    assert "secret" not in repr(link_tiled([["https://host/a.png?sig=secret"]]))


GRID = encode_grid(link_tiled([["/a.png", "/b.png", "s3://c"], ["/d", "/e", "/f"]]), (4, 5, 3), "x")


def test_bytes_of_a_grid():
    assert GRID.tiling == ((8, 15, 3), (4, 5, 3))
    head = bytes.fromhex("06332e392e353203020000000300000001000000")
    assert GRID.payload == head + b"/a.png\0/b.png\0s3://c\0/d\0/e\0/f\0"
    found = decode_grid(memoryview(GRID.payload), "k", "x")
    assert (found.paths.tolist(), found.creds_key) == (
        [[["/a.png"], ["/b.png"], ["s3://c"]], [["/d"], ["/e"], ["/f"]]],
        "k",
    )


@given(st.data())
def test_damage_gives_a_grid_or_an_error(data):
    found = survives(lambda raw: decode_grid(memoryview(raw), None, "x"), data.draw(damaged([GRID.payload])))
    assert found is None or isinstance(found, LinkTiled)


def test_a_grid_that_contradicts_the_table(paths):
    ds = made()
    ds.x.append(deeplake_nb.link_tiled(paths))
    (key,) = [key for key in ds._state.storage._objects if "/x/chunks/" in f"/{key}"]
    stored = bytes(ds._state.storage._objects[key])
    ds._state.storage._objects[key] = stored.replace(b"\x03\x02\0\0\0\x02\0\0\0", b"\x03\x01\0\0\0\x04\0\0\0")
    with pytest.raises(FormatError, match="linked files in one of"):
        deeplake_nb.load("mem://tiled-links").x[0].numpy()
