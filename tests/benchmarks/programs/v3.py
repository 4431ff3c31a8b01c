"""The side by side of the API of v3: the same code for deeplake 3.9 and for ours, which is asked for by name.

Every call gives the seconds it took, and what was read where something was, as a digest that all must agree on.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager

import answering  # the network is off from here on

# isort: split
import measured
import numpy as np

deeplake = importlib.import_module(sys.argv[1])
QUIET = {"verbose": False}


@contextmanager
def created(htype, **options):
    """An empty dataset in the working folder, with one tensor, filled in the block that made it, as v3's guides do."""
    with deeplake.empty("ds", overwrite=True, **QUIET) as ds:
        ds.create_tensor("x", htype=htype, **options)
        yield ds


def load(writing=False):
    return deeplake.load("ds", read_only=not writing, **QUIET)


def ingest_jpegs(paths):
    with created("image", sample_compression="jpeg") as ds:
        ds.x.extend([deeplake.read(path) for path in paths])


def decode(ds, rows):
    tensor = ds.x
    return [tensor[row].numpy() for row in rows]


def decode_batch(ds, count):
    return ds.x[:count].numpy(aslist=True)


def ingest_vectors(values):
    with created("embedding", dtype="float32") as ds:
        ds.x.extend(values)


def ingest_labels(values):
    with created("class_label") as ds:
        ds.x.extend(values)


def ingest_texts(values):
    with created("text") as ds:
        ds.x.extend(values)


def read(ds):
    return ds.x.numpy()


def read_texts(ds):
    return ds.x.data()["value"]


read_rows = decode


def read_batch(ds, rows):
    return ds.x[rows].numpy()


def append_rows(labels, values):
    with created("embedding", dtype="float32") as ds:
        ds.create_tensor("label", htype="class_label")
        for label, vector in zip(labels, values, strict=True):
            ds.append({"x": vector, "label": label})


def update_rows(rows, values):
    with load(writing=True) as ds:
        for row, vector in zip(rows, values, strict=True):
            ds.x[row] = vector


def open_dataset():
    return np.array([len(load())])


answering.serve(measured.calls(globals()))
