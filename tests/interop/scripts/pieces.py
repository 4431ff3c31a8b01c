"""What the scripts are made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

SCRIPTS = {}


def script(function):
    SCRIPTS[function.__name__] = function
    return function


def seen(ds):
    """Everything of a dataset that a user sees."""
    return {
        "rows": len(ds),
        "tensors": {
            name: {
                "htype": tensor.htype,
                "dtype": str(tensor.meta.dtype),
                "compression": [tensor.meta.sample_compression, tensor.meta.chunk_compression],
                "info": {key: value for key, value in dict(tensor.info).items() if value},
                "values": [plain(one) for one in values(tensor)],
            }
            for name, tensor in sorted(ds.tensors.items())
        },
        "info": dict(ds.info),
    }


def values(tensor):
    if tensor.base_htype in {"text", "json"}:
        return tensor.data()["value"]
    return tensor.numpy(aslist=True)


def plain(value):
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray):
        return [str(value.dtype), list(value.shape), value.tolist()]
    return value


def groups(ds):
    """Not those that the original forgets to take away."""
    return sorted(name for name in ds.groups if not name.startswith("__temp"))


def pictures(folder, names):
    for at, name in enumerate(names):
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4 + at, 6, 3), 10 * at, "uint8")).save(path)


def filled(deeplake, path="./ds"):
    """Rows of most simple kinds."""
    ds = deeplake.empty(path, overwrite=True)
    with ds:
        ds.create_tensor("x", dtype="float32")
        ds.create_tensor("labels", htype="class_label", class_names=["cat", "dog", "bird"])
        ds.create_tensor("boxes", htype="bbox")
        ds.create_tensor("words/caption", htype="text")
        ds.create_tensor("images", htype="image", sample_compression="png")
    for at in range(8):
        ds.append(
            {
                "x": np.full((2, at % 3 + 1), at, "float32"),
                "labels": np.array([at % 3, 2][: at % 2 + 1], "uint32"),
                "boxes": np.ones((at % 3, 4), "float32") * at,
                "words/caption": f"row {at}",
                "images": np.full((3 + at, 4, 3), at, "uint8"),
            }
        )
    return ds


def fails(call):
    """Whether it is refused; each of the two has errors of its own."""
    try:
        call()
    except Exception:  # noqa: BLE001
        return True
    return False
