"""A tensor: one column of a dataset, or a selection of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import media
from deeplake_nb.dataset.absent import absent
from deeplake_nb.dataset.editable import EditableTensor
from deeplake_nb.dataset.facts import TensorFacts
from deeplake_nb.errors import HtypeError, LakeError, RowError
from deeplake_nb.format.htypes import TEXT_LIKE, htype_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from deeplake_nb.dataset.host import OpenLinks
    from deeplake_nb.dataset.revalidation import Revalidated
    from deeplake_nb.format.samples import StoredSample


class Tensor(EditableTensor, TensorFacts):
    """A column of samples. Indexing selects rows, then parts of each sample, and reads nothing by itself.

    Example:
        >>> import deeplake_nb as deeplake
        >>> ds = deeplake.empty("mem://tensor-example")
        >>> x = ds.create_tensor("x", dtype="float32")
        >>> x.extend(np.ones((4, 2, 3), "float32"))
        >>> x[1:3, :, 0].numpy().shape
        (2, 2)
    """

    __slots__ = ()

    # ------------------------------------------------------------------ reading

    def __getitem__(self, item: Any) -> Tensor:
        """Rows, and parts of samples, as numpy would: number, slice, list of numbers, mask, or a tuple of them.

        Raises:
            RowError: out of range.
        """
        return Tensor(self._state, self._tensor, self._writer, self.index.narrowed(item, self._tensor.length))

    def __getattr__(self, name: str) -> Any:
        raise (None if name.startswith("_") else absent("Tensor", name)) or AttributeError(
            f"a tensor has no attribute {name!r}"
        )

    def __iter__(self) -> Iterator[Tensor]:
        for row in range(len(self)):
            yield self[row]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """So that ``np.asarray(ds.x)`` works."""
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def numpy(self, aslist: bool = False, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """The selected samples: one array ``(rows, *shape)``, or the sample's array for a single row.

        With ``aslist`` a list of arrays, which may have several shapes. Text comes as arrays of strings of shape
        ``(1,)``, JSON as object arrays of shape ``(1,)``. Chunks are cached: ``fetch_chunks`` has nothing to add.

        Linked files are read side by side, and each fails for itself: in a list a `LinkError`, which names the url and
        the reason, stands in the place of one that cannot be had. As one array, or as a single row, it is raised.

        Raises:
            DynamicShapeError: several shapes without ``aslist``.
            FormatError: corrupt bytes.
            LinkError: a linked file that cannot be had, without ``aslist``; says how many there are.
        """
        return self._selection().numpy(aslist=aslist, keeps_broken=True)

    def data(self, aslist: bool = False, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """``{"value": ...}`` in the form natural to the htype, with what describes it (class names, coords, ...).

        Linked files that cannot be had are told as by ``numpy()``.
        """
        row = htype_row(self.meta.htype)
        if row.payload in TEXT_LIKE:
            return {"value": self._selection().values()}
        if row.name in media.BY_HTYPE and not self.is_sequence:
            return media.BY_HTYPE[row.name](self._selection(), aslist=aslist)
        out = {"value": self.numpy(aslist=aslist or row.payload == "polygon")}
        described = dict(self._state.tensor_info(self._tensor))
        if row.name == "class_label" and described.get("class_names"):
            out["text"] = _named(out["value"], described["class_names"])
        out |= {name: described.get(name) for name in row.info if (row.name, name) not in _NOT_IN_DATA}
        if row.has_sample_info or row.mode is not None:
            out["sample_info"] = self.sample_info or {}
        return out

    def text(self, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """Strings: one for a single row, else a list.

        Raises:
            HtypeError: not a text tensor.
        """
        return self._expect("text", "text")

    def dict(self, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """JSON values: one for a single row, else a list.

        Raises:
            HtypeError: not a json tensor.
        """
        return self._expect("dict", "json")

    def list(self, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """Lists: one for a single row, else a list of them.

        Raises:
            HtypeError: not a list or tag tensor.
        """
        return self._expect("list", "list", "tag")

    def path(self, aslist: bool = True, fetch_chunks: bool = False) -> Any:  # noqa: ARG002 - v3's argument
        """Paths of a link tensor, an array of one for each link; of a single row its own, else a list of them.

        A row of a sequence is a list of such arrays; an empty text stands where there is no link. Without ``aslist``
        the paths of several rows are one array ``(rows, 1)``.

        Raises:
            HtypeError: not a link tensor.
        """
        if not self.is_link:
            raise HtypeError(f"tensor {self.name!r} has htype {self.htype}; path() is for link tensors")
        found = self._selection().paths()
        return found if aslist or self.index.is_single or self.is_sequence else np.array(found).reshape(-1, 1)

    def revalidate(self) -> Revalidated:
        """Open every linked file of these rows again, many at a time.

        Returns:
            The rows whose files cannot be had, each with its url and the reason, and those whose files have another
            shape than before; that is stored, where the dataset may be written.

        Raises:
            HtypeError: not a link tensor.
        """
        from deeplake_nb.dataset.revalidation import revalidate

        if not self.is_link:
            raise HtypeError(f"tensor {self.name!r} has htype {self.htype}; revalidate() is for link tensors")
        selection = self._selection()
        return revalidate(selection.state, selection.tensor, self._writer, selection.rows)

    def creds_key(self) -> Any:
        """The name of the credentials that a single row's link uses, None without; of a sequence a list of them.

        Raises:
            HtypeError: not a link tensor.
            RowError: several rows.
        """
        if not self.is_link:
            raise HtypeError(f"tensor {self.name!r} has htype {self.htype}; creds_key() is for link tensors")
        if not self.index.is_single:
            raise RowError(f"tensor {self.name!r}: creds_key() takes one row, such as ds.{self.name}[0].creds_key()")
        return self._selection().creds_keys()

    def modified_samples(self, target_id: str | None = None, return_indexes: bool = False) -> Any:
        """The rows that were added or changed since a version: since the last commit, if none is named.

        Args:
            target_id: a branch or commit that this version goes back to.
            return_indexes: give their numbers too: ``(tensor, numbers)``.

        Raises:
            VersionNotFoundError: no such version, or none that this one goes back to.
            MergeError: the tensor has no ids of its rows.
        """
        from deeplake_nb.dataset.merge import modified_rows

        self._selection()
        rows = modified_rows(self._state, self._tensor, target_id)
        return (self[rows], rows) if return_indexes else self[rows]

    def play(self) -> Any:
        """Show a player for a single row of video or audio in the notebook, with the file's own bytes.

        Raises:
            HtypeError: neither video nor audio.
            RowError: several rows.
        """
        from IPython.display import Audio, Video

        if self.base_htype not in {"video", "audio"}:
            raise HtypeError(f"tensor {self.name!r} has htype {self.htype}; play() is for video and audio tensors")
        data = self.tobytes()
        if self.base_htype == "audio":
            return Audio(data=data)  # type: ignore[no-untyped-call]
        return Video(data=data, embed=True, mimetype=f"video/{self.sample_compression or 'mp4'}")  # type: ignore[no-untyped-call]

    def tobytes(self) -> bytes:
        """The stored bytes of one row, or item of a sequence: the file as it was appended, or raw C-order bytes.

        Raises:
            RowError: several rows.
        """
        stored = self._selection().one()
        if stored is None:
            raise RowError(f"tensor {self.name!r}: tobytes() takes one row, such as ds.{self.name}[0].tobytes()")
        if isinstance(stored, LakeError):
            raise stored
        return bytes(stored.data)

    @property
    def sample_info(self) -> Any:
        """What is known of the files behind the rows: one dict for a single row; None where nothing was kept."""
        return self._selection().sample_infos()

    def stored(
        self, rows: Sequence[int], open_links: OpenLinks | None = None
    ) -> Sequence[StoredSample | LakeError | Sequence[StoredSample | LakeError]]:
        """Undecoded samples of ``rows`` (numbers within the whole tensor), in order, with coalesced requests.

        A row that cannot be read stands as its ``LakeError``; the others are there. Links give the linked file's
        bytes; a sequence's row is a list. Thread-safe.

        Args:
            rows: their numbers.
            open_links: opens linked files instead of the session that opened the dataset.

        Raises:
            RowError: out of range.
        """
        return self._selection().stored(rows, open_links)

    # ------------------------------------------------------------------ writing

    def append(self, sample: Any) -> None:
        """Add one row.

        Raises:
            SampleError: a value that does not fit; nothing changed.
            ReadOnlyError: opened for reading.
        """
        writer = self._writer
        if writer is not None and self.index.is_whole and writer.wait_one(self._key, sample):
            return
        is_array = isinstance(sample, np.ndarray)  # a matrix, too, which by itself gets no third axis
        self.extend(np.asarray(sample)[None] if is_array else [sample])
        if writer is not None and writer.may_wait:
            writer.expect({self._key: sample})

    def extend(
        self,
        samples: Any,
        progressbar: bool = True,
        ignore_errors: bool = False,
    ) -> None:
        """Add a batch of rows, all or none; an array's first axis is rows, an iterator is taken in slabs.

        With ``ignore_errors`` values that do not fit are left out.

        Raises:
            SampleError: a value that does not fit; nothing changed.
            ReadOnlyError: opened for reading.
        """
        self._write().extend({self._tensor.key: samples}, skip_bad=ignore_errors, is_shown=progressbar)

    # ------------------------------------------------------------------ inside

    def _expect(self, method: str, *payloads: str) -> Any:
        if htype_row(self.meta.htype).payload not in payloads:
            expected = " and ".join(payloads)
            raise HtypeError(f"tensor {self.name!r} has htype {self.htype}; {method}() is for {expected} tensors")
        return self._selection().values()


_NOT_IN_DATA = {("class_label", "class_names"), ("image", "intrinsics")}
"""Properties that ``data()`` of the original leaves out."""


def _named(value: Any, names: Sequence[str]) -> Any:
    """Labels as class names, in the nesting of ``value``; as in v3, None for a number beyond the names."""
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return _names_of(np.asarray(value).tolist(), names)


def _names_of(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_names_of(one, names) for one in value]
    return names[value] if 0 <= value < len(names) else None
