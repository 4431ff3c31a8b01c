"""Functions run over samples."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.errors import SampleError


@pytest.fixture
def ds(tmp_path):
    ds = deeplake.empty(tmp_path / "in")
    with ds:
        ds.create_tensor("x", dtype="float32")
        ds.create_tensor("image", htype="image", sample_compression="jpeg")
        ds.create_tensor("deep/label", htype="class_label", class_names=["a", "b"])
    rng = np.random.default_rng(0)
    with ds:
        for at in range(150):
            Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype="uint8")).save(tmp_path / "one.jpg")
            file = deeplake.read(tmp_path / "one.jpg")
            ds.append({"x": np.float32([at]), "image": file, "deep/label": at % 2})
            ds.flush()
    return ds


@deeplake.compute
def twice(sample, out, factor=2):
    """Every row twice; its file as it is."""
    for _ in range(2):
        out.append({"x": sample.x.numpy() * factor, "image": sample.image, "deep/label": sample.deep.label})


@deeplake.compute
def plus(sample, out):
    out.x.extend([one + 1 for one in sample.x.numpy(aslist=True)])


def test_rows_come_in_order_and_files_stay_what_they_are(ds, tmp_path):
    made = deeplake.like(tmp_path / "out", ds)
    twice(factor=3).eval(ds, made, num_workers=2, progressbar=False)
    assert len(made) == 300
    assert made.x.numpy().reshape(-1).tolist() == [3.0 * (at // 2) for at in range(300)]
    assert made.image[299].tobytes() == ds.image[149].tobytes()
    assert made["deep/label"][3].data()["text"] == ["b"]
    assert twice.__doc__ == "Every row twice; its file as it is."


def test_a_pipeline(ds, tmp_path):
    made = deeplake.empty(tmp_path / "out")
    made.create_tensor("x")
    deeplake.compose([twice(), plus()]).eval(ds[:3], made, progressbar=False)
    assert made.x.numpy().reshape(-1).tolist() == [1, 1, 3, 3, 5, 5]


def test_in_place(ds):
    @deeplake.compute
    def half(sample, out):
        out.x.append(sample.x.numpy() / 2)

    half().eval(ds, progressbar=False)
    assert ds.x.numpy().reshape(-1).tolist() == [at / 2 for at in range(150)]
    with pytest.raises(SampleError, match="in place each tensor gets one value"):
        twice().eval(ds, progressbar=False)
    assert ds.x[3].numpy().tolist() == [1.5], "nothing of it is there"


def test_errors(ds, tmp_path):
    made = deeplake.empty(tmp_path / "out")
    made.create_tensor("x")
    made.create_tensor("y")

    @deeplake.compute
    def fails(number, out):
        out.append({"x": 1 // (number - 2), "y": 1})

    with pytest.raises(ZeroDivisionError) as caught:
        fails().eval([0, 1, 2], made, progressbar=False)
    assert caught.value.__notes__ == ["in compute, sample 2 of the input"]
    fails().eval([0, 1, 2, 3], made, progressbar=False, ignore_errors=True)
    assert len(made) == 3

    @deeplake.compute
    def uneven(number, out):
        out.x.extend([1, 2])
        out.y.append(1)

    with pytest.raises(SampleError, match=r"sample 0: tensors got different numbers of values: \{'x': 2, 'y': 1\}"):
        uneven().eval([0], made, progressbar=False)
    uneven().eval([0], made, progressbar=False, check_lengths=False)
    assert (len(made.x), len(made.y)) == (5, 4)

    @deeplake.compute
    def less(number, out):
        out.x.append(number)

    with pytest.raises(SampleError, match="no value for tensor 'y'"):
        less().eval([0], made, progressbar=False)
    less().eval([0], made, progressbar=False, skip_ok=True)
    with pytest.raises(SampleError, match="without ds_out"):
        less().eval([0], progressbar=False)


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_workers_change_nothing_but_who_works(tmp_path, workers):
    """Also of rows that are not stored yet, and where a later sample is done first."""
    threads = set()

    @deeplake.compute
    def slow(sample, out):
        threads.add(threading.get_ident())
        number = float(sample.x.numpy()[0])
        time.sleep(0.002 * (3 - number % 4))
        out.y.append(number * 2)

    ds, made = (deeplake.empty(tmp_path / name) for name in ("in", "out"))
    made.create_tensor("y", dtype="float64")
    ds.create_tensor("x", dtype="float64")
    with ds:
        for at in range(90):
            ds.x.append([float(at)])
        slow().eval(ds, made, num_workers=workers, progressbar=False)
        assert made.y.numpy().ravel().tolist() == [2.0 * at for at in range(90)]
    assert (threading.get_ident() in threads) == (workers < 2)
    assert len(threads) == 1 if workers < 2 else 1 < len(threads) <= workers


def test_workers_work_at_the_same_time(tmp_path):
    both = threading.Barrier(2, timeout=30)

    @deeplake.compute
    def meet(sample, out):
        both.wait()
        out.y.append(sample)

    ds = deeplake.empty(tmp_path / "ds")
    ds.create_tensor("y")
    meet().eval([1, 2, 3, 4], ds, num_workers=2, progressbar=False)
    assert ds.y.numpy().tolist() == [[1], [2], [3], [4]]
    both.abort()
    with pytest.raises(threading.BrokenBarrierError):
        meet().eval([1, 2], ds, num_workers=2, scheduler="serial", progressbar=False)


@pytest.mark.parametrize("workers", [0, 3])
def test_the_first_sample_that_fails_is_named(tmp_path, workers):
    @deeplake.compute
    def fails(sample, out):
        if sample >= 100:
            raise ZeroDivisionError(sample)
        out.y.append(sample)

    ds = deeplake.empty(tmp_path / "ds")
    ds.create_tensor("y")
    with pytest.raises(ZeroDivisionError) as failed:
        fails().eval(range(200), ds, num_workers=workers, progressbar=False)
    assert failed.value.args == (100,)
    assert failed.value.__notes__ == ["in compute, sample 100 of the input"]
    assert ds.y.numpy().ravel().tolist() == list(range(64))


def test_a_computed_function_filters():
    ds = deeplake.empty("mem://compute-filter", overwrite=True)
    ds.create_tensor("x").extend([1, 5, 9])

    @deeplake.compute
    def above(row, least):
        return row.x.numpy()[0] > least

    @deeplake.compute
    def any_above_one(row):
        return row.x.numpy()[0] > 1

    assert list(ds.filter(above(4), progressbar=False).sample_indices) == [1, 2]
    assert list(ds.filter(above(least=8), progressbar=False).sample_indices) == [2]
    assert list(ds.filter(any_above_one, progressbar=False).sample_indices) == [1, 2]
    with pytest.raises(SampleError, match="a filter is one function"):
        ds.filter(deeplake.compose([above(1), above(2)]), progressbar=False)


def test_a_further_function_gets_row_by_row():
    ds = deeplake.empty("mem://compute-rows", overwrite=True)
    ds.create_tensor("x")

    @deeplake.compute
    def thrice(number, out):
        out.x.extend([number, number + 1, number + 2])

    @deeplake.compute
    def odd(sample, out):
        if sample.x.numpy() % 2:
            out.x.append(sample.x.numpy() * 10)

    deeplake.compose([thrice(), odd()]).eval([1, 4], ds, progressbar=False)
    assert ds.x.numpy().reshape(-1).tolist() == [10, 30, 50]


def test_nothing_is_no_pipeline():
    with pytest.raises(SampleError, match="and got none"):
        deeplake.compose([])
