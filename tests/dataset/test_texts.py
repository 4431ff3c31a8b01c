"""Many texts at once: as if each had been read alone."""

from __future__ import annotations

import numpy as np
import pytest

from deeplake_nb.dataset import texts as module
from deeplake_nb.errors import SampleError

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


def test_numbers_become_texts_as_in_v3():
    ds = create(memory())
    with ds:
        ds.create_tensor("x", htype="text")
        for value in (5, 1.5, True, np.int64(7), np.float32(0.1), np.array([3]), np.array(2.5), np.str_("hi"), None):
            ds.x.append(value)
        ds.x.extend([1, "two", 3.0])
        ds.x.extend(np.array([8, 9]))
        ds.x[0] = 6
    wanted = ["6", "1.5", "True", "7", "0.1", "3", "2.5", "hi", "", "1", "two", "3.0", "8", "9"]
    assert ds.x.data()["value"] == wanted
    for refused in (b"raw", ["a"], {"a": 1}, {"a"}, bytearray(b"x")):
        with pytest.raises(SampleError, match=r"got a \w+; bytes need a"):
            ds.x.append(refused)
    assert ds.x.data()["value"] == wanted


def test_a_tag_may_be_a_number():
    ds = create(memory())
    ds.create_tensor("x", htype="tag").extend([1, "two", [3, "four"], np.float32(0.5)])
    assert ds.x.data()["value"] == [[1], ["two"], [3, "four"], [0.5]]


@pytest.mark.parametrize("texts", [["a"], [""], ["", "", "", ""], ["ab", "", "c"], [str(at) * at for at in range(11)]])
def test_texts_are_parted_some_at_a_time(texts, monkeypatch):
    monkeypatch.setattr(module, "_AT_ONCE", 3)
    ds = create(memory())
    ds.create_tensor("x", htype="text")
    ds.x.extend(["before", *texts, "behind"])
    assert ds.x[1:-1].data()["value"] == texts
    assert ds.x.data()["value"] == ["before", *texts, "behind"]
