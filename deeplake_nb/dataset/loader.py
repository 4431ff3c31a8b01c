"""Batches, said step by step as in v3: ``ds.dataloader().transform(work).batch(32).shuffle().pytorch()``.

Each step gives a new loader, in any order; nothing is read before it is iterated. Rows come as ``Dataset.pytorch``
gives them, by the same machinery.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import training
from deeplake_nb.errors import SampleError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Self

    from deeplake_nb.dataset.dataset import Dataset


_UNSAID: Mapping[str, Any] = {
    "batch_size": 1,
    "drop_last": False,
    "shuffle": False,
    "transform": None,
    "tensors": None,
    "decode_method": None,
    "return_index": True,
}


@dataclass(frozen=True, eq=False)
class Loader:
    """Rows of a dataset in batches; made by ``Dataset.dataloader``, and iterated as often as one likes.

    Example:
        >>> import deeplake_nb as deeplake
        >>> ds = deeplake.empty("mem://loader-example")
        >>> ds.create_tensor("x").extend([1, 2, 3])
        >>> [[int(row["x"][0]) for row in batch] for batch in ds.dataloader().batch(2).numpy()]
        [[1, 2], [3]]
    """

    rows: Dataset
    _said: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # by step

    def batch(self, batch_size: int, drop_last: bool = False) -> Self:
        """So many rows at once, one if it is not said; a last batch with fewer may be left out.

        Raises:
            SampleError: it was said already, or is less than 1.
        """
        size: Any = batch_size
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise SampleError(f"a batch has 1 row or more, got {size!r:.40}")
        return self._saying("batch", batch_size=int(size), drop_last=drop_last)

    def shuffle(self, shuffle: bool = True, buffer_size: int = 2048) -> Self:  # noqa: ARG002 - v3's argument
        """In another order each time: of all rows, not of those in a buffer.

        Raises:
            SampleError: it was said already.
        """
        return self._saying("shuffle", shuffle=shuffle)

    def transform(
        self, transform: Callable[..., Any] | Mapping[str, Callable[[Any], Any] | None], **kwargs: Any
    ) -> Self:
        """What becomes of each row (a dictionary), or by tensor of its value: None leaves it, others are not read.

        Raises:
            SampleError: it was said already.
        """
        said = partial(transform, **kwargs) if callable(transform) and kwargs else transform
        return self._saying("transform", transform=said)

    def query(self, query_string: str) -> Self:
        """The rows that a query gives, as ``Dataset.query`` does.

        Raises:
            CommandError: no query, or it does not fit the tensors.
        """
        return replace(self, rows=self.rows.query(query_string))

    def sample_by(self, weights: str | Sequence[float], replace: bool | None = True, size: int | None = None) -> Self:
        """Rows drawn by chance, as ``Dataset.sample_by`` does; they are drawn once.

        Raises:
            SampleError: weights that do not fit.
        """
        return type(self)(self.rows.sample_by(weights, replace, size), self._said)

    def offset(self, off: int = 0) -> Self:
        """Without the first rows.

        Raises:
            SampleError: it was said already.
        """
        return replace(self._saying("offset"), rows=self.rows[off:])

    def pytorch(  # noqa: PLR0917 - v3's signature
        self,
        num_workers: int = 0,
        collate_fn: Callable[[list[Any]], Any] | None = None,
        tensors: Sequence[str] | None = None,
        num_threads: int | None = None,  # noqa: ARG002 - v3's argument
        prefetch_factor: int = 2,
        distributed: bool = False,
        return_index: bool = True,
        decode_method: Mapping[str, str] | None = None,
        persistent_workers: bool = False,
    ) -> Self:
        """As batches of torch's tensors: a dictionary each, which is unpacked into its values, too.

        Args:
            num_workers: processes that read and transform; 0 does it here.
            collate_fn: makes a batch of a list of rows.
            tensors: which tensors to read; all, if none are given.
            num_threads: changes nothing.
            prefetch_factor: batches that each process reads ahead.
            distributed: must be left out.
            return_index: also give ``index``, the number of each row in the dataset.
            decode_method: by tensor what to read: ``numpy``, ``data``, ``tobytes`` or ``pil``.
            persistent_workers: keep the processes from one iteration to the next.

        Raises:
            SampleError: a form was said already.
            UnsupportedError: ``distributed``.
        """
        if distributed:
            raise UnsupportedError(
                "distributed: pass a sampler instead, "
                "ds.pytorch(batch_size=..., sampler=torch.utils.data.DistributedSampler(ds))"
            )
        ahead = {"prefetch_factor": prefetch_factor, "persistent_workers": persistent_workers}
        said = {"num_workers": num_workers, "collate_fn": collate_fn, **(ahead if num_workers else {})}
        return self._form(tensors, decode_method, said, return_index=return_index)

    def numpy(  # noqa: PLR0917 - v3's signature
        self,
        num_workers: int = 0,  # noqa: ARG002 - v3's argument
        tensors: Sequence[str] | None = None,
        num_threads: int | None = None,  # noqa: ARG002 - v3's argument
        prefetch_factor: int = 2,  # noqa: ARG002 - v3's argument
        decode_method: Mapping[str, str] | None = None,
        persistent_workers: bool = False,  # noqa: ARG002 - v3's argument
    ) -> Self:
        """As lists of rows, each a dictionary of arrays; needs no torch, and reads here.

        Args:
            num_workers: changes nothing.
            tensors: which tensors to read; all, if none are given.
            num_threads: changes nothing.
            prefetch_factor: changes nothing.
            decode_method: by tensor what to read: ``numpy``, ``data``, ``tobytes`` or ``pil``.
            persistent_workers: changes nothing.

        Raises:
            SampleError: a form was said already.
        """
        return self._form(tensors, decode_method, None, return_index=False)

    def tensorflow(self, *_: Any, **__: Any) -> Self:
        """Not possible.

        Raises:
            UnsupportedError: always; says what is.
        """
        raise UnsupportedError(
            "a loader has no tensorflow(): ds.tensorflow() is a tf.data.Dataset, with batch(), shuffle() and map()"
        )

    def close(self) -> None:
        """Nothing is held between iterations; kept worker processes end with the loader."""

    def __len__(self) -> int:
        size, drop_last = self._reading["batch_size"], self._reading["drop_last"]
        whole, rest = divmod(len(self.rows), size)
        count: int = whole + (rest > 0 and not drop_last)
        return count

    def __iter__(self) -> Iterator[Any]:
        """Batches, in the form that was said.

        Raises:
            SampleError: no form was said; or ``index`` as a tensor, or no such ``decode_method``.
            MissingDependencyError: torch is not installed.
            TensorNotFoundError: no such tensor.
            LakeError: a row that cannot be read.
        """
        if "form" not in self._said:
            raise SampleError("say how the batches are to be: .pytorch() or .numpy()")
        return self._lists() if self._options is None else iter(self._torch(self._options))

    # ------------------------------------------------------------------ inside

    @property
    def _options(self) -> dict[str, Any] | None:
        """Arguments of torch's loader; None where there is none."""
        options: dict[str, Any] | None = self._said["form"]["options"]
        return options

    def _torch(self, options: dict[str, Any]) -> Any:
        """A ``DataLoader`` of torch, one for all iterations: it may keep its processes."""
        kept = vars(self)
        if "_made" not in kept:
            kept["_made"] = training.loader(
                self.rows, transform_kwargs=None, pad_tensors=False, **self._reading, **options
            )
        return kept["_made"]

    def _lists(self) -> Iterator[list[Any]]:
        self.rows.flush()
        reading = self._reading
        size, drop_last, shuffle = (reading.pop(name) for name in ("batch_size", "drop_last", "shuffle"))
        samples = training.samples(self.rows, **reading)
        order = np.random.default_rng().permutation(len(samples)) if shuffle else np.arange(len(samples))
        stop = len(order) // size * size if drop_last else len(order)
        for start in range(0, stop, size):
            yield samples.__getitems__(order[start : start + size].tolist())

    @property
    def _reading(self) -> dict[str, Any]:
        """What is read and how, as far as it was said."""
        said = {**_UNSAID, **{name: value for step in self._said.values() for name, value in step.items()}}
        return {name: said[name] for name in _UNSAID}

    def _form(self, tensors: Any, decode_method: Any, options: dict[str, Any] | None, *, return_index: bool) -> Self:
        return self._saying(
            "form", tensors=tensors, decode_method=decode_method, return_index=return_index, options=options
        )

    def _saying(self, step: str, **said: Any) -> Self:
        if step in self._said:
            raise SampleError(f"{step} is said once, and was already")
        return replace(self, _said={**self._said, step: said})
