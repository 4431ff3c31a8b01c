"""A pandas table: a tensor for each column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.errors import SampleError
from deeplake_nb.format.codecs import ALIASES
from deeplake_nb.session.ingest.ingestion import Ingestion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_nb.format.samples import Link, Sample

_INSPECTED = 1000
_NOT_IN_NAMES = str.maketrans(dict.fromkeys("?()[]{}<>.,:;'\"`~!@#$%^&*+=|\\/- ", "_"))


def dataframe(
    table: Any,
    params: Mapping[str, Mapping[str, Any]] | None,
    read: Callable[[str], Sample],
    link: Callable[[str], Link],
) -> Ingestion:
    """Texts and times become text, numbers keep their dtype; ``params`` make a column of paths images, or links.

    Args:
        table: a ``pandas.DataFrame``.
        params: arguments of ``create_tensor`` by column, with ``name`` for another name.
        read: opens a file.
        link: makes a link to one.

    Raises:
        SampleError: no table, or a column of several kinds of values.
    """
    if not hasattr(table, "columns") or not hasattr(table, "iloc"):
        raise SampleError(f"expected a pandas.DataFrame, got a {type(table).__name__}")
    tensors: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for column in table.columns:
        given = dict((params or {}).get(column, {}))
        name = str(given.pop("name", str(column).translate(_NOT_IN_NAMES)))
        found = table[column]
        arguments = {**_described(found, str(column), given), **given}
        if name in tensors:
            raise SampleError(f"two columns would become the tensor {name!r}: name one of them in column_params")
        tensors[name] = arguments
        values[name] = _values(found, str(arguments.get("htype", "")), read, link)
    return Ingestion(tensors, [values] if len(table) else [], len(table))


def _described(found: Any, column: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a column by its values."""
    if "htype" in given:
        is_picture = str(given["htype"]).removeprefix("link[").startswith("image")
        if is_picture and not {"sample_compression", "chunk_compression"} & set(given):
            paths = [str(path) for path in found[found.notna()]]
            if not paths:
                raise SampleError(f"column {column!r} has no paths of images: give sample_compression")
            endings = [path.rpartition(".")[2].lower() for path in paths]
            ending = max(set(endings), key=endings.count)
            return {"sample_compression": ALIASES.get(ending, ending)}
        return {}
    if found.dtype.kind in "biufc":
        return {"dtype": found.dtype.name, "create_shape_tensor": False}
    if found.dtype.kind == "M" or str(found.dtype) in {"string", "str"}:
        return {"htype": "text"}
    kinds = {type(value) for value in found.iloc[:_INSPECTED] if not _is_missing(value)}
    if len(kinds) > 1:
        shown = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise SampleError(f"column {column!r} has values of several kinds ({shown}): make them one, or give its htype")
    return {"htype": "text"} if kinds == {str} else {}


def _values(found: Any, htype: str, read: Callable[[str], Sample], link: Callable[[str], Link]) -> Any:
    if found.dtype.kind in "biufc" and not htype.startswith(("image", "link")):
        return found.to_numpy()
    opened: Callable[[Any], Any] = lambda value: value  # noqa: E731
    if htype.startswith("link"):
        opened = link
    elif htype.startswith("image"):
        opened = read
    elif found.dtype.kind == "M":
        texts = iter(found.astype(str))  # days without a time, if no row has one
        return [None if missing else text for missing, text in zip(found.isna(), texts, strict=True)]
    return [None if _is_missing(value) else opened(value) for value in found]


def _is_missing(value: Any) -> bool:
    is_nan = isinstance(value, float | np.floating) and np.isnan(value)
    return value is None or bool(is_nan) or type(value).__name__ in {"NaTType", "NAType"}
