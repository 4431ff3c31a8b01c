"""Class names as numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def label_numbers(value: Any, names: list[str]) -> Any:
    """Class names as their numbers, in any nesting; unknown names are added to ``names``."""
    known: dict[str, int] = {}
    for number, name in enumerate(names):
        known.setdefault(name, number)
    return _numbers(value, names, known)


def _numbers(value: Any, names: list[str], known: dict[str, int]) -> Any:
    if isinstance(value, str):
        if value not in known:
            known[str(value)] = len(names)
            names.append(str(value))
        return known[value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "UO":
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_numbers(entry, names, known) for entry in value]
    return value


def plain_numbers(values: Any) -> NDArray[Any] | None:
    """A batch of labels as one numeric array; None when names, or lists of several lengths, are among them."""
    try:
        array = np.asarray(values)
    except ValueError:
        return None
    return array if array.dtype.kind in "biuf" else None
