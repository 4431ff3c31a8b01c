"""Which rows a filter means: v3's dictionaries, evaluated on what is stored; or any function of a row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset.blocks import payloads
from deeplake_nb.errors import FormatError, TensorNotFoundError, VectorStoreError, did_you_mean
from deeplake_nb.format.meta import decode_json
from deeplake_nb.vectorstore.part import count, passing, selected, whole

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
    or one of a list of values (``{"id": ["a", "b"]}``). A function is called with each row. Callers have it `checked`.
    """
    if wanted is None:
        return selected(dataset)
    if callable(wanted):
        return selected(dataset.filter(wanted))
    among, dataset = selected(dataset), whole(dataset)
    tensors = dataset.tensors
    masks = [np.ones(count(dataset), bool), *(_test(tensors[name], value) for name, value in wanted.items())]
    least = min(map(len, masks))
    return passing(np.logical_and.reduce([mask[:least] for mask in masks]), among)


def checked(dataset: Dataset, wanted: Any) -> Any:
    """A filter as whoever is to carry it out takes it: with plain values, as JSON has them.

    Raises:
        TensorNotFoundError: a name that is no tensor's.
        VectorStoreError: neither a dictionary nor a function; no dictionary for JSON, or one for another tensor; a
            value that nothing stored can equal.
    """
    if wanted is None or callable(wanted):
        return wanted
    if not isinstance(wanted, Mapping):
        raise VectorStoreError(
            f"a filter is a dictionary such as {{'metadata': {{'page': 1}}}}, or a function of a row, "
            f"not a {type(wanted).__name__}"
        )
    tensors = dataset.tensors
    out = {}
    for name, value in wanted.items():
        if name not in tensors:
            raise TensorNotFoundError(
                f"no tensor {name!r} in {dataset.path}{did_you_mean(name, tensors)}; filter by {', '.join(tensors)}"
            )
        out[name] = _value(tensors[name], value)
    return out


def _value(tensor: Tensor, value: Any) -> Any:
    """What is asked of one tensor: of JSON a dictionary, of any other a list of values, of which it is to be one."""
    is_json, is_text = tensor.htype == "json", tensor.htype == "text"
    where = f"filter on tensor {tensor.name!r}"
    if is_json and not isinstance(value, Mapping):
        raise VectorStoreError(
            f"filter on JSON tensor {tensor.name!r}: expected a dictionary of keys and values, "
            f"got a {type(value).__name__}"
        )
    if not is_json and (isinstance(value, (Iterator, Mapping)) or (is_text and isinstance(value, np.ndarray))):
        raise VectorStoreError(f"{where}: expected a value, or a list of values, got a {type(value).__name__}")
    if is_json:
        return _plain(value, where)
    is_listed = isinstance(value, (list, tuple, set, frozenset) if is_text else list)
    plain = [_plain(one, where) for one in (value if is_listed else [value])]
    return plain if is_text or tensor.htype in {"list", "tag"} else [_number(one) for one in plain]


def _plain(value: Any, where: str) -> Any:
    """A value as JSON has it.

    Raises:
        VectorStoreError: it has no such value.
    """
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and not math.isnan(value)):
        return value
    if isinstance(value, str) and _is_text(value):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(one, where) for one in value]
    if isinstance(value, Mapping) and all(isinstance(key, str) and _is_text(key) for key in value):
        return {key: _plain(one, where) for key, one in value.items()}
    raise VectorStoreError(
        f"{where}: nothing that is stored equals {value!r:.60}; give texts, numbers, and lists and dictionaries of "
        "them with keys that are texts"
    )


def _is_text(value: str) -> bool:
    """Whether it can be written: half a character cannot."""
    return value.isascii() or value == value.encode(errors="replace").decode()


def _number(value: Any) -> Any:
    """The number in a list of one, as arrays of one number are that number here."""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


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
    listed = [ids] if isinstance(ids, str) else list(ids)
    every = whole(dataset)
    tensor = every[name]
    wanted = list(map(str, listed)) if tensor.htype == "text" else _value(tensor, listed)
    return passing(_test(tensor, wanted)[: count(every)], selected(dataset))


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
    return not pairs or (isinstance(value, dict) and all(key in value and value[key] == one for key, one in pairs))


def _text_test(tensor: Tensor, wanted: Any) -> Mask:
    known = {one.encode(errors="surrogatepass") for one in wanted if isinstance(one, str)}
    return np.array([one in known for chunk in payloads(tensor) for one in chunk], bool)


def _any_test(tensor: Tensor, wanted: Any) -> Mask:
    values = tensor.data(aslist=True)["value"]
    return np.array([any(_is_equal(value, one) for one in wanted) for value in values], bool)


def _is_equal(value: Any, wanted: Any) -> bool:
    """Whether a value is the one that is wanted; an array of one number is that number."""
    if isinstance(value, np.ndarray):
        same: bool = value.item() == wanted if value.size == 1 else np.array_equal(value, wanted)
        return same
    return bool(value == wanted)


_TESTS: Mapping[str, Callable[[Tensor, Any], Mask]] = {"json": _json_test, "text": _text_test, "any": _any_test}
