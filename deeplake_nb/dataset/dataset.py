"""A dataset: tensors that belong together, row by row; or a selection of its rows; or one of its groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.editable import EditableDataset
from deeplake_nb.dataset.info import Info
from deeplake_nb.dataset.keyed import Keyed
from deeplake_nb.dataset.placed import Placed
from deeplake_nb.dataset.state import State
from deeplake_nb.dataset.structured import Structured
from deeplake_nb.dataset.tensor import Tensor
from deeplake_nb.dataset.versions import Versions
from deeplake_nb.dataset.views import Views
from deeplake_nb.dataset.writer import Writer
from deeplake_nb.errors import ReadOnlyError, SampleError, TensorNotFoundError, did_you_mean
from deeplake_nb.format import keys
from deeplake_nb.format.index import Index
from deeplake_nb.format.meta import DatasetMeta
from deeplake_nb.format.versions import VersionTree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Self

    from deeplake_nb.dataset.host import OpenLinks
    from deeplake_nb.storage.provider import StorageProvider


class Dataset(Placed, Keyed, Versions, Structured, EditableDataset, Views):
    """A dataset at one version. Made by ``load``, ``empty`` and ``dataset``; never by itself.

    Example:
        >>> import deeplake_nb as deeplake
        >>> ds = deeplake.empty("mem://dataset-example")
        >>> with ds:
        ...     _ = ds.create_tensor("label", htype="class_label", class_names=["cat", "dog"])
        ...     ds.label.extend([0, 1, 1])
        >>> ds[1:].label.data()["text"]
        [['dog'], ['dog']]
    """

    def __init__(self, state: State, writer: Writer | None, index: Index | None = None, group: str = "") -> None:
        self._state = state
        self._writer = writer
        self._group = group
        self.index = index or Index()

    @classmethod
    def open(
        cls, storage: StorageProvider, open_links: OpenLinks, *, address: str | None = None, read_only: bool = False
    ) -> Dataset:
        """Load what is at ``storage``; costs two rounds of requests. A closed commit opens for reading.

        Raises:
            DatasetNotFoundError: nothing there.
            VersionNotFoundError: no branch or commit ``address``.
            FormatError: damaged metadata.
        """
        state = State.load(storage, address, open_links)
        state.is_read_only = read_only
        return cls(state, None if read_only or not state.commit.is_head else Writer(state))

    @classmethod
    def create(cls, storage: StorageProvider, open_links: OpenLinks) -> Dataset:
        """Write an empty dataset; the caller has made sure that the place is free."""
        tree = VersionTree()
        state = State(storage, tree, tree.commits[keys.FIRST_COMMIT], open_links)
        storage.put(keys.DATASET_META, DatasetMeta().encode())  # which alone is a dataset without a history
        storage.put(keys.VERSION_CONTROL, tree.encode())
        return cls(state, Writer(state))

    # ------------------------------------------------------------------ what it is

    @property
    def read_only(self) -> bool:
        """Whether writing is refused."""
        return self._writer is None

    @property
    def info(self) -> Info:
        """The user's own description of the dataset."""

        def changed(info: dict[str, Any]) -> None:
            self._write().set_info(None, info)

        return Info(self._state.dataset_info, changed)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Visible tensors by name (relative to the group), in order of creation."""
        meta = self._state.meta
        hidden = set(meta.hidden_tensors)
        names = {key: name for name, key in meta.tensor_names.items()}
        prefix = f"{self._group}/" if self._group else ""
        return {
            names[key].removeprefix(prefix): self._tensor(names[key])
            for key in meta.tensors
            if key not in hidden and key in names and names[key].startswith(prefix)
        }

    def __len__(self) -> int:
        lengths = [tensor._tensor.length for tensor in self.tensors.values()]  # noqa: SLF001
        return self.index.count(min(lengths, default=0))

    @property
    def max_len(self) -> int:
        """Rows of the longest tensor."""
        return max((len(tensor) for tensor in self.tensors.values()), default=0)

    @property
    def min_len(self) -> int:
        """Rows of the shortest tensor."""
        return min((len(tensor) for tensor in self.tensors.values()), default=0)

    @property
    def min_view(self) -> Dataset:
        """The rows that all tensors have."""
        view: Dataset = self[: self.min_len]
        return view

    @property
    def max_view(self) -> Dataset:
        """As many rows as the longest tensor has; where another one has none, its sample is empty."""
        return self._view(index=Index(padded=self.max_len) if self.index.is_whole else self.index)

    def __repr__(self) -> str:
        place = f"{self.path}{f'/{self._group}' if self._group else ''}"
        mode = ", read-only" if self.read_only else ""
        return f"Dataset({place!r}, branch={self.branch!r}, rows={len(self)}, tensors={list(self.tensors)}{mode})"

    def summary(self) -> None:
        """Print path, branch, and for each tensor htype, dtype, shape range, length, compression and array size."""
        from deeplake_nb.dataset.summary import summary
        from deeplake_nb.preview.summary import summary_text

        print(summary_text(*summary(self)))  # noqa: T201 - v3's method prints

    # ------------------------------------------------------------------ finding tensors and rows

    def __getitem__(self, item: Any) -> Any:
        """A tensor or group by name; else rows, as a view: number, slice, list of numbers or mask.

        Raises:
            TensorNotFoundError: no such name.
            RowError: out of range.
        """
        if isinstance(item, str):
            name = f"{self._group}/{item}" if self._group else item
            if name in self._state.meta.tensor_names:
                return self._tensor(name)
            if name in self._state.meta.groups:
                return self._view(group=name)
            known = [*self.tensors, *self.groups]
            raise TensorNotFoundError(
                f"no tensor or group {item!r} in {self.path}{did_you_mean(item, known)}; "
                f"there are: {', '.join(known) or 'none yet'}"
            )
        if self.index.is_single:
            raise SampleError("this is a single row; index one of its tensors")
        lengths = [tensor._tensor.length for tensor in self.tensors.values()]  # noqa: SLF001
        return self._view(index=self.index.narrowed(item, min(lengths, default=0)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except TensorNotFoundError as error:
            raise AttributeError(str(error)) from error

    def __iter__(self) -> Iterator[Dataset]:
        for row in range(len(self)):
            yield self[row]

    def __contains__(self, name: object) -> bool:
        return name in self.tensors

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in self.tensors if name.isidentifier())]

    def _tensor(self, name: str) -> Tensor:
        return Tensor(self._state, self._state.tensor(name), self._writer, self.index)

    def _view(self, *, index: Index | None = None, group: str | None = None) -> Dataset:
        return Dataset(self._state, self._writer, index or self.index, self._group if group is None else group)

    # ------------------------------------------------------------------ writing

    def append(self, sample: Mapping[str, Any], skip_ok: bool = False, append_empty: bool = False) -> None:
        """Add one row: a value for each tensor, all or none.

        Args:
            sample: the values, by tensor.
            skip_ok: tensors without a value get none, and stay shorter.
            append_empty: tensors without a value get an empty sample.

        Raises:
            SampleError: a tensor is missing or unknown, tensors differ in length, or a value does not fit.
        """
        self.extend({name: [value] for name, value in sample.items()}, skip_ok, append_empty)

    def extend(
        self,
        samples: Mapping[str, Any],
        skip_ok: bool = False,
        append_empty: bool = False,
        ignore_errors: bool = False,
        progressbar: bool = False,  # noqa: ARG002 - v3's argument
    ) -> None:
        """Add rows: as many values for each tensor, all or none.

        Args:
            samples: the values, by tensor: sequences, or arrays whose first axis is rows.
            skip_ok: tensors without values get none, and stay shorter.
            append_empty: tensors without values get empty samples.
            ignore_errors: leave out rows with a value that does not fit, instead of all of them.
            progressbar: changes nothing.

        Raises:
            SampleError: a tensor is missing or unknown, numbers of values differ, or a value does not fit.
        """
        writer, tensors = self._write(), self.tensors
        columns = {}
        for name, values in samples.items():
            if name not in tensors:
                raise TensorNotFoundError(f"no tensor {name!r} in {self.path}{did_you_mean(name, tensors)}")
            columns[tensors[name].key] = values if hasattr(values, "__len__") else list(values)
        counts = {name: len(columns[tensors[name].key]) for name in samples}
        if len(set(counts.values())) > 1:
            raise SampleError(f"tensors have different numbers of values: {counts}; rows need one for each of them")
        missing = sorted(set(tensors) - set(samples))
        if missing and append_empty:
            columns |= {tensors[name].key: [None] * max(counts.values(), default=0) for name in missing}
        elif missing and not skip_ok:
            raise SampleError(f"no value for tensor {missing[0]!r}; rows of a dataset need one for each of its tensors")
        writer.extend(columns, in_step=True, skip_bad=ignore_errors)

    def flush(self) -> None:
        """Write everything that is not written yet; when it returns, it survives the end of this process."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Flush, and let other processes write at once instead of a minute from now."""
        if self._writer is not None:
            self._writer.close()

    def __enter__(self) -> Self:
        """Hold writes back until the block ends, which is much faster for many small appends."""
        if self._writer is not None:
            self._writer.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.end()

    def _write(self) -> Writer:
        if not self.index.is_whole:
            raise ReadOnlyError(f"this is a selection of {self.path}; write to the dataset itself")
        if self._writer is None:
            closed = "a closed commit" if not self._state.commit.is_head else "opened for reading"
            raise ReadOnlyError(f"{self.path} is {closed}; load a branch with read_only=False to write")
        return self._writer
