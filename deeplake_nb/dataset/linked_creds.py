"""Changes to ``linked_creds.json``, which all versions share: read, changed and written under a lock of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from deeplake_nb.dataset.lock import short_lock
from deeplake_nb.format import keys

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from deeplake_nb.dataset.state import State
    from deeplake_nb.format.meta import LinkedCreds


def change(state: State, how: Callable[[LinkedCreds], None]) -> None:
    """Change the names and write them, if they are others then.

    Raises:
        LockedError: other processes are changing them, again and again.
    """
    with short_lock(state.storage, keys.VERSION_CONTROL_LOCK, state.linked_creds) as creds:
        before = creds.encode()
        how(creds)
        if creds.encode() != before:
            state.storage.put(keys.LINKED_CREDS, creds.encode())


def note_used(state: State, codes: NDArray[np.uint32]) -> None:
    """Mark the keys that samples use, as the original counts on it; costs a request only where there are any."""
    used = set(np.unique(codes).tolist()) - {0}
    if used:
        creds = state.linked_creds()
        names = {str(creds.name(code, keys.LINKED_CREDS)) for code in used} - set(creds.used_creds_keys)
        if names:
            change(state, lambda creds: creds.use(names))
