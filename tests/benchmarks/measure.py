"""Timing side by side, and the table it ends in."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Line:
    """One measurement, in seconds unless it has a unit, with the limit nothing can be much faster than."""

    what: str
    ours: float
    wanted: str
    against: str = ""
    limit: float | None = None
    unit: str = ""

    @property
    def measured(self) -> str:
        """For the table."""
        return f"{self.ours:.3g} {self.unit}" if self.unit else seconds(self.ours)


@dataclass(frozen=True)
class Scale:
    """How much is measured, and how often."""

    rows: int = 50_000
    labels: int = 1_000_000
    files: int = 2_000
    repeats: int = 7


FULL, QUICK = Scale(), Scale(rows=300, labels=1_000, files=12, repeats=1)


def alternating(repeats: int, *timed: Callable[[Path], object], rest: float = 0) -> list[float]:
    """Median seconds of each function. They take turns, so that a busy moment hits all; each gets a fresh folder.

    The turn before the first is not counted, and removing what a turn left is not timed. There are ``rest`` seconds
    before each.
    """
    taken: list[list[float]] = [[] for _ in timed]
    for turn in range(repeats + 1):
        for function, times in zip(timed, taken, strict=True):
            folder = Path(tempfile.mkdtemp(prefix="benchmark-"))
            time.sleep(rest)
            begun = time.perf_counter()
            result = function(folder)
            times.append(time.perf_counter() - begun)
            del result
            shutil.rmtree(folder)
            if turn == 0 and repeats:
                times.clear()
    return [median(times) for times in taken]


def seconds(value: float) -> str:
    """With a unit that keeps it readable."""
    unit, factor = next((u, f) for u, f, least in [("s", 1, 1), ("ms", 1e3, 1e-3), ("µs", 1e6, 0)] if value >= least)
    return f"{value * factor:.3g} {unit}"


def markdown(lines: Iterable[Line]) -> str:
    """The lines as a table."""
    out = ["| What | Takes | Wanted | Ratio | to |", "|---|---|---|---|---|"]
    for line in lines:
        ratio = f"{line.ours / line.limit:.2f}" if line.limit else ""
        beside = f"{line.against}, {seconds(line.limit)}" if line.limit else line.against
        out.append(f"| {line.what} | {line.measured} | {line.wanted} | {ratio} | {beside} |")
    return "\n".join(out)


def machine_line() -> str:
    """What it was measured on."""
    return f"Python {platform.python_version()}, numpy {np.__version__}, {os.cpu_count()} cores, {platform.system()}"
