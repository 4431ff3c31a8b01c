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
