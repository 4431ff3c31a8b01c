"""Everything a user can read of a dataset, as JSON and arrays, so that two implementations can be compared.

Both interpreters run this: it knows the API they share, and nothing else.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np


class Book:
    """Values as JSON; arrays are kept apart by their hash."""

    def __init__(self):
        self.arrays = {}

    def plain(self, value):  # noqa: PLR0911 - a case a line
        """`value` with every array named by its hash, and numpy's types told apart from Python's."""
        if isinstance(value, dict):
            return {str(key): self.plain(one) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.plain(one) for one in value]
        if isinstance(value, str):  # also numpy's
            return str(value)
        if isinstance(value, (np.ndarray, np.generic)):
            return self._array(np.asarray(value))
        if isinstance(value, bytes):
            return {"bytes": value.hex()}
        if value is None or isinstance(value, (bool, int, float)):
            return value
        if hasattr(value, "__array__"):  # the original's polygons
            return self._array(np.asarray(value))
        return [self.plain(one) for one in value]

    def _array(self, array):
        if array.dtype.kind in "OU":
            return {"objects": self.plain(array.reshape(-1).tolist()), "shape": list(array.shape)}
        raw = np.ascontiguousarray(array).tobytes()
        name = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode() + raw).hexdigest()[:24]
        self.arrays.setdefault(name, array)
        return {"array": name, "dtype": array.dtype.str, "shape": list(array.shape)}

    def read(self, what, *arguments, **options):
        """What a call gives, or the kind of error it ends in."""
        try:
            return self.plain(what(*arguments, **options))
        except Exception as error:  # noqa: BLE001 - the answer may be an error
            return {"error": type(error).__name__, "says": str(error)[:500]}


def describe(book, ds, names):
    """The dataset at its version. `names` are all tensors, also the hidden ones."""
    return {
        "version": ds.pending_commit_id,
        "branch": ds.branch,
        "rows": len(ds),
        "visible": sorted(ds.tensors),
        "info": book.plain({key: ds.info[key] for key in ds.info.keys()}),  # noqa: SIM118 - the original can't iterate
        "tensors": {name: column(book, ds[name]) for name in names},
    }


def column(book, tensor):
    """One tensor with all its samples."""
    rows = range(len(tensor))
    return {
        "key": tensor.key,
        "htype": tensor.htype or "generic",
        "dtype": None if tensor.meta.dtype is None else str(tensor.meta.dtype),
        "length": len(tensor),
        "samples_stored": tensor.meta.length,
        "bounds": book.plain([list(tensor.meta.min_shape), list(tensor.meta.max_shape)]),
        "compressions": [tensor.meta.sample_compression, tensor.meta.chunk_compression],
        "info": book.plain({key: tensor.info[key] for key in tensor.info.keys()}),  # noqa: SIM118
        "rows": [row(book, tensor, number) for number in rows],
    }


_OWN_DATA = {"video", "point_cloud", "mesh"}
"""Htypes whose `data()` has parts of other names."""


def row(book, tensor, number):
    """One sample in every form."""
    one = tensor[number]
    out = {"numpy": book.read(one.numpy, aslist=True)}
    if tensor.base_htype not in _OWN_DATA:
        out["data"] = book.read(_data, one)
    if tensor.is_sequence:
        return out
    if tensor.is_link:
        out["path"] = book.read(lambda: str(np.ravel(one.path())[0]))
    elif tensor.meta.sample_compression not in {None, "lz4"}:
        out["file"] = book.read(lambda: hashlib.sha256(one.tobytes()).hexdigest())
    if tensor.htype == "image":
        out["sample_info"] = book.read(lambda: one.sample_info or {})
    return out


def _data(one):
    return {key: value for key, value in one.data(aslist=True).items() if key in {"value", "text"}}


def differences(expected, got, where=""):
    """One line for every value in which two descriptions differ."""
    if isinstance(expected, dict) and isinstance(got, dict) and "error" not in {**expected, **got}:
        for key in {**expected, **got}:
            yield from differences(expected.get(key, "absent"), got.get(key, "absent"), f"{where}/{key}")
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for number, (one, other) in enumerate(zip(expected, got)):  # noqa: B905 - of one length
            yield from differences(one, other, f"{where}/{number}")
    elif expected != got:
        yield f"{where}: expected {expected!r:.300}, got {got!r:.300}"


def write(folder, description, book):
    """Keep a description as `folder/expected.json` and `expected.npz`."""
    np.savez(f"{folder}/expected.npz", **book.arrays)
    with open(f"{folder}/expected.json", "w") as out:  # noqa: PTH123 - the same line in both
        json.dump(description, out, indent=1)
