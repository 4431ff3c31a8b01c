"""Many texts at once: as if each had been read alone."""

from __future__ import annotations

import numpy as np
import pytest

from .stores import create, load, memory

TEXTS = {
    "plain": [f"text {at}" * (at % 4) for at in range(300)],
    "with what could part them": ["a\0b", "\0", "", "\0\0", "c\n", "d"] * 50,
    "empty": [""] * 300,
    "of several bytes": ["grün", "", "日本", "x"] * 75,
}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("limit", [None, 400])
def test_each_is_what_it_was(name, limit):
    texts = TEXTS[name]
    ds = create(memory())
    ds.create_tensor("x", htype="text", **({"max_chunk_size": limit} if limit else {})).extend(texts)
    ds.close()
    for rows in (slice(None), slice(3, 250), slice(7, 8), slice(5, 5), [3, 1, 200, 3], slice(None, None, -1)):
        wanted = [texts[at] for at in np.arange(len(texts))[rows]]
        tensor = load(ds._state.storage, read_only=True).x
        assert tensor[rows].text() == wanted
        assert tensor[rows].data()["value"] == wanted
