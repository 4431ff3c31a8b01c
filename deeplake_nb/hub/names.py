"""What organisations, datasets, keys and users may be called."""

from __future__ import annotations

import re
from typing import Any

from deeplake_nb.errors import UrlError

PATTERN = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}"
"""The whole of a name."""

_NAME = re.compile(PATTERN)
_SHOWN = 60
_RESERVED = frozenset({"queries"})  # hub://org/queries/… are the views of the organisation


def checked(name: Any, noun: str) -> str:
    """The name itself.

    Raises:
        UrlError: it cannot be one.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise UrlError(
            f"{noun} cannot be called {_shown(name)}: use letters, digits, '_', '-' and '.', not '.' first,"
            " 128 characters at most"
        )
    if name.lower() in _RESERVED:
        raise UrlError(f"{noun} cannot be called {name!r}: the name is reserved; choose another")
    return name


def is_name(text: Any) -> bool:
    """Whether a text can be a name."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None


def _shown(name: object) -> str:
    text = repr(name)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
