"""Which rows a filter means: v3's dictionaries, evaluated on what is stored; or any function of a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.blocks import payloads
from deeplake_nb.errors import FormatError, TensorNotFoundError, VectorStoreError, did_you_mean
from deeplake_nb.format.meta import decode_json
from deeplake_nb.vectorstore.part import passing, selected, whole

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.dataset.tensor import Tensor

    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]

_MOST_ROWS = 1 << 62


def matching(dataset: Dataset, wanted: Any) -> Ints | None:
    """Rows that a filter lets through, of those selected and in their order; None for all where there is no filter.

    A dictionary asks all its tensors: of JSON, values of keys (``{"metadata": {"page": 1}}``); of any other, a value,
    or one of a list of values (``{"id": ["a", "b"]}``). A function is called with each row. Callers `check` it first.
    """
    if wanted is None:
        return selected(dataset)
    if callable(wanted):
        return selected(dataset.filter(wanted))
    among, dataset = selected(dataset), whole(dataset)
    tensors = dataset.tensors
    mask = np.ones(len(dataset), bool)
    for name, value in wanted.items():
        mask &= _test(tensors[name], value)[: len(mask)]
    return passing(mask, among)


def check(dataset: Dataset, wanted: Any) -> None:
    """Refuse what is no filter, whoever is to carry it out.

    Raises:
        TensorNotFoundError: a name that is no tensor's.
        VectorStoreError: neither a dictionary nor a function; no dictionary for JSON, or an iterator.
    """
    if wanted is None or callable(wanted):
        return
    if not isinstance(wanted, Mapping):
        raise VectorStoreError(
            f"a filter is a dictionary such as {{'metadata': {{'page': 1}}}}, or a function of a row, "
            f"not a {type(wanted).__name__}"
        )
    tensors = dataset.tensors
    for name, value in wanted.items():
        if name not in tensors:
            raise TensorNotFoundError(
                f"no tensor {name!r} in {dataset.path}{did_you_mean(name, tensors)}; filter by {', '.join(tensors)}"
            )
        if tensors[name].htype == "json" and not isinstance(value, Mapping):
            raise VectorStoreError(
                f"filter on JSON tensor {name!r}: expected a dictionary of keys and values, "
                f"got a {type(value).__name__}"
            )
        if isinstance(value, Iterator) or (isinstance(value, np.ndarray) and tensors[name].htype == "text"):
            raise VectorStoreError(
                f"filter on tensor {name!r}: expected a value, or a list of values, got a {type(value).__name__}"
            )


def numbered(dataset: Dataset, rows: Any) -> Ints:
    """Rows (rising) by their numbers, each once.

    Raises:
        RowError: of a selection, no such row.
        VectorStoreError: something else than a list of whole numbers; of a mask, too, and of texts.
    """
    listed = rows.tolist() if isinstance(rows, np.ndarray) else list(rows) if isinstance(rows, Iterable) else None
    if listed is None or isinstance(rows, (str, bytes)) or not all(map(_is_number, listed)):
        raise VectorStoreError(
            f"row_ids is a list of numbers of rows, such as [0, 5], got {rows!r:.60}; a mask has those of "
            "numpy.flatnonzero(mask)"
        )
    found = np.unique(np.array(listed, np.int64))
    return found if dataset.index.is_whole else dataset[found].index.resolve(0)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and abs(int(value)) < _MOST_ROWS


def having_ids(dataset: Dataset, name: str, ids: Any) -> Ints:
    """Rows, of those selected and in their order, whose id is one of ``ids``.

    Raises:
        VectorStoreError: no ids.
    """
    if not isinstance(ids, Iterable):
        raise VectorStoreError(f"ids is a list of ids, got {ids!r:.60}")
    wanted = [ids] if isinstance(ids, str) else list(map(str, ids))
    every = whole(dataset)
    return passing(_test(every[name], wanted)[: len(every)], selected(dataset))


def json_values(tensor: Tensor) -> list[Any]:
    """The value of every row of a JSON tensor; parsed a chunk at a time."""
    out: list[Any] = []
    for chunk in payloads(tensor):
        try:
            found = decode_json(b"[%s]" % b",".join([one or b"{}" for one in chunk]), "")
        except FormatError:
            found = []
        if len(found) != len(chunk):  # a row that is no JSON: say which
            first = len(out)
            found = [decode_json(o or b"{}", f"tensor {tensor.name!r} row {first + at}") for at, o in enumerate(chunk)]
        out += found
    return out


def texts(tensor: Tensor) -> list[str]:
    """The text of every row."""
    return [one.decode() for chunk in payloads(tensor) for one in chunk]


def _test(tensor: Tensor, wanted: Any) -> Mask:
    kind = "json" if tensor.htype == "json" else "text" if tensor.htype == "text" else "any"
    return _TESTS[kind](tensor, wanted)


def _json_test(tensor: Tensor, wanted: Any) -> Mask:
    pairs = list(wanted.items())
    return np.array([_has(value, pairs) for value in json_values(tensor)], bool)


def _has(value: Any, pairs: list[tuple[Any, Any]]) -> bool:
    return isinstance(value, dict) and all(key in value and _is_equal(value[key], one) for key, one in pairs)


def _text_test(tensor: Tensor, wanted: Any) -> Mask:
    listed = wanted if isinstance(wanted, (list, tuple, set)) else [wanted]
    known = {one.encode() for one in listed if isinstance(one, str)}
    return np.array([one in known for chunk in payloads(tensor) for one in chunk], bool)


def _any_test(tensor: Tensor, wanted: Any) -> Mask:
    listed = wanted if isinstance(wanted, list) else [wanted]
    values = tensor.data(aslist=True)["value"]
    return np.array([any(_is_equal(value, one) for one in listed) for value in values], bool)


def _is_equal(value: Any, wanted: Any) -> bool:
    """Whether two values are the same; an array of one number is that number."""
    if isinstance(value, np.ndarray) or isinstance(wanted, np.ndarray):
        one, other = np.asarray(value), np.asarray(wanted)
        same: bool = np.array_equal(one, other) if one.size != 1 else other.size == 1 and one.item() == other.item()
        return same
    return bool(value == wanted)


_TESTS: Mapping[str, Callable[[Tensor, Any], Mask]] = {"json": _json_test, "text": _text_test, "any": _any_test}
