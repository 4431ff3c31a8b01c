"""Linked files that were just opened: what a tile shows, the viewer and the player need not fetch again."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from deeplake_nb.errors import LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from deeplake_nb.dataset.host import OpenLinks
    from deeplake_nb.format.samples import Link

MOST_NBYTES = 64_000_000
SECONDS = 60.0


class RecentFiles:
    """Opens links as ``open_links`` does, and keeps what came for a minute, up to 64 MB. Thread-safe.

    A link that fails is tried again whenever it is asked for; one that is asked for twice at once is opened once.
    """

    def __init__(self, open_links: OpenLinks, clock: Callable[[], float] = time.monotonic) -> None:
        self._open = open_links
        self._clock = clock
        self._kept: dict[Link, tuple[float, memoryview]] = {}
        self._lock = threading.Lock()

    def __call__(self, links: Sequence[Link], managed: Collection[str]) -> list[memoryview | LakeError]:
        """The files' bytes, in order; one that cannot be had stands as its error."""
        found: dict[Link, memoryview | LakeError] = dict(self._recent(links))
        missing = [link for link in dict.fromkeys(links) if link not in found]
        if missing:
            opened = dict(zip(missing, self._open(missing, managed), strict=True))
            self._keep({link: data for link, data in opened.items() if not isinstance(data, LakeError)})
            found |= opened
        return [found[link] for link in links]

    def _recent(self, links: Sequence[Link]) -> dict[Link, memoryview]:
        with self._lock:
            self._forget(0)
            return {link: self._kept[link][1] for link in links if link in self._kept}

    def _keep(self, files: dict[Link, memoryview]) -> None:
        now = self._clock()
        with self._lock:
            for link, data in files.items():
                self._kept.pop(link, None)
                if data.nbytes <= MOST_NBYTES:
                    self._forget(data.nbytes)
                    self._kept[link] = (now, data)

    def _forget(self, wanted: int) -> None:
        """What is old, and the oldest until there is room for ``wanted`` bytes."""
        latest = self._clock() - SECONDS
        room = MOST_NBYTES - wanted - sum(data.nbytes for _, data in self._kept.values())
        for link, (then, data) in list(self._kept.items()):  # in the order in which they came
            if then > latest and room >= 0:
                break
            room += data.nbytes
            del self._kept[link]
