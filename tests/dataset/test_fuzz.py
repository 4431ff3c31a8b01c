"""Any object of a dataset damaged, of every htype and compression: a value or a `LakeError`, in bounded memory.

The bound: the dataset has some kilobytes, so whatever a damaged number in it says, a few megabytes are enough.
"""

from __future__ import annotations

import functools
import tempfile
import warnings
from contextlib import chdir, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deeplake_nb
from deeplake_nb.errors import LakeError
from tests.format.fuzz import at_most, damaged
from tests.interop.programs.steps import COLUMNS, _taken

from .stores import Failing, create, load, memory

MOST_NBYTES = 40_000_000
SEEDS = [1, 5, 302, 7, 44]


@functools.cache
def stored(column):
    """Objects of a dataset with one column: two commits, several chunks, a row without a value.

    No fixture: hypothesis shows the arguments of what fails, and half a megabyte of them buries the failure.
    """
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        store = memory()
        ds = create(store)
        ds.create_tensor("x", max_chunk_size=300, **COLUMNS[column])
        ds.x.extend([_taken(deeplake_nb, column, seed) for seed in SEEDS[:3]])
        ds.commit("a")
        ds.x.extend([_taken(deeplake_nb, column, seed) for seed in SEEDS[3:]])
        ds.x.append(None)
        ds.close()
    return {key: bytes(data) for key, data in store._objects.items()}


def read_everything(ds):
    """Whatever a reader may ask of a dataset; each question fails for itself."""
    asked = [lambda: len(ds), lambda: ds.info.get("a"), lambda: list(ds.branches), ds.log]
    tensors = [ds._tensor(name) for name in ds._state.meta.tensor_names]
    for tensor in tensors:
        asked += [
            lambda tensor=tensor: tensor.numpy(aslist=True),
            lambda tensor=tensor: tensor.shapes(),
            lambda tensor=tensor: tensor.data(aslist=True),
            lambda tensor=tensor: tensor.sample_info,
            lambda tensor=tensor: tensor[1:3, 0:1].numpy(aslist=True),
            lambda tensor=tensor: tensor[0].tobytes(),
            lambda tensor=tensor: [str(one) for one in tensor.stored(range(len(tensor)))],
        ]
    for ask in asked:
        with suppress(LakeError):
            ask()


@pytest.mark.parametrize("column", COLUMNS)
@settings(max_examples=max(settings().max_examples // 10, 5))
@given(data=st.data())
def test_a_damaged_object_gives_values_or_errors(column, data):
    objects = stored(column)
    # As they were written: chunks have names that chance made, and a failure is to be found again by another process.
    key = data.draw(st.sampled_from([key for key in objects if not key.endswith(".lock")]))
    concurrency = data.draw(st.sampled_from([1, 8]))
    raw = data.draw(damaged([objects[key]]) | st.just(b""))
    store = memory()
    store._objects.update(objects)
    store._objects[key] = raw
    with warnings.catch_warnings(), at_most(MOST_NBYTES):
        warnings.simplefilter("ignore")  # Pillow warns of much that is odd in a file, and reads it
        try:
            ds = load(Failing(store, concurrency))  # where answers are waited for, more is asked for at once
        except LakeError:
            return
        read_everything(ds)
