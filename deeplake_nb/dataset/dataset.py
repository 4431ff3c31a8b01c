"""A dataset: tensors that belong together, row by row; or a selection of its rows; or one of its groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset.absent import absent
from deeplake_nb.dataset.changeable import Changeable
from deeplake_nb.dataset.keyed import Keyed
from deeplake_nb.dataset.placed import Placed
from deeplake_nb.dataset.views import Views
from deeplake_nb.errors import TensorNotFoundError, UnsupportedError
from deeplake_nb.format.index import Index
from deeplake_nb.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


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

    # ------------------------------------------------------------------ finding tensors and rows

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return self[name]
        except TensorNotFoundError as error:
            if (known := absent("Dataset", name)) is not None:
                raise known from None
            raise AttributeError(str(error)) from error

    def __iter__(self) -> Iterator[Dataset]:
        for row in range(len(self)):
            yield self[row]

    def __contains__(self, name: object) -> bool:
        return name in self.tensors

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *(name for name in self.tensors if name.isidentifier())]
