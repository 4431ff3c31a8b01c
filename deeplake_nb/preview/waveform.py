"""Sound as a waveform: for each column of a picture the least and the greatest of its share of the samples."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.errors import MissingDependencyError
from deeplake_nb.preview import text
from deeplake_nb.preview.spark import around_zero

if TYPE_CHECKING:
    from deeplake_nb.format.samples import StoredSample
    from deeplake_nb.preview.preview import Preview

_WIDTH, _SHAPE = 1024, 3 / 8
_WHOLE = 1 << 20
"""So many samples are decoded (24 s of music); of a longer file pieces, which takes about as long."""

_PIECES = 128


def waveform(sample: StoredSample, box_px: int) -> Preview:
    """A picture of a sound, as loud as it is at its loudest; words where nothing can decode it.

    All channels are drawn as one. Of more than a million samples only 128 pieces are decoded, so that the work is
    bounded: a click between two of them is not seen then.

    Raises:
        FormatError: a corrupt file.
    """
    words = text.excerpt(sample)
    if 0 in sample.shape:
        return words
    try:
        low, high = envelope(sample, min(box_px, _WIDTH))
    except MissingDependencyError:
        return words
    height = round(len(low) * _SHAPE)
    middle = height // 2
    loudest = max(float(high.max()), -float(low.min())) or 1.0
    tops, bottoms = (np.round(middle - one / loudest * (middle - 1)).astype(int) for one in (high, low))
    made = around_zero(tops, bottoms, middle, height)
    return replace(made, words=f"sound, {text.shape_words(sample.shape)} samples")


def envelope(sample: StoredSample, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The least and the greatest values in ``columns`` equal shares of a sound, float64, never above and below zero.

    Raises:
        FormatError: a corrupt file.
        MissingDependencyError: no library that decodes it.
    """
    length = sample.shape[0]
    if sample.compression is not None and length > _WHOLE:
        from deeplake_nb.format.codecs.media import audio_pieces

        starts = np.arange(_PIECES) * length // _PIECES
        pieces = audio_pieces(sample.data, starts.tolist(), sample.what)
        ends = np.array([(piece.min(), piece.max()) if piece.size else (0, 0) for piece in pieces], np.float64)
        low, high = ends[np.arange(columns) * _PIECES // columns].T
    else:
        edges = np.arange(columns) * length // columns
        whole = np.asarray(sample.array()).reshape(length, -1)
        low = np.minimum.reduceat(whole, edges).min(axis=1).astype(np.float64)
        high = np.maximum.reduceat(whole, edges).max(axis=1).astype(np.float64)
    low, high = np.nan_to_num([low, high], posinf=0.0, neginf=0.0)
    if low.min() >= 0:  # unsigned samples, whose silence is in the middle
        low, high = np.array([low, high]) - (low + high).mean() / 2
    return np.minimum(low, 0), np.maximum(high, 0)
