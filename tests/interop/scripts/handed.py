"""Datasets that one of the two makes and the other goes on with: pairs of a script and of what is seen after it."""

from __future__ import annotations

import numpy as np

from .pieces import fails, plain

HANDED = {}
"""By the name of the script that makes: the name of the one that goes on."""
STEPS = {}
"""Both kinds, by name."""


def handed(make):
    """Use ``make`` as the first script of a pair; what is decorated with its ``then`` is the second."""

    def then(look):
        HANDED[make.__name__] = look.__name__
        STEPS[make.__name__], STEPS[look.__name__] = make, look
        return look

    make.then = then
    return make


@handed
def one_row_copied(deeplake):
    ds = deeplake.empty("./ds", overwrite=True)
    ds.create_tensor("x", dtype="float32").extend(np.arange(24, dtype="float32").reshape(4, 2, 3))
    ds.create_tensor("labels", htype="class_label", class_names=["a", "b", "c"]).extend([0, 1, 2, 0])
    ds.create_tensor("group/text", htype="text").extend(["one", "two", "three", "four"])
    copies = {
        "row": ds[2].copy("./row", progressbar=False),
        "rows": ds[2:3].copy("./rows", progressbar=False),
        "row_of_rows": deeplake.copy(ds[1:3][0], "./row_of_rows", progressbar=False),
        "part": ds[1, 0].copy("./part", progressbar=False),
        "some": ds[1].copy("./some", tensors=["x"], progressbar=False),
        "of_group": ds["group"][1].copy("./of_group", progressbar=False),
    }
    return {name: _row(copy) for name, copy in copies.items()}


@one_row_copied.then
def one_row_opened(deeplake):
    out = {}
    for name in ("row", "rows", "row_of_rows", "part", "some", "of_group"):
        ds = deeplake.load(f"./{name}", verbose=False)
        out[name] = [_row(ds), ds.is_view]
    ds = deeplake.load("./row", verbose=False)
    refused = [
        lambda: ds.x.append(np.zeros((2, 3), "float32")),
        lambda: ds.append({"x": np.zeros((2, 3), "float32"), "labels": 1, "group/text": "x"}),
        lambda: ds.create_tensor("y"),
        lambda: ds.x.pop(0),
        lambda: ds.pop(0),
        lambda: ds.commit("no"),
        lambda: ds.checkout("no", create=True),
    ]
    out["refused"] = [fails(one) for one in refused]
    ds.update({"labels": 1})
    ds.info.update(a=1)
    ds.add_creds_key("key")
    again = deeplake.load("./row", verbose=False)
    out["updated"] = [_row(again), dict(again.info), list(again.get_creds_keys())]
    deep = deeplake.deepcopy("./row", "./deep", overwrite=True, progressbar=False, verbose=False)
    return [out, _row(deep), _row(deeplake.load("./rows", verbose=False)[0])]


def _row(ds):
    return {
        name: [list(tensor.shape), plain(tensor.data()["value"] if name.endswith("text") else tensor.numpy())]
        for name, tensor in sorted(ds.tensors.items())
    }


_IMAGES = ("png", "bmp", "gif", "tiff", "webp", "dib", "ppm", "sgi", "tga", "pcx", "jpeg2000")
_SHAPES = ((4, 5, 3), (6, 3, 3), (4, 5, 3), (2, 7, 3), (5, 5, 3), (3, 3, 3), (6, 6, 3))


def _picture(at):
    shape = _SHAPES[at % len(_SHAPES)]
    return (np.arange(np.prod(shape)) * 7 + at * 31).astype("uint8").reshape(shape)


def _columns():
    """By name: how a tensor is made, and what its row ``at`` is."""
    out = {f"image_{kind}": ({"htype": "image", "sample_compression": kind}, _picture) for kind in ("png", "bmp")}
    out["image_chunk"] = ({"htype": "image", "chunk_compression": "png"}, _picture)
    out["image_many"] = ({"htype": "image", "chunk_compression": "png", "max_chunk_size": 600}, _picture)
    out["image_tiled"] = ({"htype": "image", "sample_compression": "png", "tiling_threshold": 200}, _picture)
    for name, how in {
        "raw": {},
        "lz4": {"sample_compression": "lz4"},
        "lz4_chunk": {"chunk_compression": "lz4"},
        "small": {"max_chunk_size": 60},
        "tiled": {"tiling_threshold": 100},
    }.items():
        out[f"array_{name}"] = (
            {"dtype": "int32", **how},
            lambda at: np.full((2 + at % 3, 3 + at % 4), at, "int32"),
        )
        out[f"same_{name}"] = ({"dtype": "int32", **how}, lambda at: np.full((4, 9), at, "int32"))
    for name, how in {"": {}, "_lz4": {"sample_compression": "lz4"}, "_chunk": {"chunk_compression": "lz4"}}.items():
        out[f"text{name}"] = ({"htype": "text", **how}, lambda at: f"row {at} " * (at % 4))
        out[f"json{name}"] = ({"htype": "json", **how}, lambda at: {"at": at, "more": [1] * (at % 3)})
        out[f"list{name}"] = ({"htype": "list", **how}, lambda at: list(range(at % 4)))
    out["label"] = ({"htype": "class_label"}, lambda at: f"class {at % 5}")
    out["labels"] = ({"htype": "class_label", "chunk_compression": "lz4"}, lambda at: ["a", "b", "c"][: 1 + at % 3])
    out["boxes"] = ({"htype": "bbox"}, lambda at: np.full((at % 3, 4), at, "float32"))
    out["sequence"] = ({"htype": "sequence[bbox]"}, lambda at: [np.full((1, 4), at, "float32")] * (1 + at % 3))
    out["frames"] = (
        {"htype": "sequence[image]", "sample_compression": "png"},
        lambda at: [_picture(at + step) for step in range(1 + at % 2)],
    )
    out["words"] = ({"htype": "sequence[text]"}, lambda at: [f"{at} {step}" for step in range(1 + at % 3)])
    return out


def _add(ds, numbers):
    with ds:
        for at in numbers:
            ds.append({name: value(at) for name, (_, value) in _columns().items() if name in ds.tensors})


def _all(ds):
    out = {}
    for name, tensor in sorted(ds.tensors.items()):
        is_said = tensor.base_htype in {"text", "json", "list"}
        values = []
        for at in range(len(tensor)):
            one = tensor[at].data()["value"] if is_said else tensor[at].numpy(aslist=True)
            values.append(plain(one))
        is_counted = not (tensor.is_sequence and is_said)  # the original counts one item then
        shapes = [list(tensor[at].shape) for at in range(len(tensor) * is_counted)]
        out[name] = [tensor.htype, len(tensor), shapes, values]
    return out


@handed
def rows_popped_and_changed(deeplake):
    ds = deeplake.empty("./ds", overwrite=True)
    for name, (how, _) in _columns().items():
        ds.create_tensor(name, **how)
    _add(ds, range(8))
    ds.pop(2)
    ds.pop(6)
    ds.pop(0)
    ds.commit("popped")
    ds.pop(1)
    _add(ds, (11, 12))
    for name, (how, value) in _columns().items():
        if "sequence" not in how.get("htype", ""):  # of which the original changes no row to one of another length
            ds[name][1] = value(21)
    ds.commit("changed")
    return _all(ds)


@rows_popped_and_changed.then
def popped_rows_go_on(deeplake):
    ds = deeplake.load("./ds", verbose=False)
    out = [_all(ds)]
    ds.pop(len(ds) - 1)
    ds.pop(1)
    _add(ds, (31, 32))
    out.append(_all(ds))
    ds.commit("gone on")
    ds.pop()
    _add(ds, (41,))
    again = deeplake.load("./ds", verbose=False)
    out.append(_all(again))
    out.append([_all(deeplake.load(f"./ds@{one['commit']}", verbose=False)) for one in again.commits])
    return out


def _branched(deeplake):
    ds = deeplake.empty("./ds", overwrite=True)
    for name, (how, _) in _columns().items():
        if name != "same_tiled" and "sequence" not in how.get("htype", ""):  # the original's merges lose rows of these
            ds.create_tensor(name, **how)
    _add(ds, range(4))
    ds.commit("base")
    ds.checkout("side", create=True)
    _add(ds, (10, 11))
    for name, tensor in ds.tensors.items():
        if tensor.base_htype != "json":  # which the original's merges put into lists
            tensor[1] = _columns()[name][1](14)
    ds.commit("side")
    ds.checkout("main")
    _add(ds, (20,))
    ds.commit("main")
    return ds


@handed
def branches_left_to_merge(deeplake):
    return _all(_branched(deeplake))


@branches_left_to_merge.then
def branches_merged(deeplake):
    ds = deeplake.load("./ds", verbose=False)
    ds.merge("side")
    out = [_all(ds)]
    ds.pop(1)
    _add(ds, (30,))
    ds.commit("after")
    ds.checkout("side")
    out.append(_all(ds))
    return [*out, _all(deeplake.load("./ds", verbose=False))]


@handed
def branches_merged_before(deeplake):
    ds = _branched(deeplake)
    ds.merge("side")
    ds.checkout("more", create=True)
    _add(ds, (22, 23))
    ds.commit("more")
    ds.checkout("main")
    _add(ds, (40,))
    ds.commit("main again")
    return _all(ds)


@branches_merged_before.then
def merged_branches_go_on(deeplake):
    ds = deeplake.load("./ds", verbose=False)
    ds.merge("more")
    ds.merge("side", conflict_resolution="ours")  # the original takes what was merged before for a conflict
    out = [_all(ds)]
    ds.checkout("side")
    _add(ds, (50,))
    ds.commit("side again")
    ds.checkout("main")
    ds.pop(0)  # which is forgotten by the original once it is committed
    ds.merge("side", conflict_resolution="ours")
    return [*out, _all(ds), _all(deeplake.load("./ds", verbose=False))]
