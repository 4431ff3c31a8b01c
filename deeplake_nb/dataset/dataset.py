"""A dataset: tensors that belong together, row by row; or a selection of its rows; or one of its groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.absent import absent
from deeplake_nb.dataset.changeable import Changeable
from deeplake_nb.dataset.keyed import Keyed
from deeplake_nb.dataset.placed import Placed
from deeplake_nb.dataset.selecting import listed
from deeplake_nb.dataset.views import Views
from deeplake_nb.errors import TensorNotFoundError, UnsupportedError
from deeplake_nb.format.index import Index
from deeplake_nb.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from deeplake_nb.dataset.loader import Loader


_SHOWN: Registry[Callable[[Any], Any]] = Registry("display", {"marimo": "deeplake_nb.widgets.marimo:shown"})


class Dataset(Placed, Keyed, Changeable, Views):
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
        view: Dataset = listed(self)[: self.min_len]
        return view

    @property
    def max_view(self) -> Dataset:
        """As many rows as the longest tensor has; where another one has none, its sample is empty."""
        return self._view(index=Index(padded=self.max_len) if self.index.is_whole else self.index)

    def __repr__(self) -> str:
        place = f"{self.path}{f'/{self._group}' if self._group else ''}"
        mode = ", read-only" if self.read_only else ""
        rows, prefix = self.index.count(self._length), self._full("")
        tensors = [name.removeprefix(prefix) for name in self._visible_names()]
        return f"Dataset({place!r}, branch={self.branch!r}, rows={rows}, tensors={tensors}{mode})"

    def _display_(self) -> Any:
        """What marimo shows of it, which asks objects for that; other notebooks ask ``widgets.display``."""
        return _SHOWN["marimo"](self)

    def visualize(self, width: Any = None, height: Any = None) -> None:  # noqa: ARG002 - v3's arguments
        """Show the gallery below the cell; after ``%load_ext deeplake_nb``, as does the dataset itself at its end.

        Args:
            width: changes nothing, the gallery is as wide as the page.
            height: changes nothing.

        Raises:
            UnsupportedError: no notebook.
        """
        import sys

        ipython = sys.modules.get("IPython")
        if ipython is None or ipython.get_ipython() is None:
            raise UnsupportedError("a gallery needs a notebook: open one, and run %load_ext deeplake_nb first")
        from IPython.display import display

        display(self)  # type: ignore[no-untyped-call]

    def summary(self, force: bool = False) -> None:  # noqa: ARG002 - v3's argument
        """Print path, branch, and for each tensor htype, dtype, shape range, length, compression and array size."""
        from deeplake_nb.dataset.summary import summary
        from deeplake_nb.preview.summary import summary_text

        print(summary_text(*summary(self)))  # noqa: T201 - v3's method prints

    def pytorch(  # noqa: PLR0917 - v3's signature
        self,
        transform: Callable[..., Any] | Mapping[str, Callable[[Any], Any] | None] | None = None,
        tensors: Sequence[str] | None = None,
        num_workers: int = 1,
        batch_size: int | None = 1,
        drop_last: bool = False,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        pin_memory: bool = False,
        shuffle: bool = False,
        buffer_size: int = 2048,  # noqa: ARG002 - v3's argument
        use_local_cache: bool = False,  # noqa: ARG002 - v3's argument
        progressbar: bool = False,  # noqa: ARG002 - v3's argument
        return_index: bool = True,
        pad_tensors: bool = False,
        transform_kwargs: Mapping[str, Any] | None = None,
        decode_method: Mapping[str, str] | None = None,
        cache_size: int = 0,  # noqa: ARG002 - v3's argument
        **options: Any,
    ) -> Any:
        """These rows as a ``torch.utils.data.DataLoader``: each row a dictionary by tensor, each batch one of tensors.

        A dictionary is unpacked into its values, as in v3: ``for images, labels in ds.pytorch(return_index=False)``.

        A batch costs one reading of each tensor for all its rows. Unsigned numbers of 16 bits and more become signed
        ones of 32 or 64, as in v3; text, JSON and bytes stay lists. Each worker is a process, forked.

        Args:
            transform: of each row (a dictionary), or by tensor of its value (None: as it is; others are not read).
            tensors: which tensors to read; all, if none are given.
            num_workers: processes that read and transform; 0 does it here.
            batch_size: rows in a batch; None gives single rows as they are.
            drop_last: leave out a last batch with fewer rows.
            collate_fn: makes a batch of a list of rows.
            pin_memory: hand tensors over in memory that is pinned for a GPU.
            shuffle: in another order each time: of all rows, not of those in a buffer.
            buffer_size: changes nothing.
            use_local_cache: changes nothing.
            progressbar: changes nothing.
            return_index: also give ``index``, the number of each row in the dataset.
            pad_tensors: as many rows as the longest tensor has; others are empty there.
            transform_kwargs: further arguments of ``transform``.
            decode_method: by tensor what to read: ``numpy``, ``data``, ``tobytes`` or ``pil``.
            cache_size: changes nothing.
            options: further arguments of the ``DataLoader``.

        Raises:
            MissingDependencyError: torch is not installed.
            SampleError: ``index`` as a tensor, or no such ``decode_method``.
            TensorNotFoundError: no such tensor.
        """
        from deeplake_nb.dataset.training import loader

        return loader(
            self,
            transform=transform,
            transform_kwargs=transform_kwargs,
            tensors=tensors,
            decode_method=decode_method,
            return_index=return_index,
            pad_tensors=pad_tensors,
            batch_size=batch_size,
            num_workers=num_workers,
            collate_fn=collate_fn,
            drop_last=drop_last and batch_size is not None,
            pin_memory=pin_memory,
            shuffle=shuffle,
            **options,
        )

    def dataloader(self, ignore_errors: bool = False, verbose: bool = False) -> Loader:  # noqa: ARG002 - v3's argument
        """These rows in batches, said step by step: ``ds.dataloader().batch(32).shuffle().pytorch()``.

        Args:
            ignore_errors: must be left out.
            verbose: changes nothing.

        Raises:
            UnsupportedError: ``ignore_errors``.
        """
        from deeplake_nb.dataset.loader import Loader

        if ignore_errors:
            raise UnsupportedError("ignore_errors: a row that cannot be read is told; filter() leaves such rows out")
        return Loader(self)

    def tensorflow(
        self,
        tensors: Sequence[str] | None = None,
        tobytes: bool | Sequence[str] = False,
        fetch_chunks: bool = True,  # noqa: ARG002 - v3's argument
    ) -> Any:
        """These rows as a ``tf.data.Dataset``, each a dictionary by tensor; several are read together.

        Args:
            tensors: which tensors to read; all, if none are given.
            tobytes: give the stored bytes of all tensors, or of those named: a file as it was appended.
            fetch_chunks: changes nothing.

        Raises:
            MissingDependencyError: TensorFlow is not installed.
            HtypeError: a tensor of JSON, lists or polygons, which TensorFlow has no tensors for.
            SampleError: ``tobytes`` of a tensor that is not read.
            TensorNotFoundError: no such tensor.
        """
        from deeplake_nb.dataset.tf_data import as_tf

        return as_tf(self, tensors, tobytes)

    # ------------------------------------------------------------------ finding tensors and rows

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except TensorNotFoundError as error:
            if (known := absent("Dataset", name)) is not None:
                raise known from None
            raise AttributeError(str(error)) from None

    def __iter__(self) -> Iterator[Dataset]:
        rows = listed(self)
        for row in range(len(self)):
            yield rows[row]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._full(name) in self._visible_names()

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in self.tensors if name.isidentifier())]
