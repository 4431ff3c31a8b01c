"""Tensor datasets from anybody's cloud, signed in once and looked at in the notebook.

``import deeplake_nb as deeplake`` gives the names of Deep Lake 3; ``%load_ext deeplake_nb`` adds ``%lake`` and shows
datasets as galleries. Importing this loads nothing else: each name is resolved at its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_SESSION = (
    "audit",
    "connect",
    "copy",
    "dataset",
    "deepcopy",
    "delete",
    "doctor",
    "empty",
    "exists",
    "explain",
    "forget_creds",
    "fsck",
    "hub",
    "ingest_classification",
    "ingest_coco",
    "ingest_dataframe",
    "ingest_yolo",
    "keep_creds",
    "like",
    "link",
    "list",
    "load",
    "query",
    "read",
    "rename",
)
_CLASSES = {
    "Dataset": "deeplake_nb.dataset.dataset",
    "Tensor": "deeplake_nb.dataset.tensor",
    "Sample": "deeplake_nb.format.samples",
    "Link": "deeplake_nb.format.samples",
    "link_tiled": "deeplake_nb.format.samples",
    "tiled": "deeplake_nb.format.samples",
    "compute": "deeplake_nb.dataset.compute",
    "compose": "deeplake_nb.dataset.compute",
    "LakeError": "deeplake_nb.errors",
    "VectorStore": "deeplake_nb.vectorstore.store",
    "stand_in": "deeplake_nb.v3",
}
_FOR_EACH_FILE = {"link", "read"}  # are called thousands of times

__all__ = ["__version__", *_SESSION, *_CLASSES]  # noqa: PLE0604 - names resolved by __getattr__


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("deeplake-nb")
    if name in _SESSION:
        from deeplake_nb import session

        found = getattr(session.default(), name)
        if name in _FOR_EACH_FILE:
            globals()[name] = found  # at once from now on
        return found
    if name in _CLASSES:
        from importlib import import_module

        return getattr(import_module(_CLASSES[name]), name)
    if not name.startswith("_"):
        from deeplake_nb.dataset.absent import absent

        if (error := absent("deeplake_nb", name)) is not None:
            raise error
    raise AttributeError(f"module 'deeplake_nb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """``%load_ext deeplake_nb``: adds ``%lake`` and the display of datasets."""
    from deeplake_nb import magics

    magics.register(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """``%unload_ext deeplake_nb``: takes them away again."""
    from deeplake_nb import magics

    magics.unregister(shell)
