"""Samples that take their time. ``SOURCE`` is what a notebook or a program has to run to make some."""

from __future__ import annotations

import inspect
import time
from collections.abc import Sequence

import numpy as np


class Slow(Sequence):
    """So many samples, each of which takes so many seconds; a slice of them, as long as all of it."""

    def __init__(self, count, seconds):
        self.count, self.seconds = count, seconds

    def __len__(self):
        return self.count

    def __getitem__(self, item):
        rows = range(self.count)[item]
        if not isinstance(item, slice):
            time.sleep(self.seconds)
            return np.zeros(4, "float32")
        time.sleep(self.seconds * len(rows))
        return list(np.zeros((len(rows), 4), "float32"))


_IMPORTS = "import time\nfrom collections.abc import Sequence\nimport numpy as np\nimport deeplake_nb as lake\n\n"
SOURCE = _IMPORTS + inspect.getsource(Slow)
