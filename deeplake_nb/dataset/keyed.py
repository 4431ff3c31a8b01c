"""Names of credentials that a dataset's links may use: the half of `Dataset` with v3's methods for them.

Names are stored (``linked_creds.json``, shared by all versions), credentials never: those given with ``populate_creds``
live in this process, those of managed keys are lent by a hub when a link is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset import linked_creds
from deeplake_nb.dataset.rows import Rows
from deeplake_nb.errors import CredentialsError, UnsupportedError
from deeplake_nb.storage.open import sealed

if TYPE_CHECKING:
    from deeplake_nb.dataset.host import Host
    from deeplake_nb.format.meta import LinkedCreds


class Keyed(Rows):
    """A dataset's credentials keys."""

    @property
    def link_creds(self) -> LinkedCreds:
        """The names as they are stored: all in the order of their codes, the managed, and the used ones."""
        return self._state.linked_creds()

    def get_creds_keys(self) -> set[str]:
        """Names of all credentials keys."""
        return set(self.link_creds.creds_keys)

    def get_managed_creds_keys(self) -> list[str]:
        """Names of those that a hub manages."""
        return sorted(set(self.link_creds.managed_creds_keys))

    def add_creds_key(self, creds_key: str, managed: bool = False) -> None:
        """Add a name that links may use: ``deeplake_nb.link(url, creds_key=name)``.

        Args:
            creds_key: the name.
            managed: the dataset's hub has credentials of that name, and lends them to whoever may read the dataset.

        Raises:
            CredentialsError: there is such a name already.
            MissingCredentialsError: the hub has none of that name, or no hub stands behind the dataset.
        """
        self._write(of_itself=True)
        if managed:
            self._host().try_key(creds_key)
        linked_creds.change(self._state, lambda creds: creds.add(creds_key, managed=managed))

    def populate_creds(
        self, creds_key: str, creds: Any = None, from_environment: bool = False, *, prefix: str | None = None
    ) -> None:
        """Give credentials for a name, for as long as this object lives. They are stored nowhere.

        Args:
            creds_key: the name.
            creds: as ``creds=`` takes them for the links' storage.
            from_environment: use what this session finds by itself.
            prefix: the place they are for, below which links may lead; a token of a web server needs one.

        Raises:
            CredentialsError: the dataset has no such name, or not one of the two was given.
            UrlError: a prefix that cannot be understood.
        """
        creds = sealed(creds)
        self.link_creds.check(creds_key)
        if bool(creds) == from_environment:
            raise CredentialsError(f"give credentials for key {creds_key!r}, or from_environment=True: one of the two")
        self._host().populate(creds_key, None if from_environment else creds, prefix)

    def update_creds_key(self, creds_key: str, new_creds_key: str | None = None, managed: bool | None = None) -> None:
        """Change a name, whether a hub manages it, or both. Links follow, as they store its number.

        Args:
            creds_key: the name so far.
            new_creds_key: the new one; links of both go by it, if it exists.
            managed: whether the hub's credentials count from now on.

        Raises:
            CredentialsError: no such name, or nothing to change.
            MissingCredentialsError: the hub has no credentials of that name.
        """
        self._write(of_itself=True)
        if new_creds_key is None and managed is None:
            raise CredentialsError(f"nothing to change of key {creds_key!r}: give new_creds_key, managed, or both")
        creds = self.link_creds
        creds.check(creds_key)
        name = creds_key if new_creds_key is None else new_creds_key
        if managed:
            self._host().try_key(name)

        def changed(creds: LinkedCreds) -> None:
            if new_creds_key is not None:
                creds.rename(creds_key, new_creds_key)
            if managed is not None:
                creds.manage(name, managed=managed)

        linked_creds.change(self._state, changed)
        if managed is not None:
            self._host().rename_key(creds_key, None)
        elif new_creds_key is not None:
            self._host().rename_key(creds_key, new_creds_key)

    def change_creds_management(self, creds_key: str, managed: bool) -> None:
        """Let a hub manage a name, or not. As ``update_creds_key(creds_key, managed=managed)``."""
        self.update_creds_key(creds_key, managed=managed)

    def _host(self) -> Host:
        if self._state.host is None:
            raise UnsupportedError("a dataset that no session opened has no credentials for links")
        return self._state.host
