"""Inputs of the programs: the same numbers, pictures and files whichever interpreter asks for them."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from PIL import Image

FILES = Path("files")


def numbers(shape, dtype, seed=0):
    """Numbers over the dtype's range. RandomState's stream is the one that numpy never changes."""
    dtype = np.dtype(dtype)
    random = np.random.RandomState(zlib.crc32(f"{shape} {dtype} {seed}".encode()))
    if dtype.kind in "fc":
        real, imaginary = random.normal(size=shape), random.normal(size=shape)
        return (real + 1j * imaginary if dtype.kind == "c" else real).astype(dtype)
    if dtype.kind == "b":
        return random.randint(0, 2, size=shape).astype(bool)
    limits = np.iinfo(dtype)
    return random.randint(limits.min, limits.max, size=shape, dtype=dtype)


def picture(height, width, channels=3, seed=0):
    """A picture with slopes and an edge, for codecs to work on; `(H, W, C)`, or `(H, W)` of no channels."""
    y, x = np.mgrid[:height, :width]
    planes = [(x * (3 + k + seed) + y * (5 - k) + 90 * (x + y > width)) % 256 for k in range(channels or 1)]
    return (np.stack(planes, -1) if channels else planes[0]).astype("uint8")


def file(name, array, **options):
    """Path of an image file of `array`; one that is there already is left as it is, so that both sides share it."""
    FILES.mkdir(exist_ok=True)
    path = FILES / name
    if not path.exists():
        Image.fromarray(array).save(path, **options)
    return str(path)
