"""Corners of the names: slashes, tensors that are there, nothing at all, odd shapes, pickles, readers."""

from __future__ import annotations

import copy
import pickle

import numpy as np

from .pieces import fails, filled, plain, script, seen


@script
def slashes_around_names(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("/a//b/").extend([1, 2])
    ds.create_group("/g//h/")
    ds.g.create_tensor("/k").append(3)
    return [
        sorted(ds.tensors),
        sorted(ds.groups),
        [ds[name].numpy().tolist() for name in ("a/b", "/a/b", "a//b")],
        [ds["a"]["/b"].numpy().tolist(), "a/b" in ds, "nothing" in ds],
        fails(lambda: ds["/"]),
    ]


@script
def tensors_that_are_there(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("plain")
    ds.create_tensor("picture", htype="image", sample_compression="jpg")
    ds.create_tensor("label", htype="class_label", class_names=["x"])
    ds.create_tensor("number", dtype="int32")
    asked = [
        ("plain", {}),
        ("plain", {"dtype": "int32"}),
        ("plain", {"htype": "image", "sample_compression": "png"}),
        ("picture", {"htype": "image", "sample_compression": "jpeg"}),
        ("picture", {"htype": "image", "sample_compression": "png"}),
        ("picture", {"htype": "text"}),
        ("label", {"htype": "class_label"}),
        ("number", {"dtype": "int32"}),
        ("number", {"dtype": "int64"}),
        ("number", {"dtype": "int32", "chunk_compression": "lz4"}),
    ]
    refused = [
        fails(lambda name=name, kind=kind: ds.create_tensor(name, exist_ok=True, **kind)) for name, kind in asked
    ]
    return [refused, sorted(ds.tensors), fails(lambda: ds.create_tensor("plain"))]


@script
def bounds_of_shapes(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("none")
    ds.create_tensor("picture", htype="image", sample_compression="png")
    ds.create_tensor("one", dtype="int32").extend(np.ones((2, 3), "int32"))
    ds.create_tensor("boxes", htype="bbox").extend([np.ones((1, 4), "float32"), np.ones((2, 4), "float32")])
    out = []
    for tensor in ds.tensors.values():
        bounds = tensor.shape_interval
        out.append([tensor.is_dynamic, bounds.is_dynamic, str(bounds), list(bounds.astuple()), list(tensor.shape)])
    return [out, len(ds.none.shapes()), ds.boxes.shapes().tolist()]


@script
def bounds_of_selections(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("picture", htype="image", sample_compression="png").extend(
        [np.ones((3 + row, 4, 3), "uint8") for row in range(4)]
    )
    ds.create_tensor("one", dtype="int32").extend(np.ones((3, 2), "int32"))
    ds.create_tensor("boxes", htype="sequence[bbox]").extend(
        [[np.ones((count, 4), "float32") for count in counts] for counts in [(1, 2), (1,), (3, 2)]]
    )
    out = []
    for tensor in ds.tensors.values():
        for part in (tensor[0], tensor[1], tensor[0:2], tensor[0:1], tensor[[0, 2]], tensor[0:0]):
            bounds = part.shape_interval
            low, high = list(map(int, bounds.lower)), list(map(int, bounds.upper))
            shapes = part.shapes() if part.shape_interval.lower[0] else []
            out.append([low, high, part.is_dynamic, [one.tolist() for one in shapes]])
    return [out, list(ds.one[0:0].shape)]


@script
def pictures_of_few_axes(deeplake):
    picture = np.full((4, 6, 3), 9, "uint8")
    values = {
        "grey": [np.ones((2, 3), "uint8"), picture],
        "line": [np.arange(3, dtype="uint8"), picture],
        "after": [picture, np.arange(3, dtype="uint8")],
        "number": [np.uint8(3), picture],
        "together": np.arange(6, dtype="uint8").reshape(2, 3),
    }
    out = {}
    for kind in (None, "lz4", "png"):
        ds = deeplake.empty(f"./{kind}")
        for name, given in values.items():
            if (kind, name) in {("png", "number"), (None, "together")}:  # where the original has rules of its own
                continue
            tensor = ds.create_tensor(name, htype="image", sample_compression=kind)
            if isinstance(given, np.ndarray):
                tensor.extend(given)
            else:
                for one in given:
                    tensor.append(one)
            out[f"{kind} {name}"] = [plain(one) for one in tensor.numpy(aslist=True)]
    return out


@script
def arrays_in_json_and_numbers_without_a_name(deeplake):
    ds = deeplake.empty("./ds")
    ds.create_tensor("json", htype="json").append(np.arange(6).reshape(2, 3))
    ds.create_tensor("label", htype="class_label", class_names=["a"])
    ds.label.append([0, 7])
    ds.label.append(3)
    return [ds.json[0].data()["value"], ds.label[0].data()["text"], ds.label[1].data()["text"]]


@script
def pickles_and_copies(deeplake):
    ds = filled(deeplake)
    ds.create_tensor("group/inner").extend([1, 2])
    ds.commit("one")
    ds.checkout("side", create=True)
    ds.x.append(np.zeros((2, 2), "float32"))

    def again(value):
        return pickle.loads(pickle.dumps(value))

    rows = again(ds[[3, 1]])
    return [
        [again(ds).branch, len(again(ds).x), sorted(again(ds).tensors)],
        [plain(one) for one in rows.labels.numpy(aslist=True)],
        [list(again(ds[["x"]]).tensors), again(ds.group).inner.numpy().tolist()],
        [again(ds.x[2]).numpy().tolist(), len(again(ds.x[2:5]))],
        [copy.deepcopy(ds).branch, len(copy.deepcopy(ds).x)],
        again(deeplake.load("./ds", read_only=True, verbose=False)).read_only,
    ]


@script
def only_read(deeplake):
    filled(deeplake).commit("one")
    ds = deeplake.load("./ds", read_only=True, verbose=False)
    refused = [
        lambda: ds.x.append(1),
        lambda: ds.x.extend([1]),
        lambda: ds.append({name: tensor[0] for name, tensor in ds.tensors.items()}),
        lambda: ds.x.__setitem__(0, np.zeros((2, 1), "float32")),
        lambda: ds.x.pop(0),
        ds.x.clear,
        lambda: ds.create_tensor("new"),
        lambda: ds.delete_tensor("x"),
        lambda: ds.rename_tensor("x", "y"),
        lambda: ds.commit("more", allow_empty=True),
        lambda: ds.checkout("branch", create=True),
        lambda: ds.info.update(a=1),
        lambda: ds[0].update({"labels": 1}),
        ds.delete,
        lambda: deeplake.dataset("./nothing", read_only=True, verbose=False),
    ]
    return [[fails(one) for one in refused], deeplake.exists("./nothing"), seen(ds)["rows"], deeplake.exists("./ds")]


@script
def numbers_of_python(deeplake):
    """Which dtype the first one gives a tensor, and which ones a tensor takes."""
    ds = deeplake.empty("./ds")
    given = {
        "bool": [True, False],
        "bools": [[True, False], [False, False]],
        "nested": [[[True], [False]]],
        "numpy": [np.True_, np.False_],
        "in_list": [[np.True_, np.False_]],
        "array": [np.array([True, False])],
        "then_number": [True, 3],
    }
    out = {}
    for name, values in given.items():
        for value in values:
            (ds[name] if name in ds else ds.create_tensor(name)).append(value)
        ds.create_tensor(f"{name}_at_once").extend(values)
        ds.create_tensor(f"{name}_sequence", htype="sequence").append(values)
        for found in (name, f"{name}_at_once", f"{name}_sequence"):
            out[found] = [str(ds[found].dtype), plain(ds[found].numpy(aslist=True))]
    whole = [2**24 + 1, [1, 2**24 + 1], np.int64(2**24 + 1), np.array([1, 2**24 + 1]), 2**25 + 1]
    for at, value in enumerate(whole):
        tensor = ds.create_tensor(f"whole_{at}", dtype="float32")
        out[f"whole {at}"] = [fails(lambda tensor=tensor, value=value: tensor.append(value)), len(tensor)]
    return out
