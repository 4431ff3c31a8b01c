"""Embeddings and labels: in bulk, and single rows."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import deeplake_nb
from tests.benchmarks.measure import Line, alternating

if TYPE_CHECKING:
    from tests.benchmarks.measure import Scale

_WIDTH = 768
_SINGLE = 1000


def written(folder, htype, values):
    """A dataset of one tensor, `x`."""
    ds = deeplake_nb.empty(folder / "ds")
    with ds:
        ds.create_tensor("x", htype=htype).extend(values)
    return ds


def lines(scale: Scale) -> list[Line]:
    """Bulk writing and reading of embeddings and labels, and rows one at a time."""
    vectors = np.random.default_rng(0).random((scale.rows, _WIDTH), "float32")
    labels = np.random.default_rng(1).integers(0, 1000, scale.labels)
    listed = labels.tolist()
    folder = Path(tempfile.mkdtemp(prefix="benchmark-arrays-"))
    try:
        return [
            *_embeddings(scale, folder, vectors),
            *_labels(scale, folder, labels, listed),
            _rows(scale, folder, vectors),
        ]
    finally:
        shutil.rmtree(folder)


def _embeddings(scale, folder, vectors):
    written(folder, "embedding", vectors)
    np.save(folder / "x.npy", vectors)

    def read(_):
        return deeplake_nb.load(folder / "ds", read_only=True).x.numpy()

    assert np.array_equal(read(None), vectors)
    what = f"{scale.rows:,} x {_WIDTH} float32"
    ours, limit = alternating(
        scale.repeats, lambda new: written(new, "embedding", vectors), lambda new: np.save(new / "x.npy", vectors)
    )
    yield Line(f"write {what}", ours, "2 x", "np.save", limit)
    ours, limit = alternating(scale.repeats, read, lambda _: np.load(folder / "x.npy"))
    yield Line(f"read {what}", ours, "1.5 x", "np.load", limit)


def _labels(scale, folder, labels, listed):
    (folder / "labels").mkdir()
    written(folder / "labels", "class_label", labels)
    np.save(folder / "labels.npy", labels)

    def read(_):
        return deeplake_nb.load(folder / "labels" / "ds", read_only=True).x.numpy()

    assert np.array_equal(read(None).ravel(), labels)
    array, python, limit = alternating(
        scale.repeats,
        lambda new: written(new, "class_label", labels),
        lambda new: written(new, "class_label", listed),
        lambda new: np.save(new / "labels.npy", labels),
    )
    what = f"{scale.labels:,} labels"
    yield Line(f"extend {what}, an array", array, "0.1 s", "np.save", limit)
    yield Line(f"extend {what}, a list", python, "0.1 s", "np.save", limit)
    ours, limit = alternating(scale.repeats, read, lambda _: np.load(folder / "labels.npy"))
    yield Line(f"read {what}", ours, "0.1 s", "np.load", limit)


def _rows(scale, folder, vectors):
    """Chunks are local: a first round has read them all."""
    wanted = np.random.default_rng(2).integers(0, scale.rows, _SINGLE).tolist()
    ds = deeplake_nb.load(folder / "ds", read_only=True)

    def ours(_):
        return [ds.x[row].numpy() for row in wanted]

    assert np.array_equal(ours(None), vectors[wanted])
    mapped = np.load(folder / "x.npy", mmap_mode="r")
    single, limit = alternating(scale.repeats, ours, lambda _: [np.array(mapped[row]) for row in wanted])
    return Line("one row at random", single / _SINGLE, "50 µs", "a row of a memory map", limit / _SINGLE)
