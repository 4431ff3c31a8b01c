"""Small scripts as users of v3 have them, run unchanged by the original and here; each gives what it saw, as JSON.

They are run by our interpreter and by that of the original, so they import nothing of either.
"""

from __future__ import annotations

from . import corners, datasets, guides, habits
from .handed import HANDED, STEPS
from .pieces import SCRIPTS

__all__ = ["HANDED", "SCRIPTS", "STEPS", "corners", "datasets", "guides", "habits"]
