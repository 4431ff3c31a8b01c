"""Which tensors belong to each other, by their names and by how many things a row of them has. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def nearest(name: str, others: Sequence[str]) -> list[str]:
    """Those of ``others`` that have most in common with ``name``, in order; all of them where none has anything.

    First the groups that both lie in, then the words in both, one and many alike.

    Example:
        >>> nearest("left/boxes", ["left/images", "right/images"])
        ['left/images']
        >>> nearest("car_boxes", ["scene", "car_labels", "people"])
        ['car_labels']
        >>> nearest("boxes", ["images", "depth"])
        ['images', 'depth']
    """
    shared = [_shared(name, other) for other in others]
    return [other for other, found in zip(others, shared, strict=True) if found == max(shared)]


def _shared(name: str, other: str) -> tuple[int, int]:
    groups = 0
    for one, another in zip(name.split("/")[:-1], other.split("/")[:-1], strict=False):
        if one != another:
            break
        groups += 1
    return groups, len(words(name) & words(other))


def words(name: str) -> set[str]:
    """The words that a tensor's name is made of, small and without the s of many."""
    return {word.lower().rstrip("s") for word in _WORD.findall(name)}
