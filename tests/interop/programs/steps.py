"""A history, one step at a time, with either implementation but where it says otherwise."""

from __future__ import annotations

import numpy as np

from .sources import numbers, picture

NAMES = ["no", "yes", "maybe"]
COLUMNS = {
    "numbers": {"dtype": "int32"},
    "packed": {"dtype": "int16", "chunk_compression": "lz4"},
    "text": {"htype": "text"},
    "label": {"htype": "class_label", "class_names": NAMES},
    "image": {"htype": "image", "sample_compression": "png"},
    "listed": {"htype": "sequence[generic]", "dtype": "uint8"},
}


def value(column, seed):
    """The value that a seed stands for; its shape varies, axes of length zero among them."""
    if column == "text":
        return "" if seed % 5 == 0 else f"{seed} " * (seed % 7)
    if column == "label":
        return np.full(seed % 3, seed % len(NAMES), "uint32")
    if column == "image":
        return picture(1 + seed % 4, 2 + seed % 3, seed=seed)
    return numbers((seed % 3, 1 + seed % 2), COLUMNS[column].get("dtype"), seed)


def begin(lake, chunk_size):
    """An empty dataset with every column."""
    with lake.empty("ds") as ds:
        for name, how in COLUMNS.items():
            ds.create_tensor(name, max_chunk_size=chunk_size, **how)


def extend(lake, branch, columns):
    """Append to columns the values of seeds: `columns` maps a name to seeds."""
    with lake.load(f"ds@{branch}") as ds:
        for name, seeds in columns.items():
            ds[name].extend([value(name, seed) for seed in seeds])
    ds.flush()
    return ds


def replace(lake, branch, column, row, seed):
    """Another value in a row."""
    with lake.load(f"ds@{branch}") as ds:
        ds[column][row] = value(column, seed)
    return ds


def remove(lake, branch, column, row):
    """One row less."""
    ds = lake.load(f"ds@{branch}")
    ds[column].pop(row)
    return ds


def commit(lake, branch):
    """Close the version."""
    ds = lake.load(f"ds@{branch}")
    ds.commit("a step", allow_empty=True)
    return ds


def fork(lake, branch, new):
    """A branch that starts where another is."""
    ds = lake.load(f"ds@{branch}")
    ds.checkout(new, create=True)
    return ds


STEPS = {f.__name__: f for f in (begin, extend, replace, remove, commit, fork)}
