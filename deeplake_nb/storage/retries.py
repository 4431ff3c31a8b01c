"""Trying again what failed by chance: when, how often, and after how long a pause."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, TypeVar

from deeplake_nb.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

ATTEMPTS = 5
_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 5.0


class TransientError(StorageError):
    """Failed by chance, and worth trying again; never leaves the storage as this class."""


def pauses(attempts: int = ATTEMPTS, chance: Callable[[], float] = random.random) -> Iterator[float]:
    """Seconds to wait after each failed attempt but the last: between none and a limit that doubles each time.

    The whole pause is left to chance, so that many clients which failed together do not come back together.
    """
    for failed in range(attempts - 1):
        yield chance() * min(_FIRST_SECONDS * 2**failed, _LONGEST_SECONDS)


def retrying(attempt: Callable[[], T], sleep: Callable[[float], None] = time.sleep, *, attempts: int = ATTEMPTS) -> T:
    """What ``attempt`` gives, tried again while it raises `TransientError`.

    Raises:
        StorageError: the last attempt failed by chance, too.
    """
    for pause in pauses(attempts):
        try:
            return attempt()
        except TransientError:
            sleep(pause)
    try:
        return attempt()
    except TransientError as error:
        raise StorageError(str(error)) from error.__cause__
