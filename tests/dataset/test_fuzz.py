"""Any object of a dataset damaged, of every htype and compression: a value or a `LakeError`, in bounded memory.

The bound: the dataset has some kilobytes, so whatever a damaged number in it says, a few megabytes are enough.
"""

from __future__ import annotations

import os
import warnings
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deeplake_nb
from deeplake_nb.errors import LakeError
from tests.format.fuzz import at_most, damaged
from tests.interop.programs.steps import COLUMNS, _taken

from .stores import create, load, memory

MOST_NBYTES = 40_000_000
SEEDS = [1, 5, 302, 7, 44]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Objects of a dataset for each column: two commits, several chunks, a row without a value."""
    home = os.getcwd()  # noqa: PTH109
    os.chdir(tmp_path_factory.mktemp("fuzz"))
    out = {}
    try:
        for name, how in COLUMNS.items():
            store = memory()
            ds = create(store)
            ds.create_tensor("x", max_chunk_size=300, **how)
            ds.x.extend([_taken(deeplake_nb, name, seed) for seed in SEEDS[:3]])
            ds.commit("a")
            ds.x.extend([_taken(deeplake_nb, name, seed) for seed in SEEDS[3:]])
            ds.x.append(None)
            ds.close()
            out[name] = {key: bytes(data) for key, data in store._objects.items()}
    finally:
        os.chdir(home)
    return out


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
def test_a_damaged_object_gives_values_or_errors(column, stored, data):
    objects = stored[column]
    key = data.draw(st.sampled_from(sorted(key for key in objects if not key.endswith(".lock"))))
    raw = data.draw(damaged([objects[key]]) | st.just(b""))
    store = memory()
    store._objects.update(objects)
    store._objects[key] = raw
    with warnings.catch_warnings(), at_most(MOST_NBYTES):
        warnings.simplefilter("ignore")  # Pillow warns of much that is odd in a file, and reads it
        try:
            ds = load(store)
        except LakeError:
            return
        read_everything(ds)
