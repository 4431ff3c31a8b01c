"""Rows appended and changed one by one inside `with ds:`: nobody can tell that they wait, but by the time it takes."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deeplake_nb as deeplake
from deeplake_nb.errors import SampleError, StorageError, TensorNotFoundError

from .stores import Failing, create, load, memory


def made(store=None):
    ds = create(store or memory())
    ds.create_tensor("x", htype="embedding", dtype="float32")
    ds.create_tensor("label", htype="class_label", class_names=["cat", "dog"])
    ds.create_tensor("n", dtype="int16")
    ds.create_tensor("f", dtype="float32")
    ds.create_tensor("text", htype="text")
    return ds


def row(number):
    return {
        "x": np.full(4, number, "float32"),
        "label": ("cat", "dog")[number % 2],
        "n": number,
        "f": number / 2,
        "text": f"t{number} ü",
    }


def waits(ds):
    return ds._writer.waiting.count


def values(ds):
    return [
        ds.x.numpy().tolist(),
        ds.label.numpy().tolist(),
        ds.n.numpy().tolist(),
        ds.f.numpy().tolist(),
        ds.text.text(),
    ]


def expected(numbers):
    return [
        [[number] * 4 for number in numbers],
        [[number % 2] for number in numbers],
        [[number] for number in numbers],
        [[number / 2] for number in numbers],
        [f"t{number} ü" for number in numbers],
    ]


def test_rows_wait_and_are_there_for_whoever_looks():
    ds = made()
    held = ds.n
    with ds:
        for number in range(5):
            ds.append(row(number))
        assert waits(ds) == 4
        assert len(ds) == 5
        assert waits(ds) == 0
        ds.append(row(5))
        ds.append(row(6))
        assert waits(ds) == 2
        assert held[6].numpy().tolist() == [6]
        for number in (7, 8):
            ds.append(row(number))
        assert held.shape == (9, 1)
    assert values(load(ds._state.storage)) == expected(range(9))


def test_outside_a_block_nothing_waits():
    ds = made()
    for number in range(3):
        ds.append(row(number))
    assert waits(ds) == 0
    assert values(load(ds._state.storage)) == expected(range(3))


def test_many_rows_join_in_between():
    ds = made()
    with ds:
        for number in range(2500):
            ds.append(row(number))
            assert waits(ds) <= 1024
    assert values(load(ds._state.storage)) == expected(range(2500))


BAD = {
    "another shape": {"x": np.zeros((2, 2), "float32")},
    "another dtype that does not fit": {"x": np.full(4, 1e300)},
    "too large a number": {"n": 40_000},
    "no number": {"n": "three"},
    "no text": {"text": object()},
    "no Unicode": {"text": "\ud800"},
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_value_that_does_not_fit_is_refused_at_once(bad):
    ds = made()
    with ds:
        for number in range(3):
            ds.append(row(number))
        with pytest.raises(SampleError):
            ds.append(row(3) | bad)
        with pytest.raises(SampleError):
            ds.append({"x": row(3)["x"]})
        ds.append(row(3))
    assert values(load(ds._state.storage)) == expected(range(4))


def test_what_fits_another_way_goes_in_too():
    ds = made()
    with ds:
        ds.append(row(0))
        ds.append(row(1) | {"label": 1, "f": 0, "x": [1.0, 1, 1, 1]})
        ds.append(row(2) | {"label": "horse"})
        ds.append(row(3))
    assert ds.label.data()["text"] == [["cat"], ["dog"], ["horse"], ["dog"]]
    assert ds.f.numpy().ravel().tolist() == [0, 0, 1, 1.5]


def test_an_array_that_is_changed_afterwards():
    ds = made()
    with ds:
        ds.append(row(0))
        given = row(1)
        ds.append(given)
        given["x"][:] = 99
    assert ds.x.numpy()[1].tolist() == [1, 1, 1, 1]


def test_tensors_one_after_the_other():
    ds = made()
    with ds:
        for number in range(4):
            ds.n.append(number)
            ds.f.append(number / 2)
        assert waits(ds) == 6
        with pytest.raises(SampleError, match="different numbers of rows"):
            ds.append(row(4))
        ds.text.append("a")
        assert ds.text.text() == ["a"]
    assert ds.n.numpy().ravel().tolist() == [0, 1, 2, 3]
    assert ds.f.numpy().ravel().tolist() == [0, 0.5, 1, 1.5]


def test_rows_of_a_group():
    ds = create(memory())
    ds.create_tensor("n", dtype="int64")
    ds.create_tensor("g/n", dtype="int64")
    with ds:
        for number in range(4):
            ds["g"].append({"n": number})
            ds.n.append(-number)
    assert ds["g/n"].numpy().ravel().tolist() == [0, 1, 2, 3]
    assert ds.n.numpy().ravel().tolist() == [0, -1, -2, -3]


def test_rows_wait_for_no_tensor_that_is_new_or_gone():
    ds = made()
    with ds:
        for number in range(3):
            ds.append(row(number))
        ds.create_tensor("y", dtype="int64")
        with pytest.raises(SampleError, match="no value for tensor 'y'"):
            ds.append(row(3))
        ds.delete_tensor("y")
        ds.append(row(3))
        ds.append(row(4))
        ds.rename_tensor("n", "m")
        with pytest.raises(TensorNotFoundError):
            ds.append(row(5))
        ds.rename_tensor("m", "n")
        ds.label.info.update(class_names=["dog", "cat"])
        ds.append(row(5))
    assert ds.n.numpy().ravel().tolist() == [0, 1, 2, 3, 4, 5]
    assert ds.label.numpy().ravel().tolist() == [0, 1, 0, 1, 0, 0]


def test_changed_rows_wait_and_the_last_value_counts():
    ds = made()
    ds.extend({name: [row(number)[name] for number in range(6)] for name in row(0)})
    with ds:
        for at, number in [(0, 10), (4, 11), (2, 12), (4, 13)]:
            ds.n[at] = number
        assert waits(ds) == 3
        assert ds.n.numpy().ravel().tolist() == [10, 1, 12, 3, 13, 5]
        ds.n[-1] = 14
        ds.n[1] += 1
        ds.text[3] = "new"
        ds.text[3] = "newer"
    assert ds.n.numpy().ravel().tolist() == [10, 2, 12, 3, 13, 14]
    assert ds.text.text()[3] == "newer"


def test_a_failing_storage_loses_nothing():
    store = Failing(memory())
    ds = made(store)
    ds.__enter__()
    for number in range(4):
        ds.append(row(number))
    store.fail_at(1)
    with pytest.raises(StorageError):
        ds.__exit__(None, None, None)
    ds.flush()
    assert values(load(store.inner)) == expected(range(4))


def test_another_thread_sees_what_was_flushed():
    ds = made()
    ds.append(row(0))
    seen = []
    with ds:
        for number in (1, 2, 3):
            ds.append(row(number))
        thread = threading.Thread(target=lambda: seen.append(len(ds.n.numpy())))
        thread.start()
        thread.join()
        assert waits(ds) == 0
    assert seen == [4]  # this one was not writing at that moment, so the other could flush
    assert len(ds) == 4


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(-9, 9)),
        st.tuples(st.just("one"), st.integers(-9, 9)),
        st.tuples(st.just("change"), st.integers(0, 20), st.integers(-9, 9)),
        st.tuples(st.just("pop"), st.integers(0, 20)),
        st.tuples(st.just("look")),
        st.tuples(st.just("flush")),
    ),
    max_size=40,
)


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_any_order_gives_what_a_list_would(steps):
    ds = create(memory())
    ds.create_tensor("n", dtype="int64")
    model = []
    with ds:
        for step, *given in steps:
            if step == "append":
                ds.append({"n": given[0]})
                model.append(given[0])
            elif step == "one":
                ds.n.append(given[0])
                model.append(given[0])
            elif step == "change" and given[0] < len(model):
                ds.n[given[0]] = given[1]
                model[given[0]] = given[1]
            elif step == "pop" and given[0] < len(model):
                ds.pop(given[0])
                del model[given[0]]
            elif step == "look":
                assert len(ds.n) == len(model)
            elif step == "flush":
                ds.flush()
    assert load(ds._state.storage).n.numpy().ravel().tolist() == model


def test_a_thousand_rows_take_no_longer_than_a_hundredth_of_as_many_extends(tmp_path):
    ds = deeplake.empty(tmp_path / "ds")
    ds.create_tensor("n", dtype="int64")
    calls = []
    extend = ds._writer.extend
    ds._writer.extend = lambda *given, **options: (calls.append(1), extend(*given, **options))
    with ds:
        for number in range(1000):
            ds.append({"n": number})
    assert len(calls) == 2
