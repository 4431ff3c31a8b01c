"""JPEG files: appended as they are, decoded one by one and in a batch."""

from __future__ import annotations

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from skimage import data

import deeplake_nb
from tests.benchmarks.measure import Line, alternating

if TYPE_CHECKING:
    from tests.benchmarks.measure import Scale

_SIZE = (320, 240)


def photographs(folder, count):
    """JPEG files cut from a photograph, each from another place."""
    photograph = Image.fromarray(data.rocket())
    random = np.random.default_rng(0)
    paths = []
    for number in range(count):
        x, y = (int(random.integers(0, whole - part)) for whole, part in zip(photograph.size, _SIZE, strict=True))
        paths.append(folder / f"{number}.jpg")
        photograph.crop((x, y, x + _SIZE[0], y + _SIZE[1])).save(paths[-1], quality=85)
    return paths


def written(folder, paths):
    """A dataset of one tensor, `images`."""
    ds = deeplake_nb.empty(folder / "ds")
    with ds:
        ds.create_tensor("images", htype="image", sample_compression="jpeg")
        ds.images.extend([deeplake_nb.read(path) for path in paths])
    return ds


def copied(folder, paths):
    """The least that passing through costs: every file read, one file written."""
    with (folder / "all").open("wb") as out:
        for path in paths:
            out.write(path.read_bytes())


def decode(path):
    """The decoder alone."""
    return np.asarray(Image.open(path))


def lines(scale: Scale) -> list[Line]:
    """Passing through and decoding."""
    folder = Path(tempfile.mkdtemp(prefix="benchmark-pictures-"))
    try:
        paths = photographs(folder, scale.files)
        written(folder, paths)
        tensor = deeplake_nb.load(folder / "ds", read_only=True).images
        assert all(tensor[row].tobytes() == path.read_bytes() for row, path in enumerate(paths))
        return list(_measured(scale, folder, paths))
    finally:
        shutil.rmtree(folder)


def _measured(scale, folder, paths):
    def load():
        return deeplake_nb.load(folder / "ds", read_only=True).images

    def one_by_one(_):
        tensor = load()
        return [tensor[row].numpy() for row in range(len(paths))]

    def batch(_):
        return load().numpy(aslist=True)

    for ours in (one_by_one, batch):
        assert all(np.array_equal(image, decode(path)) for image, path in zip(ours(None), paths, strict=True))
    what = f"{len(paths):,} JPEG files"
    ours, limit = alternating(scale.repeats, lambda new: written(new, paths), lambda new: copied(new, paths))
    yield Line(f"append {what}", ours, "3 x", "reading them and writing one file", limit)
    repeats = min(scale.repeats, 3)
    ours, limit = alternating(repeats, one_by_one, lambda _: [decode(path) for path in paths])
    yield Line(f"decode {what}, one by one", ours, "1.2 x", "the decoder alone", limit)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        ours, limit = alternating(repeats, batch, lambda _: list(pool.map(decode, paths)))
    yield Line(f"decode {what}, a batch", ours, "1.2 x", "the decoder alone on all cores", limit)
