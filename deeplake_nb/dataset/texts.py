"""Rows of a text tensor as strings: a chunk is decoded in one piece and cut, where that gives the same."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.dataset.reader import chunks
from deeplake_nb.errors import FormatError, LakeError
from deeplake_nb.format.htypes import htype_row
from deeplake_nb.format.plans import read_plan, run_plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState

    Ints = NDArray[np.int64]

_SPARSE = 4
"""Decoding what lies between the wanted texts pays while there is not more of it than so many times as much."""

_AT_ONCE = 4096
"""Texts that are parted together."""

_SHORT_NBYTES = 128
"""Texts that are shorter on average are parted by a character that none has, and split there: a third faster."""


def read_texts(state: State, tensor: TensorState, items: range | Ints) -> list[str] | None:
    """Items as strings, with no work per row but the cut; None where the tensor has something else.

    Raises:
        FormatError: a damaged chunk, or one that is no UTF-8; names the row.
    """
    meta = tensor.meta
    is_plain = not (meta.is_link or meta.is_sequence or meta.sample_compression)
    if not is_plain or htype_row(meta.htype).payload != "text":
        return None
    ids, what = state.tables(tensor).ids, f"tensor {meta.name!r} row"
    plan = read_plan(ids, items) if isinstance(items, np.ndarray) else [run.as_read() for run in run_plan(ids, items)]
    pieces: list[tuple[Ints, list[str]]] = []
    for part, loaded in chunks(state, tensor, plan):
        if isinstance(loaded, LakeError):
            raise loaded
        chunk = loaded.chunk
        if chunk.is_whole:
            raise FormatError(f"{chunk.what}: a chunk of {len(chunk)} samples without byte positions")
        starts, stops = chunk.spans(part.rows)
        found = _cut(chunk.data, starts, stops)
        if found is None:
            found = _one_by_one(chunk.data, starts, stops, what, np.asarray(items)[part.out])
        pieces.append((part.out, found))
    if isinstance(items, range):  # each piece is one stretch of them
        pieces.sort(key=lambda piece: int(piece[0][0]))
        return list(chain.from_iterable(found for _, found in pieces))
    out = np.empty(len(items), object)
    for places, found in pieces:
        out[places] = found
    strings: list[str] = out.tolist()
    return strings


def _cut(data: memoryview, starts: Ints, stops: Ints) -> list[str] | None:
    """Texts of one byte per character; None where there are others, or too much lies between them."""
    first, last = int(starts.min()), int(stops.max())
    if last - first > _SPARSE * int((stops - starts).sum()) or last > len(data):
        return None
    block = bytes(data[first:last])
    if not block.isascii():
        return None
    is_short = len(block) < _SHORT_NBYTES * len(starts) and b"\0" not in block
    if is_short and bool((starts[1:] == stops[:-1]).all()):
        return _parted(np.frombuffer(block, np.uint8), stops - first)
    text = block.decode("ascii")
    return [text[start:stop] for start, stop in zip((starts - first).tolist(), (stops - first).tolist(), strict=True)]


def _parted(block: NDArray[np.uint8], stops: Ints) -> list[str]:
    """The texts that end at these places, parted by NULs and split there, some at a time, in the core's own cache.

    The NULs come as by ``np.insert``, in half the time, as the places are in order.
    """
    out: list[str] = []
    start = 0
    for at in range(0, len(stops), _AT_ONCE):
        ends = stops[at : at + _AT_ONCE] - start
        is_text = np.ones(int(ends[-1]) + len(ends), bool)
        is_text[ends + np.arange(len(ends))] = False
        parted = np.zeros(len(is_text), np.uint8)
        parted[is_text] = block[start : start + int(ends[-1])]
        out += str(parted.data[:-1], "ascii").split("\0")
        start += int(ends[-1])
    return out


def _one_by_one(data: memoryview, starts: Ints, stops: Ints, what: str, rows: Ints) -> list[str]:
    out = []
    for row, start, stop in zip(rows.tolist(), starts.tolist(), stops.tolist(), strict=True):
        try:
            out.append(str(data[start:stop], "utf-8"))
        except UnicodeDecodeError as error:
            raise FormatError(f"{what} {row}: not UTF-8 text ({error})") from error
    return out
