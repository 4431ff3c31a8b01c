"""CRC32C, which Google Cloud Storage keeps for every object."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from deeplake_nb.storage.bodies import BodyError

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import Buffer

_PIECE_NBYTES = 1 << 20
_HASH = re.compile(r"crc32c=([A-Za-z0-9+/]{6}==)")


class Checksum:
    """A running checksum; without Google's library in its fast form (7 GB a second) there is none."""

    def __init__(self) -> None:
        self._sum: Any = None
        try:
            import google_crc32c
        except ImportError:
            return
        if google_crc32c.implementation == "c":
            self._sum = google_crc32c.Checksum()  # type: ignore[no-untyped-call]

    def update(self, *buffers: Buffer) -> Self:
        """Take in what follows."""
        if self._sum is not None:
            for buffer in buffers:
                view = memoryview(buffer)
                for start in range(0, len(view), _PIECE_NBYTES):
                    self._sum.update(bytes(view[start : start + _PIECE_NBYTES]))  # the library takes nothing else
        return self

    @property
    def text(self) -> str | None:
        """As Google writes it, in base64."""
        return base64.b64encode(self._sum.digest()).decode() if self._sum is not None else None


def check(data: memoryview, header: str) -> None:
    """Compare a whole object with the ``x-goog-hash`` that came with it; without one nothing is compared.

    Raises:
        BodyError: they differ.
    """
    kept = _HASH.search(header)
    if kept and (found := Checksum().update(data).text) is not None and found != kept[1]:
        raise BodyError("other bytes than were stored")
