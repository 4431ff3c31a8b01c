"""What a path that leads to no dataset may have meant."""

from __future__ import annotations

import os
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from deeplake_nb.errors import did_you_mean
from deeplake_nb.format import keys

if TYPE_CHECKING:
    from deeplake_nb.storage.provider import StorageProvider

_MOST_FOLDERS = 10_000
_MOST_NEAR = 5


def meant(storage: StorageProvider) -> str:
    """``" (did you mean 'photos'?)"`` for a dataset of a similar name in the same local folder, or ``""``.

    Of places elsewhere nothing is asked: a listing there may take long, or need a right that opening does not.
    """
    if storage.url.scheme != "file":
        return ""
    place = Path(storage.url.path)
    try:
        with os.scandir(place.parent) as found:
            folders = [one.name for one in islice(found, _MOST_FOLDERS) if one.is_dir()]
    except OSError:  # no such folder, or one that is not to be looked into: there is nothing to add then
        return ""
    near = get_close_matches(place.name, folders, n=_MOST_NEAR)
    return did_you_mean(place.name, [name for name in near if (place.parent / name / keys.DATASET_META).is_file()])
