"""Video samples: the first frame as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.errors import MissingDependencyError
from deeplake_nb.preview import images, text

if TYPE_CHECKING:
    from deeplake_nb.format.samples import StoredSample
    from deeplake_nb.preview.preview import Preview


def first_frame(sample: StoredSample, box_px: int) -> Preview:
    """The first frame, at most ``box_px`` on its longest side; words where nothing can decode it. Decodes one frame.

    Raises:
        FormatError: a corrupt file.
    """
    from deeplake_nb.format.codecs.media import decode_video

    if 0 in sample.shape or sample.compression is None:
        return text.excerpt(sample)
    try:
        (frame,) = decode_video(sample.data, (1, *sample.shape[1:]), sample.what)
    except MissingDependencyError:
        return text.excerpt(sample)
    return images.encode(images.from_array(frame), box_px)
