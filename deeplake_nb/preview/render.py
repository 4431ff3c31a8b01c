"""One entry: a stored sample of any htype to a preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.format.codecs import TABLE as COMPRESSIONS
from deeplake_nb.preview import images, overlays, spark, text, video, waveform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_nb.format.samples import StoredSample
    from deeplake_nb.preview.preview import Preview

# A base htype that is not here is shown by what its bytes are.
_RENDERERS: Mapping[str, Callable[[StoredSample, int], Preview]] = {
    "image": images.picture,
    "image.rgb": images.picture,
    "image.gray": images.picture,
    "binary_mask": overlays.mask,
    "segment_mask": overlays.mask,
    "instance_label": overlays.mask,
    "embedding": spark.spark,
    "video": video.first_frame,
    "audio": waveform.waveform,
}

PICTURE_HTYPES = frozenset(htype for htype, renderer in _RENDERERS.items() if renderer is images.picture)
MASK_HTYPES = frozenset(htype for htype, renderer in _RENDERERS.items() if renderer is overlays.mask)


def render(sample: StoredSample, box_px: int) -> Preview:
    """A preview of one sample: a picture at most about ``box_px`` wide and high, or a short text.

    Raises:
        FormatError: stored bytes that cannot be decoded.
    """
    return _RENDERERS.get(sample.htype, _by_compression)(sample, box_px)


def _by_compression(sample: StoredSample, box_px: int) -> Preview:
    """A tensor of any htype whose samples are image files holds pictures; anything else is words."""
    if sample.compression is not None and COMPRESSIONS[sample.compression].kind == "image":
        return images.picture(sample, box_px)
    return text.excerpt(sample)
