"""Smaller copies of pictures and masks, kept in step with what they are copies of."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import deeplake_nb
from deeplake_nb.errors import HtypeError, SampleError, TensorExistsError, UnsupportedError
from deeplake_nb.format.downsampling import smaller
from deeplake_nb.format.samples import PartialSample

from .stores import create, load, memory

RNG = np.random.default_rng(0)
LARGE = RNG.integers(0, 255, (80, 60, 3), np.uint8)
OTHER = RNG.integers(0, 255, (64, 64, 3), np.uint8)


def halved(array, factor=2):
    height, width = array.shape[:2]
    return np.asarray(Image.fromarray(array).resize((width // factor, height // factor), Image.Resampling.BILINEAR))


def made(store, **options):
    ds = create(store)
    ds.create_tensor("x", **{"htype": "image", "sample_compression": "png", "downsampling": (2, 2), **options})
    return ds


def copies(ds, layer):
    return ds[f"_x_downsampled_{layer}"].numpy(aslist=True)


@pytest.mark.parametrize("how", [{}, {"sample_compression": None, "chunk_compression": "lz4"},
                                 {"sample_compression": None, "chunk_compression": "png"}])  # fmt: skip
def test_copies_follow_every_change(how):
    store = memory()
    ds = made(store, **how)
    rows = [LARGE, OTHER]
    ds.x.extend([LARGE, OTHER])
    ds.x.append(LARGE[:8, :8])
    rows.append(LARGE[:8, :8])

    def check():
        for one in (ds, load(store)):
            assert all(map(np.array_equal, one.x.numpy(aslist=True), rows))
            for row, found in zip(rows, copies(one, 2), strict=True):
                assert np.array_equal(found, halved(row)) if row.size > 2000 else found.size == 0
            for row, found in zip(rows, copies(one, 4), strict=True):
                assert np.array_equal(found, halved(halved(row))) if row.size > 5000 else found.size == 0

    check()
    ds.x[2] = rows[2] = OTHER[::-1].copy()
    check()
    ds.x[0, 10:30, 5:25] = 7
    rows[0] = LARGE.copy()
    rows[0][10:30, 5:25] = 7
    check()
    ds.x.pop(1)
    del rows[1]
    check()
    ds.commit("all of it")
    ds.x.append(OTHER)
    rows.append(OTHER)
    check()
    ds.x.clear()
    rows.clear()
    check()


def test_hidden_tensors_and_what_they_say():
    store = memory()
    ds = made(store, create_id_tensor=False)
    assert list(ds.tensors) == ["x"]
    meta = ds["_x_downsampled_2"].meta
    assert (meta.hidden, meta.htype, meta.sample_compression) == (True, "image", "png")
    assert meta.links == {"_x_downsampled_4": {"extend": "extend_downsample", "update": "update_downsample",
                                               "flatten_sequence": True}}  # fmt: skip
    assert ds["_x_downsampled_4"].info["downsampling_factor"] == 2
    ds.create_tensor_like("y", ds.x)
    ds.y.append(LARGE)
    assert ds["_y_downsampled_4"].numpy().shape == (1, 20, 15, 3)
    ds.rename_tensor("x", "z")
    ds.z.append(OTHER)
    assert np.array_equal(copies(load(store), 2)[0], halved(OTHER)), "copies keep their name, as in the original"
    ds.delete_tensor("z")
    assert [name for name in ds._state.meta.tensor_names if "x" in name or "z" in name] == []


def test_masks_keep_their_values():
    ds = create(memory())
    mask = RNG.integers(0, 9, (40, 50)).astype("uint32")
    ds.create_tensor("m", htype="segment_mask", downsampling=(3, 1), sample_compression="lz4").append(mask)
    found = ds["_m_downsampled_3"][0].numpy()
    assert found.shape == (13, 16)
    assert set(np.unique(found)) <= set(np.unique(mask))
    expected = np.asarray(Image.fromarray(mask.astype("uint8")).resize((16, 13), Image.Resampling.NEAREST))
    assert np.array_equal(found, expected)


def test_links_and_files(tmp_path):
    Image.fromarray(LARGE).save(tmp_path / "a.png")
    ds = create(memory())
    how = {"sample_compression": "png", "downsampling": (2, 1)}
    for verify in (True, False):
        x = ds.create_tensor(f"x{verify}", htype="link[image]", verify=verify, **how)
        x.extend([deeplake_nb.link(tmp_path / "a.png"), None])
        assert np.array_equal(ds[f"_x{verify}_downsampled_2"][0].numpy(), halved(LARGE))
    grid = deeplake_nb.link_tiled([[str(tmp_path / "a.png")] * 2])
    with pytest.raises(UnsupportedError, match="smaller copies"):
        x.append(grid)
    assert len(x) == 2
    ds.create_tensor("y", htype="image", **how).append(deeplake_nb.read(tmp_path / "a.png"))
    assert np.array_equal(ds["_y_downsampled_2"][0].numpy(), halved(LARGE))


def test_a_bad_row_changes_no_copy():
    store = memory()
    ds = made(store)
    ds.x.append(LARGE)
    with pytest.raises(SampleError):
        ds.x.extend([OTHER, np.zeros((50, 50, 7), "uint8")])
    assert len(load(store).x) == len(copies(load(store), 2)) == len(copies(load(store), 4)) == 1


@pytest.mark.parametrize("wanted", [(1, 2), (2,), 2, (2, 0), (2.0, 1), "22", (True, 2), (2, 2, 2)])
def test_what_is_no_downsampling(wanted):
    with pytest.raises(HtypeError, match="downsampling is a factor from 2 on"):
        made(memory(), downsampling=wanted)


@pytest.mark.parametrize("htype", ["bbox", "sequence[image]", "text"])
def test_htypes_without_copies(htype):
    with pytest.raises(HtypeError, match="downsampling is for htypes image"):
        made(memory(), htype=htype, **({} if "image" in htype else {"sample_compression": None}))


def test_a_name_that_is_taken():
    ds = create(memory())
    ds.create_tensor("_x_downsampled_4")
    with pytest.raises(TensorExistsError):
        ds.create_tensor("x", htype="image", sample_compression="png", downsampling=(2, 2))
    assert list(ds._state.meta.tensor_names) == [
        "_x_downsampled_4",
        "__x_downsampled_4_shape",
        "__x_downsampled_4_id",
    ] or ("x" not in ds._state.meta.tensor_names)


@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,), (4,)])
def test_channels(channels):
    array = RNG.integers(0, 255, (40, 60, *channels), np.uint8)
    found = smaller(array, 2, "image")
    planes = array.reshape(40, 60, -1)
    each = [halved(np.ascontiguousarray(planes[..., at])) for at in range(planes.shape[2])]
    expected = halved(array) if channels == (4,) else np.stack(each, -1)  # Pillow weighs colours by their opacity
    assert np.array_equal(found.reshape(20, 30, -1), expected)
    assert found.shape == (20, 30, *channels)


def test_what_is_too_small_and_what_is_not_there():
    assert smaller(None, 2, "image") is None
    assert smaller(np.zeros((20, 20, 3), "uint8"), 2, "image").shape == (0, 0, 0)
    assert smaller(np.zeros((1, 900, 3), "uint8"), 2, "image").shape == (0, 0, 0)
    assert smaller(PartialSample((400, 300, 3), (50, 50, 3)), 4, "image") == PartialSample((100, 75, 3), (50, 50, 3))
