"""Programs that write a dataset `ds` into the working folder with either implementation, passed in as `lake`.

They are run by our interpreter and by that of the original, so they import nothing of either, and no third package
but numpy and Pillow.
"""

from __future__ import annotations

from .columns import COLUMNS
from .histories import EITHER, ORIGINAL
from .media import MEDIA
from .repeat import repeat

BOTH = {**COLUMNS, **MEDIA, **EITHER}
"""Programs that both implementations run."""

EVERY = {**BOTH, **ORIGINAL}
"""Programs the original can run."""

__all__ = ["BOTH", "EITHER", "EVERY", "repeat"]
