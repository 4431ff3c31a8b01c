"""The objects of a dataset: listed once, read, and kept aside instead of lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deeplake_nb.dataset.fsck.findings import Finding, State
from deeplake_nb.errors import KeyNotFoundError, LakeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

    from deeplake_nb.storage.provider import StorageProvider

ASIDE = ".fsck/"
"""Where a dataset keeps what repairs took away."""


class Shelf:
    """One dataset's objects.

    Args:
        storage: where it is.
        stamp: names the folder for what is kept aside.
        prefix: shown before keys, of a dataset within another.
        repair: whether changes are for good.
    """

    def __init__(self, storage: StorageProvider, stamp: str, prefix: str, *, repair: bool) -> None:
        self.storage = storage
        self.stamp = stamp
        self.prefix = prefix
        self.repair = repair
        self.found: list[Finding] = []
        self.sizes = {one.key: one.nbytes or 0 for one in storage.list() if not one.key.startswith(ASIDE)}
        self._known: dict[tuple[str, str], None] = {}

    def read(self, key: str) -> memoryview | None:
        """An object's bytes; None if it is not there."""
        if key not in self.sizes:
            return None
        try:
            return self.storage.get(key)
        except KeyNotFoundError:
            return None

    def put(self, key: str, data: Buffer) -> None:
        """Write an object; what was there is kept aside."""
        self._keep(key)
        self.storage.put(key, data)
        self.sizes[key] = memoryview(data).nbytes

    def set_aside(self, *keys: str) -> None:
        """Take objects away, and keep them."""
        for key in keys:
            self._keep(key)
            self.storage.delete(key)
            self.sizes.pop(key, None)

    def _keep(self, key: str) -> None:
        if not self.repair:
            return
        data = self.read(key)
        if data is not None:
            self.storage.put(f"{ASIDE}{self.stamp}/{key}", data)

    # ------------------------------------------------------------------ what is said

    def note(self, key: str, message: str) -> None:
        """Something that harms nobody."""
        self._add(Finding("note", self.prefix + key, message))

    def wrong(self, key: str, message: str, remedy: str = "") -> None:
        """Something wrong that cannot be mended without loss; what to do about it."""
        self._add(Finding("wrong", self.prefix + key, message, remedy))

    def mendable(
        self, key: str, message: str, how: str, mend: Callable[[], object], *, is_harmless: bool = False
    ) -> None:
        """Something that ``mend`` puts right; ``how`` says how, as ``write it anew``.

        It is done: where only a check was asked for, on a storage whose changes stay in memory. ``is_harmless`` makes
        it a note then.
        """
        try:
            mend()
        except LakeError as error:
            self._add(Finding("wrong", self.prefix + key, message, f"to {how} was tried, and failed: {error}"))
            return
        state: State = "mended" if self.repair else "note" if is_harmless else "wrong"
        self._add(Finding(state, self.prefix + key, message, how if self.repair else f"fsck(repair=True) can {how}"))

    def _add(self, finding: Finding) -> None:
        finding = replace(finding, message=finding.message.removeprefix(f"{finding.key.removeprefix(self.prefix)}: "))
        if (finding.key, finding.message) not in self._known:  # several versions may share what is wrong
            self._known[finding.key, finding.message] = None
            self.found.append(finding)
