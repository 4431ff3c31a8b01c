"""How far a job is, in words and as a share. Pure."""

from __future__ import annotations

from typing import NamedTuple

from deeplake_nb.preview.text import byte_count

_MINUTE, _HOUR = 60, 3600


class Stand(NamedTuple):
    """How far a job is.

    Attributes:
        what: is done.
        unit: of what is counted; ``B`` are bytes.
        done: how much.
        total: of how much; None where that is not known.
        rate: per second, lately.
        seconds: since it began.
        ending: how it ended, or is about to; empty while it goes on, and when it ended well.
    """

    what: str
    unit: str
    done: int
    total: int | None
    rate: float
    seconds: float
    ending: str = ""

    @property
    def share(self) -> float | None:
        """From 0 to 1; None where nobody knows."""
        if self.total is None:
            return None
        return min(self.done / self.total, 1.0) if self.total else 1.0

    def now(self) -> str:
        """While it goes on: ``500 kB of 2 MB, 1.2 MB/s, 3 s left``."""
        if self.total is None and not self.done:
            return ", ".join(filter(None, (self.ending, duration(self.seconds))))
        of = "" if self.total is None else f" of {self._amount(self.total)}"
        done = self._amount(self.done, is_named=self.total is None)
        words = [f"{done}{of}", f"{self._speed(self.rate)}/s"]
        if self.ending:
            words.append(self.ending)
        elif self.total is not None and self.done >= self.total:
            words.append("finishing")  # as with a last look at all that was written
        elif self.total is not None and self.rate > 0:
            words.append(f"{duration((self.total - self.done) / self.rate)} left")
        return ", ".join(words)

    def end(self) -> str:
        """When it is over: ``2 MB in 3.2 s, 625 kB/s``."""
        if self.ending:
            of = "" if self.total is None else f" of {self._amount(self.total)}"
            return f"{self.ending} after {self._amount(self.done, is_named=self.total is None)}{of}"
        speed = self._speed(self.done / self.seconds if self.seconds > 0 else 0.0)
        return f"{self._amount(self.done)} in {duration(self.seconds)}, {speed}/s"

    def _amount(self, count: int, *, is_named: bool = True) -> str:
        if self.unit == "B":
            return byte_count(count)
        return f"{count:,} {self.unit}" if is_named else f"{count:,}"

    def _speed(self, rate: float) -> str:
        if self.unit == "B":
            return byte_count(round(rate))
        return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"  # noqa: PLR2004 - two digits say enough


def duration(seconds: float) -> str:
    """As people say it: ``3.2 s``, ``12 s``, ``2 min 5 s``, ``1 h 4 min``."""
    if seconds < 10:  # noqa: PLR2004 - two digits say enough
        return f"{seconds:.1f} s" if seconds else "0 s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
