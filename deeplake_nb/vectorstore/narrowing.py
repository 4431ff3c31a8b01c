"""Which rows an exact search has to look at, by what sketches tell of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deeplake_nb.storage.provider import in_parallel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from deeplake_nb.vectorstore.nearest import Asked
    from deeplake_nb.vectorstore.sketches import Sketched

    Ints = NDArray[np.int64]
    Singles = NDArray[np.float32]

_MANY = 8
"""Of so many vectors of a block one is enough to look at all of them."""


class _Keys(NamedTuple):
    """Of a span: the wanted rows (None: all), what their keys are at least; the nearest of them, and their keys."""

    wanted: Ints | None
    lowest: Singles
    best: Ints
    best_keys: Singles


def left(known: list[Sketched], asked: Asked, limit_of: Callable[[Ints], np.float32], workers: int) -> list[Ints]:
    """The rows of each sketched span that may be among the nearest; rising.

    ``limit_of`` says of ``k`` rows, which are probably near, what key none of the nearest exceeds.
    """
    cut = -(-len(known) // workers)
    parts = [known[at : at + cut] for at in range(0, len(known), cut)]

    def keys(at: int) -> tuple[int, list[_Keys]]:
        return at, [_keys(one, asked) for one in parts[at]]

    done = dict(in_parallel(keys, range(len(parts)), workers))
    found = [one for at in range(len(parts)) for one in done[at]]
    best = np.concatenate([one.best for one in found])
    order = np.argsort(np.concatenate([one.best_keys for one in found]), kind="stable")
    limit = limit_of(np.sort(best[order[: asked.k]]))
    return [_within(one, keys, limit) for one, keys in zip(known, found, strict=True)]


def _keys(one: Sketched, asked: Asked) -> _Keys:
    keys, slack = one.sketch.keys(asked.metric, asked.query)
    first, wanted = one.span.first, None
    if asked.rows is not None:
        wanted = asked.rows[slice(*np.searchsorted(asked.rows, [first, one.span.stop]))]
        keys, slack = keys[wanted - first], np.asarray(slack)[wanted - first]
    best = np.argpartition(keys, asked.k)[: asked.k] if len(keys) > asked.k else np.arange(len(keys))  # NaN is last
    with np.errstate(all="ignore"):
        return _Keys(wanted, np.asarray(keys - slack), best + first if wanted is None else wanted[best], keys[best])


def _within(one: Sketched, keys: _Keys, limit: np.float32) -> Ints:
    """The rows whose keys may be within a limit."""
    maybe = np.flatnonzero(~(keys.lowest > limit))
    if keys.wanted is not None:
        return keys.wanted[maybe]
    span = one.span
    return np.arange(span.first, span.stop) if len(maybe) * _MANY > len(keys.lowest) else maybe + span.first
