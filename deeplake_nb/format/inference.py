"""What a tensor becomes with its first sample, where its user left that open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import SampleError
from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.format.htypes import check_compression, htype_row
from deeplake_nb.format.samples import PartialSample, Sample

if TYPE_CHECKING:
    from deeplake_nb.format.meta import TensorMeta


def inferred(meta: TensorMeta, first: Any) -> TensorMeta:
    """The metadata with htype and dtype as the first sample has them, where the user left them open.

    Raises:
        SampleError: a sample that is neither numbers nor text nor a JSON object.
        HtypeError: text or JSON for a tensor that was made with a compression for arrays.
    """
    if first is None:
        return meta
    if meta.htype is None:
        kind = "text" if isinstance(first, str) else "json" if isinstance(first, dict) else "generic"
        kind = "generic" if meta.dtype is not None else kind
        check_compression(kind, meta.sample_compression, meta.chunk_compression)
        meta = replace(meta, htype=kind, dtype=meta.dtype or htype_row(kind).dtype)
    if meta.dtype is None:
        if meta.is_link:
            return replace(meta, dtype="uint8", typestr="|u1")
        packed = meta.sample_compression
        if packed and COMPRESSIONS[packed].kind == "media" and not (isinstance(first, Sample) and first.is_file):
            return meta  # the encoder says what is expected
        try:
            dtype = np.dtype(first.dtype) if isinstance(first, (Sample, PartialSample)) else np.asarray(first).dtype
        except ValueError as error:
            raise SampleError(f"tensor {meta.name!r}: the sample is no regular array ({error})") from error
        if dtype.kind == "b" and _has_bool(first):
            dtype = np.dtype("int64")  # as v3 has it: only numpy's are bool
        if dtype.kind not in "biufc" and not (isinstance(first, Sample) and first.is_file):
            raise SampleError(
                f"tensor {meta.name!r}: cannot store a {type(first).__name__} of dtype {dtype} as numbers"
            )
        meta = replace(meta, dtype=dtype.name, typestr=np.dtype(dtype.name).str)
    return meta


def _has_bool(value: Any) -> bool:
    """Whether a value, or one within it, is Python's True or False."""
    return isinstance(value, bool) or (isinstance(value, (list, tuple)) and any(map(_has_bool, value)))
