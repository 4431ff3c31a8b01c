"""Rows for training: a dataset as a ``tf.data.Dataset`` of TensorFlow."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import training
from deeplake_nb.errors import HtypeError, MissingDependencyError, SampleError
from deeplake_nb.format.htypes import htype_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.dataset.tensor import Tensor
    from deeplake_nb.dataset.training import Samples

    Form = tuple[tuple[int | None, ...], Any]

_AT_ONCE = 64
"""Rows that are read together."""


def as_tf(ds: Dataset, tensors: Sequence[str] | None, tobytes: bool | Sequence[str]) -> Any:
    """A ``tf.data.Dataset``; see ``Dataset.tensorflow``."""
    try:
        import tensorflow as tf
    except ImportError as error:
        raise MissingDependencyError("tensorflow() needs TensorFlow: run `pip install tensorflow`") from error
    ds.flush()
    names = list(tensors or ds.tensors)
    raw = names if tobytes is True else [] if tobytes is False else list(tobytes)
    if unknown := [name for name in raw if name not in names]:
        raise SampleError(f"tobytes names {unknown[0]!r}, which is not among the tensors to read: {', '.join(names)}")
    methods = dict.fromkeys(raw, "tobytes")
    rows = training.samples(ds, transform=None, tensors=names, decode_method=methods, return_index=False)
    forms = {name: _form(ds[name], is_raw=name in methods) for name in names}
    specs = {name: tf.TensorSpec(*form) for name, form in forms.items()}
    return tf.data.Dataset.from_generator(partial(_rows, rows, forms), output_signature=specs)


def _form(tensor: Tensor, *, is_raw: bool) -> Form:
    """Shape, None where it varies, and dtype of a row."""
    payload = htype_row(tensor.meta.htype).payload
    if is_raw or (payload == "text" and not tensor.is_sequence):
        return (1,), "string"
    if payload != "array":
        raise HtypeError(
            f"tensor {tensor.name!r} has htype {tensor.htype}, which TensorFlow has no tensors for: "
            "leave it out of tensors=, or name it in tobytes="
        )
    (_, *low), (_, *high) = tensor.whole_interval
    return tuple(one if one == other else None for one, other in zip(low, high, strict=True)), tensor.meta.dtype


def _rows(rows: Samples, forms: Mapping[str, Form]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(rows), _AT_ONCE):
        for row in rows.__getitems__(list(range(start, min(start + _AT_ONCE, len(rows))))):
            yield {name: _value(value, *forms[name]) for name, value in row.items()}


def _value(value: Any, shape: tuple[int | None, ...], dtype: Any) -> Any:
    """A row as TensorFlow takes it: bytes as an array of one, the items of a sequence as one array."""
    if isinstance(value, bytes):
        return [value]
    if isinstance(value, list) and not value:
        return np.empty((0, *(side or 0 for side in shape[1:])), dtype)
    return np.asarray(value)
