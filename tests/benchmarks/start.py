"""What it costs to be there: import and `%load_ext`, each in interpreters of their own."""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from typing import TYPE_CHECKING

from tests.benchmarks.measure import Line

if TYPE_CHECKING:
    from tests.benchmarks.measure import Scale

_TIMED = "import time; begun = time.perf_counter(); {}; print(time.perf_counter() - begun)"
_SHELL = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance(); "


def _median(code: str, repeats: int) -> float:
    command = [sys.executable, "-c", code]
    subprocess.run(command, check=True, capture_output=True)  # writes the compiled modules
    runs = [subprocess.run(command, check=True, capture_output=True, text=True) for _ in range(repeats)]
    return median(float(run.stdout.split()[-1]) for run in runs)


def lines(scale: Scale) -> list[Line]:
    """Import and extension."""
    numpy = _median(_TIMED.format("import numpy"), scale.repeats)
    package = _median(_TIMED.format("import deeplake_nb"), scale.repeats)
    extension = _median(_SHELL + _TIMED.format("shell.run_line_magic('load_ext', 'deeplake_nb')"), scale.repeats)
    return [
        Line("import deeplake_nb", package, "50 ms", "import numpy", numpy),
        Line("%load_ext deeplake_nb", extension, "150 ms", "import numpy", numpy),
    ]
