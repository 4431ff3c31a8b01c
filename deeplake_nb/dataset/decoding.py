"""Stored samples to arrays: each by itself, or stacked.

Images of a batch are decoded on all cores: Pillow lets other threads run while it decodes.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from deeplake_nb.errors import DynamicShapeError, FormatError, LakeError, LinkError
from deeplake_nb.format.samples import StoredSample, object_array
from deeplake_nb.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Stored = StoredSample | LakeError

Item = TypeVar("Item", bound="Stored")

_GROUP = 8
"""Files that one call to the pool decodes: the hand-over costs as much as a tiny picture."""


def decode_all(samples: Sequence[Stored]) -> list[Any]:
    """Arrays of stored samples, which the caller may write to; files are decoded on all cores.

    Raises:
        LakeError: the first sample, in order, that cannot be read or decoded.
    """
    return _on_all_cores(samples, lambda sample, _: own(_read(sample).array()))


def decode_each(samples: Sequence[Stored]) -> list[Any]:
    """As `decode_all`, of linked files: one that cannot be read or decoded stands as its error."""
    return _on_all_cores(samples, lambda sample, _: attempt(lambda one: own(one.array()), sample))


def attempt(work: Callable[[StoredSample], Any], sample: Stored) -> Any:
    """``work`` of a linked file; its error where it cannot be had."""
    try:
        return work(_read(sample))
    except LinkError as error:
        return error
    except FormatError as error:
        broken = LinkError(str(error))
        broken.__cause__ = error
        return broken


def _read(sample: Stored) -> StoredSample:
    if isinstance(sample, LakeError):
        raise sample
    return sample


def decode_stacked(samples: list[StoredSample], what: str) -> NDArray[Any]:
    """One array ``(n, *shape)`` of numeric samples; files are decoded on all cores straight into it.

    Raises:
        DynamicShapeError: several shapes, which is known before anything is decoded.
        FormatError: the first sample, in order, that cannot be decoded.
    """
    _check_one_shape({sample.shape for sample in samples}, what)
    out = np.empty((len(samples), *samples[0].shape), np.result_type(*{sample.dtype for sample in samples}))

    def fill(sample: StoredSample, row: int) -> None:
        out[row] = sample.array()

    _on_all_cores(samples, fill)
    return out


def own(array: Any) -> Any:
    """Arrays that the caller may write to: neither a chunk kept in memory nor a decoder's."""
    if isinstance(array, list):
        return [own(one) for one in array]
    return array if not isinstance(array, np.ndarray) or array.flags.writeable else array.copy()


def _on_all_cores(samples: Sequence[Item], work: Callable[[Item, int], Any]) -> list[Any]:
    """``work(sample, its number)`` of each, in order; on a pool where there are files to decode."""

    def group(start: int) -> list[Any]:
        return [work(sample, start + at) for at, sample in enumerate(samples[start : start + _GROUP])]

    files = sum(not isinstance(sample, LakeError) and sample.compression is not None for sample in samples)
    starts = range(0, len(samples), _GROUP)
    run = _decoders().map if files > 1 and (os.cpu_count() or 1) > 1 else map
    out = []
    with Progress("decode files", "files", len(samples), is_passing=True) as progress:
        for found in run(group, starts):
            out += found
            progress(len(found))
    return out


@cache
def _decoders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="deeplake-nb-decode")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_decoders.cache_clear)  # threads stay behind


def stack(arrays: list[NDArray[Any]], what: str) -> NDArray[Any]:
    """One array ``(n, *shape)``.

    Raises:
        DynamicShapeError: several shapes.
    """
    if not arrays:
        return np.empty((0,))
    _check_one_shape({array.shape for array in arrays}, what)
    if arrays[0].dtype == object:
        out = object_array([entry for array in arrays for entry in array.reshape(-1).tolist()])
        return out.reshape(len(arrays), *arrays[0].shape)
    return np.stack(arrays)


def _check_one_shape(shapes: set[tuple[int, ...]], what: str) -> None:
    if len(shapes) > 1:
        shown = ", ".join(map(str, sorted(shapes)[:3]))
        raise DynamicShapeError(
            f"{what}: samples have several shapes ({shown}{', ...' if len(shapes) > 3 else ''}); "  # noqa: PLR2004
            "read them with numpy(aslist=True)"
        )
