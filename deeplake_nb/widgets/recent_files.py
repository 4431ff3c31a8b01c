"""Linked files that were just opened: what a tile shows, the viewer and the player need not fetch again."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from deeplake_nb.dataset.cache import Recent
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
        self._kept: Recent[tuple[float, memoryview]] = Recent(MOST_NBYTES)

    def __call__(self, links: Sequence[Link], managed: Collection[str]) -> list[memoryview | LakeError]:
        """The files' bytes, in order; one that cannot be had stands as its error."""
        found: dict[Link, memoryview | LakeError] = {
            link: data for link in links if (data := self._recent(link)) is not None
        }
        missing = [link for link in dict.fromkeys(links) if link not in found]
        if missing:
            found |= zip(missing, self._open(missing, managed), strict=True)
            now = self._clock()
            for link in missing:
                self._keep(link, found[link], now)
        return [found[link] for link in links]

    def _recent(self, link: Link) -> memoryview | None:
        found = self._kept.get(link)
        if found is None:
            return None
        then, data = found
        if self._clock() - then < SECONDS:
            return data
        self._kept.drop(link)
        return None

    def _keep(self, link: Link, data: memoryview | LakeError, now: float) -> None:
        if not isinstance(data, LakeError) and data.nbytes <= MOST_NBYTES:
            self._kept.put(link, (now, data), data.nbytes)
