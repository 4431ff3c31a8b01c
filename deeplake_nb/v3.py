"""Lets programs that ``import deeplake`` run on this package, unchanged: LangChain's and LlamaIndex's stores do.

``deeplake_nb.stand_in()`` puts modules of the original's names into ``sys.modules``. A module has the names that
programs of its time import from it, and each leads to what it is here.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = "3.9.52"
"""The version whose names and behaviour there are; programs ask for it."""

_STORE = {"VectorStore": "VectorStore", "DeepLakeVectorStore": "VectorStore"}
_ERRORS = {
    "AuthorizationException": "PermissionDeniedError",
    "BadRequestException": "HubError",
    "DatasetHandlerError": "DatasetNotFoundError",
    "DynamicTensorNumpyError": "DynamicShapeError",
    "EmptyTensorError": "VectorStoreError",
    "IncorrectEmbeddingShapeError": "VectorStoreError",
    "InvalidTokenException": "HubTokenError",
    "LockedException": "LockedError",
    "ReadOnlyModeError": "ReadOnlyError",
    "SampleAppendError": "SampleError",
    "SampleExtendError": "SampleError",
    "SampleUpdateError": "SampleError",
    "TensorAlreadyExistsError": "TensorExistsError",
    "TensorDoesNotExistError": "TensorNotFoundError",
    "TokenPermissionError": "PermissionDeniedError",
    "UserNotLoggedInException": "HubTokenError",
}
_MODULES: Mapping[str, Mapping[str, str]] = {
    "core": {},
    "core.dataset": {"Dataset": "Dataset"},
    "core.tensor": {"Tensor": "Tensor"},
    "core.sample": {"Sample": "Sample"},
    "core.fast_forwarding": {},
    "core.vectorstore": _STORE,
    "core.vectorstore.deeplake_vectorstore": _STORE,
    "util": {},
    "util.exceptions": {},
}
"""Modules below ``deeplake``, with names of this package by the names they have there."""


def stand_in() -> None:
    """Let ``import deeplake``, and of its modules those that clients import, mean this package in this process.

    Example:
        >>> import deeplake_nb
        >>> deeplake_nb.stand_in()
        >>> from deeplake.core.vectorstore import VectorStore
        >>> issubclass(VectorStore, deeplake_nb.VectorStore)  # which gives all rows where k is more than there are
        True

    Raises:
        UnsupportedError: the original is imported already.
    """
    there = sys.modules.get("deeplake")
    if isinstance(there, _Deeplake):
        return
    if there is not None:
        raise UnsupportedError("the original deeplake is imported already; call stand_in() before anything imports it")
    root = sys.modules["deeplake"] = _Deeplake("deeplake", __doc__)
    root.__path__ = []
    for name, names in _MODULES.items():
        module = sys.modules[f"deeplake.{name}"] = _Module(f"deeplake.{name}", names)
        parent, _, own = f"deeplake.{name}".rpartition(".")
        setattr(sys.modules[parent], own, module)
    vars(sys.modules["deeplake.core.fast_forwarding"])["version_compare"] = version_compare
    for theirs, ours in _ERRORS.items():
        vars(sys.modules["deeplake.util.exceptions"])[theirs] = getattr(sys.modules["deeplake_nb.errors"], ours)


def version_compare(one: str, other: str) -> int:
    """-1, 0 or 1, as ``one`` is older than ``other``, the same, or newer."""
    first, second = ([int(part) for part in text.split(".")] for text in (one, other))
    return (first > second) - (first < second)


class _Module(ModuleType):
    """A module of the original's; what is here is looked up at its first use."""

    def __init__(self, name: str, names: Mapping[str, str]) -> None:
        super().__init__(name, f"Stands in for {name}.")
        self.__path__: list[str] = []
        self._names = names

    def __getattr__(self, name: str) -> Any:
        known = self.__dict__.get("_names", {})
        if name not in known:
            raise AttributeError(
                f"{self.__name__} of the original has {name!r}, or not; here it has {', '.join(known) or 'nothing'}"
            )
        return _ours(known[name])


class _Deeplake(ModuleType):
    """The package itself: all public names, and the version that they are those of."""

    __version__ = VERSION

    def __getattr__(self, name: str) -> Any:
        return _ours(name)


def _ours(name: str) -> Any:
    if name == "VectorStore":
        from deeplake_nb.vectorstore.client import ClientStore

        return ClientStore
    return getattr(sys.modules["deeplake_nb"], name)
