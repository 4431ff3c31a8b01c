"""The hub: names such as ``hub://org/cars`` for datasets that lie anywhere, and keys to them that are lent, not given.

``protocol`` says what a hub can do and what it answers. ``domain`` is a hub: the rules over a ``store`` (SQLite or
PostgreSQL) whose ``tables`` ``migrations`` makes, and a ``vault`` that encrypts managed keys under ``master_keys``. The
rules are in one file per noun, each a part of the hub as one user sees it: ``seat`` (who asks, and what that user may
do where), ``places``, ``datasets``, ``resolving``, ``managed_keys``, ``authority`` (tokens), ``people``, ``audit``.
``refusals`` puts what was refused on the same record, bounded.
``lending`` remembers what was lent while it is good; ``vending`` makes of a managed key a short-lived one that reaches
no further than one dataset. ``embedded`` is the hub of one user in this process: no server, no account. ``remote`` is
the same protocol against a hub server. Whoever uses a hub cannot tell the two apart.

What was acknowledged is on the disk. Writes to one organisation never overlap (an immediate transaction in SQLite, an
advisory lock in PostgreSQL), so a rule that was checked still holds when its write is committed. What a user may not
see is not found, and looks the same as what is not there.

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
