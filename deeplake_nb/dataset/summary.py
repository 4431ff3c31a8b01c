"""A dataset in a few lines: what ``ds.summary()`` prints and a notebook shows above the gallery."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.preview.summary import SummaryHeading, SummaryRow

if TYPE_CHECKING:
    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.dataset.facts import TensorFacts


_SHOWN = 12
"""So many characters of a commit's id."""


def summary(ds: Dataset) -> tuple[SummaryHeading, list[SummaryRow]]:
    """The dataset as a whole, and one row per visible tensor; costs no request."""
    version = ds.branch if ds.is_head_node else f"{ds.branch}, commit {(ds.commit_id or '')[:_SHOWN]}"
    heading = SummaryHeading(ds.path, version, len(ds), ds.read_only)
    return heading, [_row(name, tensor) for name, tensor in ds.tensors.items()]


def tensor_summary(tensor: TensorFacts) -> tuple[SummaryHeading, list[SummaryRow]]:
    """The same of one tensor; costs no request."""
    state = tensor._state  # noqa: SLF001 - of this package
    heading = SummaryHeading(str(state.storage.url), state.commit.branch, len(tensor), tensor._writer is None)  # noqa: SLF001
    return heading, [_row(tensor.name, tensor)]


def _row(name: str, tensor: TensorFacts) -> SummaryRow:
    (_, *lower), (_, *upper) = tensor.whole_interval
    dtype = tensor.dtype
    is_known = bool(upper) or not tensor.is_link  # of files that were not opened only the number is
    is_number = dtype is not None and dtype.kind in "biufc" and not tensor.is_sequence and is_known
    itemsize = dtype.itemsize if is_number and dtype is not None else 0
    chunks = f"{tensor.chunk_compression} chunks" if tensor.chunk_compression else "none"
    compression = tensor.sample_compression or chunks
    shown = tensor.meta.dtype or "any"
    return SummaryRow(name, tensor.htype, shown, tuple(lower), tuple(upper), len(tensor), compression, itemsize)
