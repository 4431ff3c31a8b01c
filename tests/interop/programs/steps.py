"""A history, one step at a time, with either implementation; `COLUMNS` are the tensors it may have."""

from __future__ import annotations

import wave

import numpy as np

from .sources import FILES, numbers, picture

NAMES = ["no", "yes", "maybe"]
IMAGE = {"htype": "image"}
LOSSLESS = ("png", "bmp", "tiff", "ppm", "tga", "sgi", "dib")  # the original's Pillow cannot read its small PCX
LOSSY = ("jpeg", "webp", "jpeg2000")
SEQUENCES = {
    "generic": {"dtype": "uint8"},
    "image": {"sample_compression": "png"},
    "text": {},
    "json": {},
    "class_label": {"class_names": NAMES},
    "bbox": {},
    "binary_mask": {"sample_compression": "lz4"},
    "embedding": {},
    "point": {"chunk_compression": "lz4"},
}
COLUMNS = {
    "numbers": {"dtype": "int32"},
    "sampled": {"dtype": "float32", "sample_compression": "lz4"},
    "packed": {"dtype": "int16", "chunk_compression": "lz4"},
    "tiled": {"dtype": "uint16", "tiling_threshold": 40},
    "tiled_png": {**IMAGE, "sample_compression": "png", "tiling_threshold": 40},
    "tiled_lz4": {"dtype": "uint8", "chunk_compression": "lz4", "tiling_threshold": 20},
    **{f"{kind}_{how}": {"htype": kind, f"{how}_compression": "lz4"} for kind in ("text", "json", "list", "polygon")
       for how in ("sample", "chunk")},
    **{kind: {"htype": kind} for kind in ("text", "json", "list", "tag", "polygon", "bbox", "bbox.3d", "point",
                                          "binary_mask", "segment_mask", "instance_label", "keypoints_coco",
                                          "embedding", "intrinsics", "class_label")},
    "label": {"htype": "class_label", "class_names": NAMES},
    "mask_png": {"htype": "binary_mask", "dtype": "uint8", "sample_compression": "png"},
    "mask_chunks": {"htype": "segment_mask", "chunk_compression": "lz4"},
    "raw_image": {**IMAGE, "sample_compression": None, "dtype": "uint8"},
    "image_lz4": {**IMAGE, "sample_compression": "lz4", "dtype": "uint8"},
    "rgb": {"htype": "image.rgb", "sample_compression": "png"},
    "gray": {"htype": "image.gray", "sample_compression": "png"},
    "small": {**IMAGE, "sample_compression": "png", "downsampling": (2, 1)},
    **{f"{how}_{kind}": {**IMAGE, f"{how}_compression": kind} for kind in (*LOSSLESS, *LOSSY)
       for how in ("sample", "chunk")},
    "gif": {**IMAGE, "sample_compression": "gif"},
    "gif_chunks": {**IMAGE, "chunk_compression": "gif"},
    "wav": {"htype": "audio", "sample_compression": "wav"},
    "frames": {"htype": "video", "sample_compression": None},
    "cloud": {"htype": "point_cloud", "sample_compression": None},
    **{f"list_of_{kind}": {"htype": f"sequence[{kind}]", **how} for kind, how in SEQUENCES.items()},
}  # fmt: skip
LOSES = {name for name in COLUMNS if name.endswith(LOSSY) or name.startswith("gif")}
"""Columns whose values come back changed, by the same numbers in both implementations: a GIF the original writes may
have a palette, whose numbers it reads as colours."""
OURS_ONLY = {name for name in COLUMNS if name.startswith(("list_of_", "tiled", "chunk_", "gif_chunks", "small"))}
"""Columns in which the original damages rows that it replaces or removes."""
OURS_TO_EXTEND = {"list_sample"}
"""Columns to which the original cannot append several rows, where a chunk is too small for them."""


def value(column, seed):
    """The value that a seed stands for; its shape varies, axes of length zero among them."""
    how = COLUMNS[column]
    htype = how.get("htype", "generic")
    if htype.startswith("sequence["):
        return [_one(htype[9:-1], how, seed + at) for at in range(seed % 3)]
    return _one(htype, how, seed)


def _one(htype, how, seed):  # noqa: PLR0911 - a case a line
    if htype == "text":
        return "" if seed % 5 == 0 else f"{seed} " * (seed % 7)
    if htype in {"json", "list", "tag"}:
        words = [f"w{seed}"] * (1 + seed % 3)
        return {"n": seed, "words": words} if htype == "json" else words
    if htype == "class_label":
        return np.full(seed % 3, seed % len(NAMES), "uint32")
    if htype.startswith("image"):
        is_grey = htype == "image.gray" or "gif" in how.values()
        return picture(1 + seed % 4, 2 + seed % 3, channels=0 if is_grey else 3, seed=seed)
    if htype == "polygon":
        return [numbers((3 + at, 2), "float32", seed) for at in range(seed % 3)] or None
    if htype == "audio":
        return seed
    shapes = {
        "bbox": (seed % 3, 4),
        "bbox.3d": (seed % 2, 8),
        "keypoints_coco": (3 * (seed % 3), 1),
        "embedding": (8,),
        "intrinsics": (3, 3),
        "point": (seed % 4, 2),
        "video": (seed % 3, 4, 5, 3),
        "point_cloud": (1 + seed % 4, 3),
    }
    kinds = {"binary_mask": "bool", "segment_mask": "uint32", "instance_label": "uint32", "keypoints_coco": "int32",
             "point": "int32", "video": "uint8"}  # fmt: skip
    shape = shapes.get(htype, (seed % 3, 1 + seed % 2) if htype == "generic" else (1 + seed % 4, 2 + seed % 3))
    if how.get("tiling_threshold"):
        shape = (1 + seed % 9, 2 + seed % 5)
    return numbers(shape, how.get("dtype") or kinds.get(htype, "float32"), seed)


def _taken(lake, column, seed):
    """The value as it is appended: of a sound, its file."""
    if COLUMNS[column].get("htype") != "audio":
        return value(column, seed)
    FILES.mkdir(exist_ok=True)
    path = FILES / f"{seed}.wav"
    if not path.exists():
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(8000)
            out.writeframes(sound(seed).tobytes())
    return lake.read(str(path))


def sound(seed):
    """The samples of the sound that a seed stands for."""
    return numbers((5 + seed % 50,), "int16", seed).astype("<i2")


def begin(lake, chunk_size, columns):
    """An empty dataset with some columns."""
    with lake.empty("ds") as ds:
        for name in columns:
            ds.create_tensor(name, max_chunk_size=chunk_size, **COLUMNS[name])


def extend(lake, branch, columns):
    """Append to columns the values of seeds: `columns` maps a name to seeds."""
    with lake.load(f"ds@{branch}") as ds:
        for name, seeds in columns.items():
            ds[name].extend([_taken(lake, name, seed) for seed in seeds])
    ds.flush()
    return ds


def replace(lake, branch, column, row, seed):
    """Another value in a row."""
    with lake.load(f"ds@{branch}") as ds:
        ds[column][row] = _taken(lake, column, seed)
    return ds


def remove(lake, branch, column, row):
    """One row less."""
    ds = lake.load(f"ds@{branch}")
    ds[column].pop(row)
    return ds


def commit(lake, branch):
    """Close the version."""
    ds = lake.load(f"ds@{branch}")
    ds.commit("a step", allow_empty=True)
    return ds


def fork(lake, branch, new):
    """A branch that starts where another is."""
    ds = lake.load(f"ds@{branch}")
    ds.checkout(new, create=True)
    return ds


def merge(lake, branch, other, whose):
    """What another branch has changed."""
    ds = lake.load(f"ds@{branch}")
    ds.merge(other, conflict_resolution=whose)
    return ds


STEPS = {f.__name__: f for f in (begin, extend, replace, remove, commit, fork, merge)}
