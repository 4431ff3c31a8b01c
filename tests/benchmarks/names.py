"""What a name in the hub of this process costs, beside the same path as it is."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from deeplake_nb.hub.embedded import EmbeddedHub
from deeplake_nb.session import Session
from tests.benchmarks.measure import Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.measure import Scale

_LOADS = 50  # for each repeat


def _seconds(load: Callable[[], object]) -> float:
    begun = time.perf_counter()
    load()
    return time.perf_counter() - begun


def lines(scale: Scale) -> list[Line]:
    """Loading by name and by path, in turns, in a process that has done both before."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        hub = EmbeddedHub(folder)
        session = Session(hub=hub)
        with session.empty("hub://org/cars") as ds:
            ds.create_tensor("x").extend(range(100))
        ds.close()
        path = Path(folder) / "datasets" / "org" / "cars"
        by_name, by_path = [], []
        for turn in range(_LOADS * scale.repeats + 1):
            name, place = _seconds(lambda: session.load("hub://org/cars")), _seconds(lambda: session.load(path))
            if turn:
                by_name.append(name)
                by_path.append(place)
        hub.close()
    return [Line("load hub://org/name, embedded", median(by_name), "5 ms more", "load its path", median(by_path))]
