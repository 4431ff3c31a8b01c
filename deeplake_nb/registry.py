"""A table from names to things, some of which are imported only when asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from deeplake_nb.errors import LakeError, UnsupportedError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

T = TypeVar("T")


class Registry(Generic[T]):
    """Names to objects; a text entry ``"module:attribute"`` is imported at its first use.

    Iterating gives the canonical names in the order of registration; ``in`` knows aliases too. Thread-safe.

    Args:
        noun: what an entry is, for messages: ``"codec"``.
        entries: name to object, or to ``"module:attribute"``.
        aliases: other name to canonical name.
        error: what an unknown name raises.

    Example:
        >>> codecs = Registry("codec", {"none": bytes}, aliases={"raw": "none"})
        >>> codecs["raw"], codecs.canonical("raw")
        (<class 'bytes'>, 'none')
    """

    def __init__(
        self,
        noun: str,
        entries: Mapping[str, T | str] | None = None,
        *,
        aliases: Mapping[str, str] | None = None,
        error: type[LakeError] = UnsupportedError,
    ) -> None:
        self._noun = noun
        self._error = error
        self._entries: dict[str, T | str] = dict(entries or {})
        self._aliases: dict[str, str] = dict(aliases or {})

    def register(self, name: str, target: T | str, *aliases: str) -> None:
        """Add an entry, or replace the one of that name."""
        self._entries[name] = target
        self._aliases.update(dict.fromkeys(aliases, name))

    def canonical(self, name: str) -> str:
        """The name an alias stands for; a canonical name stands for itself.

        Raises:
            LakeError: of the class given at construction; the name is unknown. The message names the nearest.
        """
        found = self._aliases.get(name, name)
        if found not in self._entries:
            known = [*self._entries, *self._aliases]
            raise self._error(
                f"unknown {self._noun} {name!r}{did_you_mean(name, known)}; known: {', '.join(self._entries)}"
            )
        return found

    def __getitem__(self, name: str) -> T:
        """The object under ``name``, imported if this is its first use; unknown names raise as `canonical` does."""
        name = self.canonical(name)
        target = self._entries[name]
        if isinstance(target, str):
            module, _, attribute = target.partition(":")
            target = cast("T", getattr(importlib.import_module(module), attribute))
            self._entries[name] = target
        return target

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._aliases

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
