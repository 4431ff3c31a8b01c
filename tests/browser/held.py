"""A cell that runs as long as a test wants, so that what happens meanwhile has all the time it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self


class Held:
    """``expression`` takes as long as a ``with`` block, and no time outside of one; it is false, and needs ``time``.

    Args:
        folder: an empty folder on the kernel's machine.
    """

    def __init__(self, folder: Path) -> None:
        self._end = folder / "end"
        is_over = f"__import__('pathlib').Path({str(self._end)!r}).exists"
        self._end.touch()
        self.expression = f"any(time.sleep(0.02) for _ in iter({is_over}, True))"

    def __enter__(self) -> Self:
        self._end.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._end.touch()
