"""How many values are taken at once."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.dataset import companions
from deeplake_nb.dataset import slabs as module
from deeplake_nb.dataset.slabs import slabs
from deeplake_nb.errors import FormatError
from deeplake_nb.format.meta import TensorMeta

from .stores import create, memory

META = TensorMeta(name="x", htype="image", dtype="uint8", sample_compression="jpeg")


def file(height):
    out = io.BytesIO()
    Image.fromarray(np.full((height, 8, 3), height % 256, "uint8")).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize("kind", [list, iter])
def test_files_are_loaded_up_to_so_many_bytes(monkeypatch, kind):
    monkeypatch.setattr(module, "_SLAB_NBYTES", 100_000)
    small, large = file(8), file(8) + bytes(40_000)
    loaded = []
    files = [deeplake.Sample(load=lambda _, data=data: loaded.append(len(data)) or data) for data in [large] * 9]
    sizes = []
    for slab in slabs(kind(files), META):
        sizes.append(len(slab))
        assert sum(loaded) < 100_000 + len(large)
        assert [one.buffer.nbytes for one in slab] == loaded, "each once"
        loaded.clear()
    assert sizes == [3, 3, 3]
    files = [deeplake.Sample(load=lambda _: small) for _ in range(700)]
    assert max(len(slab) for slab in slabs(kind(files), META)) <= 512
    assert sum(len(slab) for slab in slabs(kind(files), META)) == 700


def test_what_must_be_encoded_is_taken_a_few_at_a_time():
    arrays = [np.zeros((2, 2, 3), "uint8")] * 200
    assert [len(slab) for slab in slabs(arrays, META)] == [64, 64, 64, 8]
    other = io.BytesIO()
    Image.fromarray(arrays[0]).save(other, "PNG")
    files = [deeplake.Sample(other.getvalue())] * 200
    assert [len(slab) for slab in slabs(files, META)] == [64, 64, 64, 8]


def test_a_file_that_is_none_is_named_and_nothing_is_added(tmp_path):
    good, bad = tmp_path / "good.jpg", tmp_path / "bad.jpg"
    good.write_bytes(file(8))
    bad.write_bytes(b"no picture at all")
    ds = create(memory())
    x = ds.create_tensor("x", htype="image", sample_compression="jpeg")
    with pytest.raises(FormatError, match=r"bad\.jpg"):
        x.extend([deeplake.read(good)] * 600 + [deeplake.read(bad)])
    assert len(x) == 0
    x.extend([deeplake.read(good)] * 3)
    assert x[2].tobytes() == file(8)


def test_grey_and_coloured_files_keep_their_shapes():
    ds = create(memory())
    x = ds.create_tensor("x", htype="image", sample_compression="jpeg")
    grey = io.BytesIO()
    Image.fromarray(np.zeros((5, 7), "uint8")).save(grey, "JPEG")
    x.extend([deeplake.Sample(file(8)), deeplake.Sample(grey.getvalue()), deeplake.Sample(file(9))])
    assert x.shapes().tolist() == [[8, 8, 3], [5, 7, 1], [9, 8, 3]]
    assert x[1].sample_info["shape"] == [5, 7, 1]


@pytest.mark.parametrize("kind", [list, tuple])
def test_short_texts_are_taken_many_at_a_time(kind):
    meta = TensorMeta(name="x", htype="text", dtype="str")
    assert [len(slab) for slab in slabs(kind(["short"] * 20_000), meta)] == [16_384, 3_616]
    mixed = ["short"] * 16_384 + ["long" * 1_000] * 10_000 + ["short"] * 9
    found = list(slabs(kind(mixed), meta))
    assert [len(slab) for slab in found] == [16_384, 8_192, 1_817]
    assert [text for slab in found for text in slab] == mixed
    assert [len(slab) for slab in slabs(kind([{"a": 1}] * 9_000), meta)] == [8_192, 808]
    assert [len(slab) for slab in slabs(iter(["short"] * 9_000), meta)] == [8_192, 808]
    assert not list(slabs(kind([]), meta))


def test_what_a_companion_is_given_of_rows_that_are_alike_takes_the_memory_of_some(monkeypatch):
    monkeypatch.setattr(companions, "_ALIKE_AT_ONCE", 100)
    alike = np.broadcast_to(np.array([3, 4]), (250, 2))
    pieces = list(companions.pieces(alike))
    assert [len(one) for one in pieces] == [100, 100, 50]
    assert np.array_equal(np.concatenate(pieces), alike)
    assert all(np.shares_memory(one, pieces[0]) for one in pieces)
    several = np.arange(250)
    assert [one is several for one in companions.pieces(several)] == [True]
    assert [len(one) for one in companions.pieces(alike[:0])] == [0]


def test_the_shapes_of_many_rows_that_are_alike(monkeypatch):
    monkeypatch.setattr(companions, "_ALIKE_AT_ONCE", 7)
    ds = create(memory())
    ds.create_tensor("x")
    ds.x.extend(np.zeros((20, 2, 3)))
    ds.x.append(np.zeros((1, 4)))
    ds.x.extend(np.zeros((9, 5, 6)))
    expected = [(2, 3)] * 20 + [(1, 4)] + [(5, 6)] * 9
    assert [tuple(one) for one in ds["_x_shape"].numpy()] == expected
