"""The side by side of the API of deeplake 4: what its documentation shows for each of these jobs."""

from __future__ import annotations

import shutil
from pathlib import Path

import answering  # the network is off from here on

# isort: split
import deeplake
import measured
import numpy as np
from deeplake import types


def create(**columns):
    """An empty dataset in the working folder."""
    shutil.rmtree("ds", ignore_errors=True)
    ds = deeplake.create("ds")
    for name, kind in columns.items():
        ds.add_column(name, kind)
    return ds


def ingest(kind, values):
    ds = create(x=kind)
    ds.append({"x": values})
    ds.commit()


def load():
    return deeplake.open_read_only("ds")


def ingest_jpegs(paths):
    ingest(types.Image(sample_compression="jpeg"), [Path(path).read_bytes() for path in paths])


def decode(ds, rows):
    column = ds["x"]
    return [column[row] for row in rows]


def decode_batch(ds, count):
    return ds["x"][:count]


def ingest_vectors(values):
    ingest(types.Embedding(values.shape[1], dtype="float32"), values)


def ingest_labels(values):
    ingest(types.ClassLabel("uint32"), values)


def ingest_texts(values):
    ingest(types.Text(), values)


def read(ds):
    return ds["x"][:]


read_texts = read
read_rows = decode


def read_batch(ds, rows):
    return ds["x"][rows]


def append_rows(labels, values):
    ds = create(x=types.Embedding(values.shape[1], dtype="float32"), label=types.ClassLabel("uint32"))
    for label, vector in zip(labels, values, strict=True):
        ds.append([{"x": vector, "label": label}])
    ds.commit()


def update_rows(rows, values):
    ds = deeplake.open("ds")
    for row, vector in zip(rows, values, strict=True):
        ds["x"][row] = vector
    ds.commit()


def open_dataset():
    return np.array([len(load())])


answering.serve(measured.calls(globals()))
