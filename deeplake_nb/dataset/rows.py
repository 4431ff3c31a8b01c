"""Rows of one version of a dataset: what every part of ``Dataset`` stands on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.info import Info
from deeplake_nb.dataset.state import State
from deeplake_nb.dataset.tensor import Tensor
from deeplake_nb.dataset.writer import Writer
from deeplake_nb.errors import ReadOnlyError, RowError, SampleError, TensorNotFoundError, UnsupportedError, did_you_mean
from deeplake_nb.format import keys
from deeplake_nb.format.index import Index
from deeplake_nb.format.meta import DatasetMeta
from deeplake_nb.format.versions import VersionTree
from deeplake_nb.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import TracebackType
    from typing import Self

    from deeplake_nb.dataset.host import Host, OpenLinks
    from deeplake_nb.storage.provider import StorageProvider
    from deeplake_nb.urls import Url


VIEW_ROWS = "VDS_INDEX"
"""The tensor of a saved view that has the numbers of the rows it was made of."""


class Rows:
    """All rows of a version, or a selection of them; in all tensors, in those of a group, or in some."""

    def __init__(
        self,
        state: State,
        writer: Writer | None,
        index: Index | None = None,
        group: str = "",
        only: Collection[str] | None = None,
        *,
        asked: tuple[Any, ...] = (),
    ) -> None:
        self._held = state
        self._writer = writer
        self._group = group
        self._only = only  # full names of the tensors that were chosen
        self.index = index or Index()
        self._asked = asked  # an index and brackets upon it, where tensors differ in length: each reads them by its own
        self._blocks: list[Progress] = []  # ``with`` that is open
        self._rested: Writer | None = None  # which wrote before ``read_only`` was set

    @property
    def _state(self) -> State:
        """With every row that was appended."""
        if self._writer is not None:
            self._writer.settle()
        return self._held

    @_state.setter
    def _state(self, state: State) -> None:
        self._held = state

    @classmethod
    def open(
        cls, storage: StorageProvider, open_links: OpenLinks, *, address: str | None = None, read_only: bool = False
    ) -> Self:
        """Load what is at ``storage``; costs four rounds of requests at most, see `opening`.

        Raises:
            DatasetNotFoundError: nothing there.
            VersionNotFoundError: no branch or commit ``address``.
            FormatError: damaged metadata.
        """
        state = State.load(storage, address, open_links)
        state.is_read_only = read_only
        return cls(state, None if read_only else Writer(state)).as_shown()

    @classmethod
    def create(cls, storage: StorageProvider, open_links: OpenLinks) -> Self:
        """Write an empty dataset; the caller has made sure that the place is free."""
        tree = VersionTree()
        state = State(storage, tree, tree.commits[keys.FIRST_COMMIT], open_links)
        storage.put(keys.DATASET_META, DatasetMeta().encode())  # which alone is a dataset without a history
        storage.put(keys.VERSION_CONTROL, tree.encode())
        return cls(state, Writer(state))

    # ------------------------------------------------------------------ what it is

    @property
    def url(self) -> Url:
        """Where it is; ``hub://org/name`` for one of a hub."""
        return self._state.storage.url

    @property
    def path(self) -> str:
        """Where it is, as text without secrets."""
        return str(self.url)

    @property
    def read_only(self) -> bool:
        """Whether writing is refused; can be set, and then holds for tensors and selections that are held, too."""
        return self._writer is None

    @read_only.setter
    def read_only(self, value: bool) -> None:
        if not self._is_all:
            raise UnsupportedError("read_only is the whole dataset's: set it there, not in a selection or a group")
        if self._writer is not None and value:
            self._writer.close()
            self._rested, self._writer = self._writer, None
        elif self._writer is None and not value:
            rested = self._rested
            self._writer = rested if rested is not None and rested.state is self._held else Writer(self._held)
        self._held.is_read_only = bool(value)

    @property
    def is_group(self) -> bool:
        """Whether it has the tensors of one group only."""
        return bool(self._group)

    @property
    def info(self) -> Info:
        """The user's own description of the dataset; may be set to another mapping."""

        def changed(info: dict[str, Any]) -> None:
            self._write(of_itself=True).set_info(None, info)

        return Info(self._state.dataset_info, changed)

    @info.setter
    def info(self, info: Mapping[str, Any]) -> None:
        self.info.replace_with(info)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Visible tensors by name (relative to the group), in order of creation."""
        prefix = self._full("")
        return {name.removeprefix(prefix): self._tensor(name) for name in self._visible_names()}

    @property
    def groups(self) -> dict[str, Self]:
        """Groups directly below, by name."""
        prefix = self._full("")
        below = {name[len(prefix) :].split("/")[0] for name in self._state.meta.groups if name.startswith(prefix)}
        return {name: self._view(group=prefix + name) for name in sorted(below - {""})}

    @property
    def parent(self) -> Self | None:
        """The group that this group lies in, or the dataset; None of a dataset."""
        return self._view(group=self._group.rpartition("/")[0]) if self._group else None

    @property
    def root(self) -> Self:
        """The dataset that this is a group of; of a dataset itself."""
        return self._view(group="") if self._group else self

    @property
    def is_view(self) -> bool:
        """Whether it is a selection of rows, or of tensors."""
        return not self.index.is_whole or self._only is not None

    @property
    def _is_all(self) -> bool:
        """Whether it is a whole dataset; one that is a copy of a single row, too, which is a view by itself."""
        meta = self._held.meta
        is_shown = self.index.is_whole or (meta.shows_one_row and self.index.to_json() == meta.default_index)
        return is_shown and not self._group and self._only is None

    def as_shown(self) -> Self:
        """A dataset as it is to be seen: one that is a copy of a single row is that row, as in v3."""
        if not self._held.meta.shows_one_row or not self._lengths[1]:
            return self
        return self._view(index=Index(range(1), is_single=True))

    @property
    def no_view_dataset(self) -> Self:
        """All rows and tensors of what this is a selection of."""
        return self if not self.is_view else type(self)(self._held, self._writer, None, self._group)

    @property
    def meta(self) -> DatasetMeta:
        """Which tensors and groups there are, as it is stored."""
        return self._state.meta

    @property
    def all_rows(self) -> Self:
        """The same tensors, with all their rows."""
        return type(self)(self._held, self._writer, None, self._group, self._only)

    @property
    def num_samples(self) -> int:
        """Rows that all tensors have, whatever is selected of them."""
        return self._length

    @property
    def sample_indices(self) -> list[int]:
        """Numbers of the selected rows; of a saved view the rows of the dataset that it was made of."""
        kept = self._state.meta.tensor_names.get(VIEW_ROWS)
        if kept is not None:
            return list(map(int, self._tensor(VIEW_ROWS).numpy().reshape(-1)))
        return list(map(int, self.index.resolve(self._length)))

    def __len__(self) -> int:
        if self._asked:
            return min((self._tensor(name).num_samples for name in self._visible_names()), default=0)
        return self.index.count(self._length)

    @property
    def _length(self) -> int:
        """Rows that all tensors have, whatever is selected of them."""
        return self._lengths[0]

    @property
    def _lengths(self) -> tuple[int, int]:
        """Rows of the shortest tensor, and of the longest."""
        state = self._state
        found = [state.tensor(name).length for name in self._visible_names()] or [0]
        return min(found), max(found)

    # ------------------------------------------------------------------ finding tensors and rows

    def __getitem__(self, item: Any) -> Any:
        """A tensor or group by name; else, as a view, rows: number, slice, list of numbers or mask; or tensors: names.

        Where tensors differ in length, rows are each tensor's own, as in v3: ``ds[3].images`` is there although there
        are no labels yet, and ``ds[-1].images`` is the last of the images.

        Raises:
            TensorNotFoundError: no such name.
            RowError: out of range.
        """
        if isinstance(item, str):
            name = self._full(item)
            if name in self._held.meta.tensor_names:  # which rows that wait do not change
                if self._only is None or name in self._only:
                    return self._tensor(name)
            elif name in self._held.meta.groups:
                return self._view(group=name)
            raise self._unknown(item, [*self.tensors, *self.groups])
        if isinstance(item, list) and item and all(isinstance(name, str) for name in item):
            return self._view(only={self._visible(name).name for name in item})
        if self.index.is_single:
            raise SampleError("this is a single row; index one of its tensors")
        shortest, longest = self._lengths
        if shortest == longest and not self._asked:
            return self._view(index=self.index.narrowed(item, shortest))
        asked = (*(self._asked or (self.index,)), item)
        try:
            index = _narrowed(asked, shortest)
        except RowError:
            index = _narrowed(asked, longest)
        return self._view(index=index, asked=asked)

    def _visible(self, name: str) -> Tensor:
        """A tensor that users see.

        Raises:
            TensorNotFoundError: no such tensor.
        """
        tensors = self.tensors
        if name not in tensors:
            raise self._unknown(name, list(tensors))
        return tensors[name]

    def _unknown(self, name: str, known: list[str]) -> TensorNotFoundError:
        there = ", ".join(known) or "none yet"
        return TensorNotFoundError(
            f"no tensor or group {name!r} in {self.path}{did_you_mean(name, known)}; there are: {there}"
        )

    def _visible_names(self) -> list[str]:
        """Names, as the whole dataset knows them, of the tensors that users see."""
        meta, prefix = self._held.meta, self._full("")
        hidden = set(meta.hidden_tensors)
        names = {key: name for name, key in meta.tensor_names.items() if name.startswith(prefix)}
        return [
            names[key]
            for key in meta.tensors
            if key in names and key not in hidden and (self._only is None or names[key] in self._only)
        ]

    def _full(self, name: str) -> str:
        """A name as the whole dataset knows it; as in v3, slashes around it and doubled ones are left out."""
        if "/" in str(name):
            name = "/".join(filter(None, name.split("/")))
        return f"{self._group}/{name}" if self._group else name

    def _tensor(self, name: str) -> Tensor:
        if not self._asked:
            return Tensor(self._held, self._held.tensor(name), self._writer, self.index)
        tensor = self._state.tensor(name)
        try:
            return Tensor(self._held, tensor, self._writer, _narrowed(self._asked, tensor.length))
        except RowError as error:
            raise RowError(f"tensor {name!r}: {error}") from None

    def _view(
        self,
        *,
        index: Index | None = None,
        group: str | None = None,
        only: Collection[str] | None = None,
        asked: tuple[Any, ...] = (),
    ) -> Self:
        group = self._group if group is None else group
        only = self._only if only is None else only
        return type(self)(self._held, self._writer, index or self.index, group, only, asked=asked or self._asked)

    # ------------------------------------------------------------------ writing

    def flush(self) -> None:
        """Write everything that is not written yet; when it returns, it survives the end of this process."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Flush, and let other processes write at once instead of a minute from now."""
        if self._writer is not None:
            self._writer.close()

    def abandon(self) -> None:
        """Let others write, and write nothing more: for a dataset that is about to be removed."""
        if self._writer is not None:
            self._writer.abandon()

    def __enter__(self) -> Self:
        """Hold writes back until the block ends, which is much faster for many small appends."""
        if self._writer is not None:
            self._writer.begin()
            what, undone = f"write to {self._state.storage.url}", "the rows before are added"
            self._blocks.append(Progress(what, "samples", undone=undone, is_waiting=True).__enter__())
            self._writer.block = self._writer.block or self._blocks[-1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writer is not None:
            block = self._blocks.pop()
            if self._writer.block is block:
                self._writer.block = None
            try:
                self._writer.end()
            finally:
                block.__exit__(kind, error, traceback)

    def clear_cache(self) -> None:
        """Flush, and forget the chunks that are kept in memory; they are read again when they are needed."""
        self.flush()
        self._state.chunks.clear()

    def _opener(self, done: str) -> Host:
        """Whoever opened this, when everything is written."""
        if self._state.host is None:
            raise UnsupportedError(f"{self.path} was opened by no session, and cannot be {done}: load() it")
        self.flush()
        return self._state.host

    def _check_several(self) -> None:
        """Refuse what a dataset that is a copy of a single row has not.

        Raises:
            ReadOnlyError: it is one.
        """
        if self._is_all and self.is_view:
            raise ReadOnlyError(
                f"{self.path} is a copy of a single row, and stays it as in v3: neither rows nor tensors nor versions "
                "join it; copy ds[row : row + 1] in place of ds[row] for a dataset of one row"
            )

    def _write(self, *, of_itself: bool = False) -> Writer:
        """The writing end of the whole version; ``of_itself`` for what is no rows or tensors of it.

        Raises:
            ReadOnlyError: opened for reading, or a selection of rows.
        """
        if self.is_view and not (of_itself and self._is_all):
            self._check_several()
            raise ReadOnlyError(f"this is a selection of {self.path}; write to the dataset itself")
        if self._writer is None:
            raise ReadOnlyError(f"{self.path} was opened for reading; load it with read_only=False to write")
        return self._writer


def _narrowed(asked: tuple[Any, ...], length: int) -> Index:
    """An index with brackets upon it, one after the other, of a tensor of this length."""
    index, *items = asked
    for item in items:
        index = index.narrowed(item, length)
    found: Index = index
    return found
