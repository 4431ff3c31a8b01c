"""Rows for training: what a loader is given, without torch; and with it, in the slow profile."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import deeplake_nb as deeplake
from deeplake_nb.dataset.training import Samples, collate
from deeplake_nb.errors import (
    HtypeError,
    LinkError,
    MissingDependencyError,
    SampleError,
    TensorNotFoundError,
    UnsupportedError,
)
from deeplake_nb.storage.wrappers import Counting
from tests.environments import environment

from .stores import create, load, memory

ROWS = 10


def filled(ds):
    with ds:
        ds.create_tensor("image", htype="image", sample_compression="png")
        ds.create_tensor("label", htype="class_label", class_names=["a", "b", "c"])
        ds.create_tensor("text", htype="text")
        ds.create_tensor("x", dtype="uint16")
        ds.image.extend([np.full((4, 5, 3), at, "uint8") for at in range(ROWS)])
        ds.label.extend([at % 3 for at in range(ROWS)])
        ds.text.extend([f"row {at}" for at in range(ROWS)])
        ds.x.extend(np.arange(2 * ROWS, dtype="uint16").reshape(ROWS, 2) + 65_000)
    return ds


@pytest.fixture
def ds():
    return filled(create(memory()))


def samples(ds, tensors=("image", "text"), methods=None, *, transform=None, return_index=True):
    return Samples(ds, list(tensors), methods or {}, transform=transform, return_index=return_index)


def test_rows_by_number(ds):
    rows = samples(ds)
    assert len(rows) == ROWS
    found = rows.__getitems__([7, 2, 7])
    assert [one["image"][0, 0, 0] for one in found] == [7, 2, 7]
    assert [one["text"].tolist() for one in found] == [["row 7"], ["row 2"], ["row 7"]]
    assert [one["index"].tolist() for one in found] == [[7], [2], [7]]
    assert rows[3]["text"] == ["row 3"]
    assert list(samples(ds, return_index=False)[0].keys()) == ["image", "text"]
    view = samples(ds[4:8])
    assert len(view) == 4
    assert view[1]["index"].tolist() == [5]


def test_a_batch_reads_each_tensor_once(ds):
    ds.close()
    store = Counting(ds._state.storage)
    rows = samples(load(store, read_only=True), ("image", "label", "text", "x"))
    rows.__getitems__([1])
    store.reset()
    rows.__getitems__([9, 0, 4, 5])
    assert store.requests["get"] <= 4


def test_what_is_read(ds):
    methods = {"image": "pil", "text": "tobytes", "label": "data"}
    row = samples(ds, ("image", "text", "label", "x"), methods)[4]
    assert isinstance(row["image"], Image.Image)
    assert np.asarray(row["image"])[0, 0].tolist() == [4, 4, 4]
    assert row["text"] == b"row 4"
    assert row["label"]["text"] == ["b"]
    assert row["x"].tolist() == [65_008, 65_009]
    assert samples(ds, ("image",), {"image": "tobytes"})[4]["image"] == ds.image[4].tobytes()


def test_transforms(ds):
    assert samples(ds, transform=lambda row: (row["text"][0], int(row["image"].max())))[6] == ("row 6", 6)
    by_tensor = {"image": np.mean, "text": None}
    assert samples(ds, transform=by_tensor, return_index=False)[6] == {"image": 6, "text": np.array(["row 6"])}


def test_shorter_tensors_are_padded(ds):
    ds.text.append("more")
    rows = samples(ds.max_view)
    assert len(rows) == ROWS + 1
    assert rows[ROWS]["image"].size == 0
    assert rows[ROWS]["text"] == ["more"]


def test_a_row_is_unpacked_into_its_values_and_a_dictionary_all_the_same(ds):
    row = samples(ds, ("label", "text"), return_index=False)[4]
    label, text = row
    assert (label.tolist(), text.tolist()) == ([1], ["row 4"])
    assert list(dict(row)) == list({**row}) == list(row.keys()) == ["label", "text"]
    assert list(pickle.loads(pickle.dumps(row)).keys()) == ["label", "text"]
    assert "label" in row
    (joined,) = collate([{"text": np.array(["a"])}])
    assert joined == ["a"]


# ------------------------------------------------------------------ said step by step


def numbers(batches):
    return [[int(row["image"][0, 0, 0]) for row in batch] for batch in batches]


def test_batches_without_torch(ds):
    loader = ds.dataloader().numpy(tensors=["image"])
    assert numbers(loader) == numbers(loader) == [[at] for at in range(ROWS)]
    assert len(loader) == ROWS
    assert list(next(iter(loader))[0].keys()) == ["image"]
    four = ds.dataloader().numpy().batch(4)  # in any order
    assert numbers(four) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(four) == 3
    whole = ds.dataloader().batch(4, drop_last=True).shuffle().numpy()
    first, second = numbers(whole), numbers(whole)
    assert [len(batch) for batch in first] == [4, 4]
    assert len(whole) == 2
    assert len({row for batch in first for row in batch}) == 8
    assert first != second or numbers(whole) != first, "another order each time"
    assert numbers(ds.dataloader().shuffle(False).offset(7).batch(2).numpy()) == [[7, 8], [9]]
    assert numbers(ds[2:5].dataloader().numpy()) == [[2], [3], [4]]
    ds.text.append("one more, which has no image")
    assert len(ds.dataloader().numpy()) == ROWS


def test_a_loader_of_some_rows(ds):
    loader = ds.dataloader()
    assert numbers(loader.query("select * where label == 'b'").batch(9).numpy()) == [[1, 4, 7]]
    assert set(*numbers(loader.sample_by([1.0] * 2 + [0.0] * (ROWS - 2), size=50).batch(50).numpy())) == {0, 1}
    by_tensor = loader.transform({"x": lambda one: int(one[0]), "text": None}).batch(2).numpy()
    assert [dict(row) for row in next(iter(by_tensor))] == [
        {"x": 65_000, "text": ["row 0"]},
        {"x": 65_002, "text": ["row 1"]},
    ]
    of_rows = loader.transform(lambda row, times: row["text"][0] * times, times=2).numpy()
    assert next(iter(of_rows)) == ["row 0row 0"]
    described = loader.numpy(tensors=["label", "image"], decode_method={"label": "data", "image": "tobytes"})
    (row,) = list(described)[4]
    assert row["label"]["text"] == ["b"]
    assert row["image"] == ds.image[4].tobytes()


def test_a_loader_reads_a_batch_at_once(ds):
    ds.close()
    store = Counting(ds._state.storage)
    batches = iter(load(store, read_only=True).dataloader().batch(5).shuffle().numpy(tensors=["image", "text"]))
    next(batches)
    store.reset()
    next(batches)
    assert store.requests["get"] <= 2


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (lambda loader: loader.batch(2).batch(2), "batch is said once"),
        (lambda loader: loader.shuffle().numpy().shuffle(), "shuffle is said once"),
        (lambda loader: loader.numpy().pytorch(), "form is said once"),
        (lambda loader: loader.offset(1).offset(1), "offset is said once"),
        (lambda loader: loader.transform(len).transform(len), "transform is said once"),
        (lambda loader: loader.batch(0), "a batch has 1 row or more, got 0"),
        (lambda loader: loader.batch("two"), "a batch has 1 row or more"),
        (lambda loader: list(loader.batch(2)), r"say how the batches are to be: \.pytorch\(\) or \.numpy\(\)"),
        (lambda loader: list(loader.numpy(tensors=["index"])), "'index' is no tensor"),
        (lambda loader: list(loader.transform({"x": None}).numpy(tensors=["text"])), "which is not among the tensors"),
        (lambda loader: list(loader.numpy(decode_method={"x": "png"})), "decode_method 'png'"),
    ],
)
def test_a_loader_that_cannot_be(ds, said, message):
    with pytest.raises(SampleError, match=message):
        said(ds.dataloader())


def test_what_a_loader_has_not(ds):
    with pytest.raises(UnsupportedError, match=r"sampler=torch\.utils\.data\.DistributedSampler\(ds\)"):
        ds.dataloader().pytorch(distributed=True)
    with pytest.raises(UnsupportedError, match=r"ds\.tensorflow\(\) is a tf\.data\.Dataset"):
        ds.dataloader().tensorflow()
    with pytest.raises(UnsupportedError, match="filter"):
        ds.dataloader(ignore_errors=True)
    with pytest.raises(TensorNotFoundError):
        list(ds.dataloader().numpy(tensors=["nothing"]))


def test_what_makes_no_sense_is_refused(ds):
    with pytest.raises(SampleError, match="decode_method 'png' of tensor 'image': there are numpy, data, tobytes, pil"):
        samples(ds, methods={"image": "png"})
    with pytest.raises(SampleError, match="of tensor 'x'"):
        samples(ds, methods={"x": "numpy"})
    with pytest.raises(HtypeError, match="'pil' is for images"):
        samples(ds, methods={"text": "pil"})


def test_a_broken_link_is_told_with_its_path(ds, tmp_path):
    ds.create_tensor("linked", htype="link[image]", sample_compression="png", verify=False)
    Image.fromarray(np.zeros((2, 2, 3), "uint8")).save(tmp_path / "a.png")
    ds.linked.extend([deeplake.link(str(tmp_path / f"{name}.png")) for name in ("a", "gone")])
    rows = samples(ds, ("linked",))
    assert rows[0]["linked"].shape == (2, 2, 3)
    with pytest.raises(LinkError, match=r"gone\.png"):
        rows.__getitems__([0, 1])


def test_text_and_bytes_stay_lists():
    assert collate([{"t": np.array(["a"])}, {"t": np.array(["b"])}]) == {"t": ["a", "b"]}
    assert collate([b"a", b"b"]) == [b"a", b"b"]
    value = np.empty(1, object)
    value[0] = {"k": 1}
    assert collate([value]) == [{"k": 1}]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="workers are forked, where there is a fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_worker_opens_the_version_for_itself(tmp_path):
    """Also when its parent has decoded with threads, which are not there any more."""
    rows = samples(filled(deeplake.empty(tmp_path / "ds")))
    assert len(rows.__getitems__(list(range(ROWS)))) == ROWS
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def work():
        found = rows.__getitems__([8, 1, 3])
        answers.put([int(one["image"].max()) for one in found])

    worker = context.Process(target=work)
    worker.start()
    worker.join(60)
    assert worker.exitcode == 0
    assert answers.get() == [8, 1, 3]


def test_without_torch(ds, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match=r"run `pip install 'deeplake_nb\[torch\]'`"):
        ds.pytorch()
    with pytest.raises(MissingDependencyError):
        iter(ds.dataloader().pytorch())


def test_without_tensorflow(ds, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(MissingDependencyError, match="run `pip install tensorflow`"):
        ds.tensorflow()


# ------------------------------------------------------------------ with torch: five gigabytes, in the slow profile

PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
import torch
import deeplake_nb as deeplake

ds = deeplake.load(sys.argv[1], read_only=True)
out = {}
for workers in (0, 2):
    batches = list(ds.pytorch(batch_size=4, num_workers=workers))
    out[f"index {workers}"] = torch.cat([one["index"] for one in batches]).reshape(-1).tolist()
    out[f"image {workers}"] = torch.cat([one["image"] for one in batches])[:, 0, 0, 0].tolist()
    out[f"text {workers}"] = [text for one in batches for text in one["text"]]
    out[f"dtypes {workers}"] = [str(batches[0][name].dtype) for name in ("image", "label", "x")]
    out[f"x {workers}"] = torch.cat([one["x"] for one in batches]).tolist()
    epoch = ds.pytorch(batch_size=3, num_workers=workers, shuffle=True, drop_last=True, tensors=["x"])
    out[f"shuffled {workers}"] = [torch.cat([one["index"] for one in epoch]).reshape(-1).tolist() for _ in range(2)]
single = ds.pytorch(batch_size=None, num_workers=0, transform={"image": lambda one: one.mean(), "text": None})
out["single"] = [[float(one["image"]), one["text"].tolist()[0]] for one in single]
pil = ds.pytorch(num_workers=0, batch_size=5, decode_method={"image": "pil"}, tensors=["image"], return_index=False)
out["pil"] = [len(one["image"]) for one in pil]
own = ds.pytorch(num_workers=1, batch_size=2, transform=lambda row, by: int(row["x"][0]) * by,
                 transform_kwargs={"by": 2}, collate_fn=sum, persistent_workers=True)
out["own"] = list(own)
out["unpacked"] = [[len(x), len(label)] for x, label in ds.pytorch(
    tensors=["x", "label"], batch_size=5, num_workers=2, return_index=False)]
for workers in (0, 2):
    loader = ds.dataloader().batch(4).pytorch(num_workers=workers, persistent_workers=workers > 0)
    for epoch in range(2):
        batches = list(loader)
        out[f"loader {workers} {epoch}"] = torch.cat([one["index"] for one in batches]).reshape(-1).tolist()
    out[f"length {workers}"] = [len(loader), [str(type(one)) for one in batches[0].values()][0]]
    epoch = ds.dataloader().pytorch(num_workers=workers, tensors=["x"]).shuffle().batch(3, drop_last=True)
    epochs = [torch.cat([one["index"] for one in epoch]).reshape(-1).tolist() for _ in range(2)]
    out[f"shuffled loader {workers}"] = epochs
chosen = ds.dataloader().transform({"image": lambda one: float(one.mean()), "label": None})
chosen = chosen.query("select * where label == 'b'")
out["chosen"] = [[float(image), label.tolist()] for image, label in chosen.pytorch(return_index=False)]
out["listed"] = list(ds.dataloader().batch(5).pytorch(tensors=["text"], return_index=False, collate_fn=len))
sampler = torch.utils.data.DistributedSampler(ds, num_replicas=2, rank=1, shuffle=False)
out["rank 1"] = [int(one["index"]) for one in ds.pytorch(num_workers=0, sampler=sampler)]
out["view"] = [one["index"].reshape(-1).tolist() for one in ds[5:].pytorch(num_workers=0, batch_size=3)]
print(json.dumps(out))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "slow", reason="torch takes 5 GB: HYPOTHESIS_PROFILE=slow")
def test_batches_of_torch(tmp_path):
    root = Path(__file__).parents[2]
    needed = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    python = environment((*needed["dependencies"], *needed["optional-dependencies"]["torch"])) / "python"
    filled(deeplake.empty(tmp_path / "ds")).close()
    done = subprocess.run(
        [python, "-c", PROGRAM, tmp_path / "ds"],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    check(json.loads(done.stdout))


def check(out):
    numbers = list(range(ROWS))
    for workers in (0, 2):
        assert out[f"index {workers}"] == out[f"image {workers}"] == numbers
        assert out[f"text {workers}"] == [f"row {at}" for at in numbers]
        assert out[f"dtypes {workers}"] == ["torch.uint8", "torch.int64", "torch.int32"]
        assert out[f"x {workers}"] == [[65_000 + 2 * at, 65_001 + 2 * at] for at in numbers]
        for epoch in out[f"shuffled {workers}"]:
            assert len(set(epoch)) == len(epoch) == 9
    assert out["single"] == [[at, f"row {at}"] for at in numbers]
    assert out["pil"] == [5, 5]
    assert out["own"] == [2 * (65_000 + 4 * at + 65_002 + 4 * at) for at in range(5)]
    assert out["view"] == [[5, 6, 7], [8, 9]]
    assert out["unpacked"] == [[5, 5], [5, 5]]
    for workers in (0, 2):
        assert out[f"loader {workers} 0"] == out[f"loader {workers} 1"] == numbers
        assert out[f"length {workers}"] == [3, "<class 'torch.Tensor'>"]
        first, second = out[f"shuffled loader {workers}"]
        assert len(set(first)) == len(set(second)) == 9
        assert first != second
    assert out["chosen"] == [[at, [[1]]] for at in (1, 4, 7)]
    assert out["listed"] == [5, 5]
    assert out["rank 1"] == [1, 3, 5, 7, 9]


# ------------------------------------------------------------------ with TensorFlow, in the slow profile, too

OF_TENSORFLOW = """
import json, sys
import numpy as np
import tensorflow as tf
import deeplake_nb as deeplake

ds = deeplake.load(sys.argv[1])
out, rows = {}, ds[["image", "label", "text", "x"]].tensorflow()
out["form"] = {name: [str(one.shape), one.dtype.name] for name, one in rows.element_spec.items()}
seen = list(rows)
out["values"] = [[row["text"].numpy()[0].decode(), int(row["label"][0]), row["image"].numpy().tolist()] for row in seen]
out["again"] = len(list(rows)) == len(seen) == len(ds)
out["x"] = [batch["x"].numpy().tolist() for batch in ds[2:6].tensorflow(tensors=["x"]).batch(3)]
raw = ds.tensorflow(tensors=["image", "json"], tobytes=True)
out["raw"] = [row["image"].numpy()[0] == ds.image[at].tobytes() for at, row in enumerate(raw)]
out["some raw"] = [row["json"].numpy()[0].decode() for row in ds[:2].tensorflow(["json", "x"], tobytes=["json"])]
out["varied"] = [list(row["varied"].shape) for row in ds.tensorflow(["varied"])]
out["items"] = [[list(row["items"].shape), row["items"].dtype.name] for row in ds.tensorflow(["items"])]
refused = []
for call in (lambda: ds.tensorflow(["json"]), lambda: ds.tensorflow(["x"], tobytes=["image"]),
             lambda: ds.tensorflow(["nothing"])):
    try:
        call()
    except deeplake.LakeError as error:
        refused.append(type(error).__name__)
out["refused"] = refused
print(json.dumps(out))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "slow", reason="a GB more: HYPOTHESIS_PROFILE=slow")
def test_rows_of_tensorflow(tmp_path):
    root = Path(__file__).parents[2]
    needed = tomllib.loads((root / "pyproject.toml").read_text())["project"]["dependencies"]
    python = environment((*needed, "tensorflow-cpu>=2.16")) / "python"
    ds = filled(deeplake.empty(tmp_path / "ds"))
    with ds:
        for at in range(ROWS):
            ds.x[at] = [at, at + 1]
    ds.close()
    more = deeplake.deepcopy(tmp_path / "ds", tmp_path / "more")
    for name, options, row in (
        ("json", {"htype": "json"}, lambda at: {"at": at}),
        ("varied", {"dtype": "float32"}, lambda at: np.ones((at, 2), "float32")),
        ("items", {"htype": "sequence", "dtype": "int32"}, lambda at: [np.int32([at])] * (at % 3)),
    ):
        more.create_tensor(name, **options).extend([row(at) for at in range(ROWS)])
    more.close()
    done = subprocess.run(
        [python, "-c", OF_TENSORFLOW, tmp_path / "more"],
        env=os.environ | {"PYTHONPATH": str(root), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr[-3000:]
    out = json.loads(done.stdout)
    assert out["form"] == {
        "image": ["(4, 5, 3)", "uint8"],
        "label": ["(1,)", "uint32"],
        "text": ["(1,)", "string"],
        "x": ["(2,)", "uint16"],
    }
    assert out["values"] == [[f"row {at}", at % 3, np.full((4, 5, 3), at).tolist()] for at in range(ROWS)]
    assert out["again"]
    assert out["x"] == [[[2, 3], [3, 4], [4, 5]], [[5, 6]]]
    assert out["raw"] == [True] * ROWS
    assert out["some raw"] == ['{"at": 0}', '{"at": 1}']
    assert out["varied"] == [[at, 2] for at in range(ROWS)]
    assert out["items"] == [[[at % 3, 1], "int32"] for at in range(ROWS)]
    assert out["refused"] == ["HtypeError", "SampleError", "TensorNotFoundError"]
