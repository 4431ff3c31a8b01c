"""What is timed: a function's own work. Its arguments are made before, its result is looked at afterwards.

A function of `ds` gets the dataset as the program's `load()` has just opened it: opening has a row of its own.
"""

from __future__ import annotations

import gc
import hashlib
import inspect
import time
from pathlib import Path

import numpy as np


def calls(namespace):
    """Each function that a program defines, as a call that gives `[seconds, digest of the result]`."""
    own = {name: one for name, one in namespace.items() if getattr(one, "__module__", "") == "__main__"}
    return {name: timed(one, own.get("load")) for name, one in own.items()}


def timed(function, load):
    """Arguments that name a ``.npy`` file are loaded; one that names a ``.txt`` file is its lines."""

    def call(**arguments):
        arguments = {name: given(value) for name, value in arguments.items()}
        if "ds" in inspect.signature(function).parameters:
            arguments["ds"] = load()
        gc.collect()
        begun = time.perf_counter()
        result = function(**arguments)
        seconds = time.perf_counter() - begun
        return [seconds, digest(result)]

    return call


def given(value):
    """An argument, from its file if it is in one."""
    if isinstance(value, str) and value.endswith(".npy"):
        return np.load(value)
    if isinstance(value, str) and value.endswith(".txt"):
        return Path(value).read_text(encoding="utf-8").split("\n")
    return value


def digest(result):
    """The same for equal values: shapes (but for axes of one) and numbers, or texts.

    Of pictures it is the shape and the rounded mean, as decoders differ in the last bit.
    """
    out = hashlib.sha256()
    numbers = isinstance(result, np.ndarray) and result.dtype.kind in "fiu" and result.dtype != np.uint8
    for one in [] if result is None else [result] if numbers else result:
        if isinstance(one, str):
            out.update(one.encode() + b"\0")
            continue
        array = np.asarray(one).squeeze()
        if array.dtype == np.uint8:
            array = np.array([*array.shape, round(float(array.mean()))])
        array = array if array.dtype.kind == "f" else array.astype("int64")
        out.update(f"{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return out.hexdigest()
