"""Secrets at rest: each under a key of its own (AES-256-GCM), which is wrapped by a master key kept elsewhere.

A sealed value knows where it belongs: put into another row or field it does not open. Its bytes::

    1 | length of id | id of the master key | nonce, wrapped data key (12 + 48) | nonce, ciphertext (12 + n + 16)
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from deeplake_nb.errors import HubError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from deeplake_nb.hub.master_keys import MasterKey

    Where: TypeAlias = tuple[str, str, str]  # table, row, field

_VERSION = 1
_NONCE, _KEY, _TAG = 12, 32, 16
_WRAPPED = _NONCE + _KEY + _TAG


class Vault:
    """Seals and opens. Thread-safe.

    Args:
        masters: master keys, the newest first, or a function that gives them when the first secret is touched.
            The first one seals; each opens what it sealed.
    """

    def __init__(self, masters: Sequence[MasterKey] | Callable[[], Sequence[MasterKey]]) -> None:
        self._load = masters if callable(masters) else lambda: masters
        self._loaded: dict[str, MasterKey] = {}
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Vault({', '.join(self._loaded) or 'not open yet'})"

    def _masters(self) -> dict[str, MasterKey]:
        if not self._loaded:
            with self._lock:
                self._loaded = self._loaded or {master.id: master for master in self._load()}
        if not self._loaded:
            raise HubError("the hub has no master key: set DEEPLAKE_NB_HUB_KEYS, or give it a key file")
        return self._loaded

    def is_newest(self, sealed: bytes) -> bool:
        """Whether a value is under the master key that seals now."""
        return bytes(sealed).startswith(_header(next(iter(self._masters()))))

    def seal(self, secret: bytes, where: Where) -> bytes:
        """A value that opens with this vault's keys, and at this place only."""
        data_key = os.urandom(_KEY)
        return self._wrapped(data_key, where) + _encrypt(data_key, secret, _bound(where, "value"))

    def open(self, sealed: bytes, where: Where) -> bytes:
        """What was sealed.

        Raises:
            HubError: under a master key that is not here, changed since, or moved from another place.
        """
        data_key, rest = self._unwrapped(sealed, where)
        return _decrypt(data_key, rest, _bound(where, "value"), where)

    def rewrap(self, sealed: bytes, where: Where) -> bytes:
        """The same value under the newest master key; its own key stays, so that nothing is read that need not be.

        Raises:
            HubError: as `open`.
        """
        data_key, rest = self._unwrapped(sealed, where)
        return self._wrapped(data_key, where) + rest

    def _wrapped(self, data_key: bytes, where: Where) -> bytes:
        master = next(iter(self._masters().values()))
        return _header(master.id) + _encrypt(master.key(), data_key, _bound(where, "key"))

    def _unwrapped(self, sealed: bytes, where: Where) -> tuple[bytes, bytes]:
        sealed = bytes(sealed)
        head = 2 + sealed[1] if len(sealed) > 1 else 0
        if len(sealed) < head + _WRAPPED + _NONCE + _TAG or sealed[0] != _VERSION:
            raise HubError(f"the secret in {_shown(where)} is damaged: restore it from a backup, or enter it again")
        name = sealed[2:head].decode(errors="replace")
        master = self._masters().get(name)
        if master is None:
            raise HubError(
                f"the secret in {_shown(where)} is under master key {name!r}, which is not here"
                f" (here: {', '.join(self._masters())}): add it to DEEPLAKE_NB_HUB_KEYS"
            )
        body = head + _WRAPPED
        return _decrypt(master.key(), sealed[head:body], _bound(where, "key"), where), sealed[body:]


def _header(master: str) -> bytes:
    return bytes([_VERSION, len(master)]) + master.encode()


def _bound(where: Where, part: str) -> bytes:
    return "\0".join(("deeplake_nb", *where, part)).encode()


def _encrypt(key: bytes, text: bytes, bound: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, text, bound)


def _decrypt(key: bytes, text: bytes, bound: bytes, where: Where) -> bytes:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(text[:_NONCE], text[_NONCE:], bound)
    except InvalidTag:
        pass
    raise HubError(  # out here it drags no frame with a key along
        f"the secret in {_shown(where)} does not open: the master key of that id is another one, or the row was changed"
        " or moved; restore it from a backup, or enter the key again"
    )


def _shown(where: Where) -> str:
    table, row, field = where
    return f"{table}.{field} of {row}"
