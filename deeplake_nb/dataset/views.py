"""Saved views: selections of rows kept under a name, as numbers of rows of a commit, or as copies of the rows.

Each is a dataset of its own below ``.queries``, and a line of ``queries.json``, which all versions share.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import schema
from deeplake_nb.dataset.below import Below
from deeplake_nb.dataset.extracts import extract, make_like, tensor_names
from deeplake_nb.dataset.lock import short_lock
from deeplake_nb.dataset.rows import VIEW_ROWS
from deeplake_nb.dataset.selecting import Selecting
from deeplake_nb.errors import (
    FormatError,
    KeyNotFoundError,
    LakeError,
    ReadOnlyError,
    SampleError,
    UnsupportedError,
    VersionNotFoundError,
    did_you_mean,
)
from deeplake_nb.format import keys
from deeplake_nb.format.index import Index
from deeplake_nb.format.meta import decode_json, encode_json
from deeplake_nb.storage.provider import check_key, delete_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Self

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.storage.provider import StorageProvider

_BARE = {"create_shape_tensor": False, "create_id_tensor": False, "create_sample_info_tensor": False}


class ViewEntry:
    """A saved view, as ``queries.json`` describes it."""

    def __init__(self, info: dict[str, Any], dataset: Views) -> None:
        self.info = info
        self._dataset = dataset

    @property
    def id(self) -> str:
        """What it is saved as."""
        return str(self.info["id"]).rpartition("]")[2]

    @property
    def message(self) -> str:
        """What its user said of it."""
        return str(self.info.get("message", ""))

    @property
    def commit_id(self) -> str:
        """The commit it selects rows of."""
        return str(self.info["source-dataset-version"])

    @property
    def virtual(self) -> bool:
        """Whether it has numbers of rows only, and no copies of them."""
        return bool(self.info["virtual-datasource"])

    @property
    def query(self) -> str | None:
        """The filter that made it, if one did."""
        return self.info.get("query")

    @property
    def tql_query(self) -> str | None:
        """The query that makes it, if one does."""
        return self.info.get("tql_query")

    @property
    def source_dataset_path(self) -> str:
        """Where the dataset was when the view was saved."""
        return str(self.info["source-dataset"])

    def __getitem__(self, name: str) -> Any:
        return self.info[name]

    def get(self, name: str, default: Any = None) -> Any:
        """A field of the description."""
        return self.info.get(name, default)

    def __repr__(self) -> str:
        return f"View(id={self.id!r}, message={self.message!r}, virtual={self.virtual}, commit_id={self.commit_id!r})"

    def load(self, verbose: bool = True) -> Any:  # noqa: ARG002 - v3's argument
        """The selected rows, as a dataset to read.

        Raises:
            CommandError: a query makes it, which is more than ``query`` understands.
        """
        return self._dataset._loaded(self.info)  # noqa: SLF001 - the other half of this file

    def optimize(self, tensors: Sequence[str] | None = None, unlink: bool = True, **_: Any) -> ViewEntry:
        """Keep copies of the rows instead of their numbers.

        Raises:
            ReadOnlyError: opened for reading.
        """
        if self.virtual:
            self.info = self._dataset._optimized(self.info, tensors, unlink=unlink)  # noqa: SLF001
        return self

    def delete(self) -> None:
        """Delete the view.

        Raises:
            ReadOnlyError: opened for reading.
        """
        self._dataset.delete_view(self.info["id"])


class Views(Selecting):
    """Selections of rows, saved and found again."""

    @property
    def is_optimized(self) -> bool:
        """Whether it is a saved view with copies of its rows."""
        return self._state.dataset_info().get("virtual-datasource") is False

    # ------------------------------------------------------------------ saving and finding them

    def save_view(  # noqa: PLR0917 - v3's signature
        self,
        message: str | None = None,
        path: Any = None,
        id: str | None = None,  # noqa: A002 - v3's name
        optimize: bool = False,
        tensors: Sequence[str] | None = None,
        num_workers: int = 0,  # noqa: ARG002 - v3's argument
        scheduler: str = "threaded",  # noqa: ARG002 - v3's argument
        verbose: bool = True,  # noqa: ARG002 - v3's argument
        ignore_errors: bool = False,
        overwrite: bool = False,
        creds: Any = None,
        **ds_args: Any,
    ) -> str:
        """Keep this selection of rows of the last commit; returns where.

        Args:
            message: what to say of it.
            path: where to, as a dataset of its own that ``load`` opens; otherwise it is kept in this dataset.
            id: what to save it as; a random name, if none is given.
            optimize: keep copies of the rows, with all in one place, instead of their numbers.
            tensors: names of the tensors to copy; all, if none are given.
            num_workers: changes nothing.
            scheduler: changes nothing.
            verbose: changes nothing.
            ignore_errors: leave out rows that cannot be copied.
            overwrite: replace a view of that name, or a dataset at ``path``.
            creds: credentials of ``path``.
            ds_args: ``org_id``, ``token`` and ``public`` of a hub, for ``path``.

        Raises:
            SampleError: there are changes that are not committed, or a view of that name.
            ReadOnlyError: opened for reading.
        """
        if path is None:
            self._saving()
        if self.has_head_changes:
            raise SampleError("there are changes that are not committed: commit them, then save the view")
        name = secrets.token_hex(16) if id is None else id
        if not str(name).isprintable() or "/" in name or name != check_key(name):
            raise SampleError(f"{id!r:.60} is no name of a view")
        if path is None and not overwrite and any(entry.id == name for entry in self.get_views()):
            raise SampleError(f"a view {name!r} exists already; delete it, or pass overwrite=True")
        info: dict[str, Any] = {
            "id": name,
            "virtual-datasource": not optimize,
            "source-dataset": self._place(),
            "source-dataset-version": self.commit_id,
            "created_at": time.time(),
            "source-dataset-index": self.index.to_json(),
        }
        info |= {key: one for key, one in (("message", message), ("query", self._query)) if one is not None}
        if path is not None:
            view = self._opener("saved as a view").empty(path, overwrite=overwrite, creds=creds, options=ds_args)
        else:
            target = Below(self._state.storage, f"{keys.VIEWS}{name}/")
            delete_all(self._state.storage, f"{keys.VIEWS}{name}/")
            view = self.create(target, self._state.open_links)
        with _filling(view, is_ours=path is None):
            if optimize:
                rows = _extract(self, view, tensors, unlink=True, skip_bad=ignore_errors)
            else:
                rows = self.index.resolve(self._length)
                info["first-index-subscriptable"] = not self.index.is_single
                if self.index.sub:
                    info["sub-sample-index"] = self.index.sub_to_json()
            _keep_numbers(view, rows, hidden=optimize, is_single=optimize and self.index.is_single)
            view.info.update(info)
        if path is not None:
            return str(view.path)
        self._change_list(lambda entries: [*(one for one in entries if one["id"] != name), info])
        return f"{self.path}/{keys.VIEWS}{name}"

    def _place(self) -> str:
        """Where this is, for whoever is in another folder."""
        return os.path.abspath(self.url.path) if self.url.scheme == "file" else self.path  # noqa: PTH100 - of a url

    @property
    def source(self) -> str | None:
        """Of a view that was saved with a path of its own, as numbers of rows: the path of the dataset it is of."""
        if VIEW_ROWS not in self._state.meta.tensor_names:
            return None
        info = self._state.dataset_info()
        return str(info["source-dataset"]) if info.get("virtual-datasource") and "source-dataset" in info else None

    def rows_of(self, dataset: Self) -> Self:
        """The rows of ``dataset`` whose numbers this has, being such a view."""
        return self._selected(self, dataset._state, self._state.dataset_info())

    def get_views(self, commit_id: str | None = None) -> list[ViewEntry]:
        """The saved views, all or those of one commit."""
        entries = [ViewEntry(info, self) for info in _entries(self._state.storage)]
        return [entry for entry in entries if commit_id is None or entry.commit_id == commit_id]

    def get_view(self, id: str) -> ViewEntry:  # noqa: A002 - v3's name
        """A saved view.

        Raises:
            VersionNotFoundError: no view of that name.
        """
        entries = self.get_views()
        found = next((entry for entry in entries if id in {entry.id, entry.info["id"]}), None)
        if found is None:
            near = did_you_mean(str(id), [entry.id for entry in entries])
            raise VersionNotFoundError(f"no view {id!r} is saved in {self.path}{near}")
        return found

    def load_view(self, id: str, optimize: bool = False, **options: Any) -> Any:  # noqa: A002 - v3's name
        """The rows of a saved view, as a dataset to read; with ``optimize`` they are copied into it first.

        Raises:
            VersionNotFoundError: no view of that name.
        """
        entry = self.get_view(id)
        return (entry.optimize(options.get("tensors")) if optimize else entry).load()

    def delete_view(self, id: str) -> None:  # noqa: A002 - v3's name
        """Delete a saved view; the rows it selects stay.

        Raises:
            VersionNotFoundError: no view of that name.
            ReadOnlyError: opened for reading.
        """
        self._saving()
        info = self.get_view(id).info
        self._change_list(lambda entries: [one for one in entries if one["id"] != info["id"]])
        delete_all(self._state.storage, _folder(info))

    # ------------------------------------------------------------------ inside

    def _saving(self) -> None:
        if self._state.is_read_only:
            raise ReadOnlyError(f"{self.path} was opened for reading; load it with read_only=False to save views")
        if self._group:
            raise UnsupportedError("views are the whole dataset's: ask it, not a group")

    def _change_list(self, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        storage = self._state.storage
        with short_lock(storage, keys.VIEWS_LOCK, lambda: _entries(storage)) as entries:
            storage.put(keys.VIEWS_LIST, encode_json(change(entries)))

    def _loaded(self, info: dict[str, Any]) -> Any:
        storage = Below(self._state.storage, _folder(info))
        view = self.open(storage, self._state.open_links, read_only=True)
        if info["virtual-datasource"]:
            return self._selected(view, self._state, info)
        first, *_ = info.get("source-dataset-index") or [None]
        is_row = isinstance(first, int) and len(view) == 1 and not view.index.is_single
        return view[0] if is_row else view  # of a single row, as what was saved

    def _selected(self, view: Self, state: State, info: dict[str, Any]) -> Self:
        """Rows of a version of a dataset, by their numbers in a view; as in v3, a query that made it is run on them."""
        rows = view[VIEW_ROWS].numpy().reshape(-1).astype(np.int64)
        sub = Index.sub_from_json(info.get("sub-sample-index"))
        version = state.at(info["source-dataset-version"] or keys.FIRST_COMMIT)
        found = type(self)(version, None, Index(rows, not info.get("first-index-subscriptable", True), sub))
        return found.query(info["tql_query"]) if info.get("tql_query") else found

    def _optimized(self, info: dict[str, Any], tensors: Sequence[str] | None, *, unlink: bool) -> dict[str, Any]:
        self._saving()
        source = self._loaded(info)
        new = {**info, "virtual-datasource": False, "path": f"{info['id']}_optimized"}
        view = self.create(Below(self._state.storage, _folder(new)), self._state.open_links)
        with _filling(view, is_ours=True):
            rows = _extract(source, view, tensors, unlink=unlink)
            _keep_numbers(view, rows, hidden=True, is_single=source.index.is_single)
            view.info.update(new)
        self._change_list(lambda entries: [new if one["id"] == info["id"] else one for one in entries])
        delete_all(self._state.storage, _folder(info))
        return new


@contextmanager
def _filling(view: Views, *, is_ours: bool) -> Iterator[None]:
    """Fill a new view; where that fails nothing is held, and of one within its dataset nothing is left."""
    try:
        with view:
            yield
        view.close()
    except BaseException:
        if view._writer is not None:  # noqa: SLF001 - of this file
            view._writer.abandon()  # noqa: SLF001
        if is_ours:
            with suppress(LakeError):  # nobody knows of it; the first error is the one to see
                delete_all(view._held.storage)  # noqa: SLF001
        raise


def _extract(
    source: Views, view: Views, tensors: Sequence[str] | None, *, unlink: bool, skip_bad: bool = False
) -> NDArray[np.int64]:
    names = tensor_names(source, tensors)
    make_like(source, view, names, unlink=unlink, overwrite=False)
    return extract(source, view, names, unlink=unlink, skip_bad=skip_bad)


def _keep_numbers(view: Any, rows: NDArray[np.int64], *, hidden: bool, is_single: bool) -> None:
    """Note which rows a view has; that it is a single one, for the original (`_loaded` sees it in the info)."""
    if is_single:
        schema.show_one_row(view._write())  # noqa: SLF001 - a dataset's own
    view.create_tensor(VIEW_ROWS, dtype="uint64", hidden=hidden, **_BARE).extend(rows.astype(np.uint64))


def _folder(info: dict[str, Any]) -> str:
    return f"{keys.VIEWS}{info.get('path') or info['id']}/"


def _entries(storage: StorageProvider) -> list[dict[str, Any]]:
    try:
        found = decode_json(storage.get(keys.VIEWS_LIST), keys.VIEWS_LIST)
    except KeyNotFoundError:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) and "id" in one for one in found):
        raise FormatError(f"{keys.VIEWS_LIST}: expected a list of views")
    return found
