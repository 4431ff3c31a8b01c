"""The original's side of scripts and of its public names: run by its own interpreter."""

from __future__ import annotations

import inspect

import answering

# isort: split
import deeplake
from deeplake.core.dataset import Dataset
from deeplake.core.tensor import Tensor
from locks import release
from scripts import SCRIPTS, STEPS

deeplake.constants.SPINNER_ENABLED = False


def script(name):
    """Run a script in the working folder; what it saw. Its locks are given up, as at the end of a process."""
    try:
        return (SCRIPTS | STEPS)[name](deeplake)
    finally:
        release()


def names():
    """Every public name of the module, of datasets and of tensors, with its parameters (None: it is not called)."""
    module = {
        name: _parameters(getattr(deeplake, name)) if inspect.isroutine(getattr(deeplake, name)) else None
        for name in sorted(deeplake.__all__)
        if hasattr(deeplake, name) and not inspect.ismodule(getattr(deeplake, name))
    }
    extra = {name: _parameters(getattr(deeplake, name)) for name in ("link_tiled", "tiled")}
    return {"module": module | extra, "Dataset": _members(Dataset), "Tensor": _members(Tensor)}


def _members(kind):
    out = {}
    for name in dir(kind):
        member = inspect.getattr_static(kind, name)
        if isinstance(member, (staticmethod, classmethod)):
            member = member.__func__
        if not name.startswith("_"):
            out[name] = _parameters(member) if inspect.isroutine(member) else None
    return out


def _parameters(function):
    return [name for name in inspect.signature(function).parameters if name not in {"self", "args", "kwargs"}]


answering.serve({"script": script, "names": names})
