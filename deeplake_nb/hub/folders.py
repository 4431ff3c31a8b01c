"""Where a user's data goes on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "DEEPLAKE_NB_DATA"
DATABASE = "hub.db"


def data_folder(environ: Mapping[str, str]) -> Path:
    """``DEEPLAKE_NB_DATA``, else where the system keeps such things."""
    if environ.get(VARIABLE, "").strip():
        return Path(environ[VARIABLE]).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("deeplake_nb", appauthor=False))
