"""The hub: names such as ``hub://org/cars`` for datasets that lie anywhere, and keys to them that are lent, not given.

``protocol`` says what a hub can do and what it answers. ``domain`` holds the rules (who may do what) over a ``store``
(SQLite or PostgreSQL); ``vault`` encrypts the managed keys; ``vending`` makes of a managed key a short-lived one that
reaches no further than one dataset. ``embedded`` is the hub of one user in this process: no server, no account.
``remote`` is the same protocol against a hub server. Whoever uses a hub cannot tell the two apart.

A hub never reads a dataset: it knows names, places, keys and people. It may import ``diagnosis`` and what lies below,
to try a key out; ``dataset`` and ``session`` know nothing of how a hub works inside.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Package(ModuleType):
    """``deeplake_nb.hub()`` is the hub in force, also once this package is imported and has that name."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return sys.modules["deeplake_nb"].__getattr__("hub")(*args, **options)


sys.modules[__name__].__class__ = _Package
