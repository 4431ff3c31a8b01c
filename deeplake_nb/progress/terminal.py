"""A job on one line of a terminal, which is written over and over."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

    from deeplake_nb.progress.stand import Stand

_WIDTH = 20
_BACK_AND_CLEAR = "\r\x1b[K"


class TerminalLine:
    """Draws on the terminal behind ``stream``; on anything else, and once that is closed, nothing."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def draw(self, stand: Stand) -> None:
        """Write the line anew."""
        self._write(_line(stand, shutil.get_terminal_size().columns - 1))

    def end(self, stand: Stand, *, is_passing: bool) -> None:
        """Write how it ended, on a line that stays; or take the line away."""
        passes = is_passing and not stand.ending
        self._write(
            "" if passes else _cut(f"{stand.what}: ", stand.end(), shutil.get_terminal_size().columns - 1) + "\n"
        )

    def _write(self, text: str) -> None:
        try:
            if self._stream.isatty():
                self._stream.write(_BACK_AND_CLEAR + text)
                self._stream.flush()
        except ValueError:
            if not self._stream.closed:  # else it is nothing to draw on, even if it was until just now
                raise


def _line(stand: Stand, columns: int) -> str:
    share = stand.share
    if share is None:
        return _cut(stand.what, f": {stand.now()}", columns)
    full = int(share * _WIDTH)
    return _cut(stand.what, f" [{'=' * full}{' ' * (_WIDTH - full)}] {share:.0%} {stand.now()}", columns)


def _cut(what: str, words: str, columns: int) -> str:
    """Both on one line: a second line could not be written over. The numbers are worth more than the name."""
    what = "".join(one if one.isprintable() else " " for one in what)
    room = max(columns - len(words), 0)
    if len(what) > room:
        what = what[: room - 1] + "…" if room > 1 else ""
    return (what + words)[:columns]
