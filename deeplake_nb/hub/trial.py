"""Trying a managed key out: the doctor's walk, with what the key lends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.diagnosis.doctor import examine
from deeplake_nb.errors import LakeError, UnsupportedError
from deeplake_nb.hub.lending import whole
from deeplake_nb.hub.managed import opened
from deeplake_nb.hub.protocol import Trial
from deeplake_nb.hub.vending import vend
from deeplake_nb.storage.http import HttpStorage
from deeplake_nb.storage.open import open_storage

if TYPE_CHECKING:
    from deeplake_nb.hub.domain import HubCore
    from deeplake_nb.hub.managed import Key
    from deeplake_nb.storage.provider import StorageProvider
    from deeplake_nb.urls import Url


def tried(core: HubCore, key: Key, url: Url) -> Trial:
    """How the key does at a place: listing, writing, locking, reading and deleting there, with one small object."""
    try:
        said = _said(core, key, url)
    except LakeError as error:
        said = str(error)
    return Trial(core.clock(), not said, said.replace("\0", "") or "all went well")


def _said(core: HubCore, key: Key, url: Url) -> str:
    fields = opened(core.vault, key)
    core.check_addresses(fields, key, (url,))
    creds = whole(key.kind, fields)
    if creds is None:
        lent = vend(
            key.kind, fields, url, "w", clock=core.clock, lends_itself=True, external_id=key.external_id or None
        )
        creds = lent.creds
    if creds is None:
        raise UnsupportedError(f"a key of kind {key.kind} lends nothing that could be tried at {url}")
    provider = credentials_from(url, creds, environ={}, clock=core.clock)
    if url.scheme in ("http", "https"):
        storage: StorageProvider = HttpStorage(url, provider, lambda place: core.check_addresses({}, key, (place,)))
    else:
        storage = open_storage(url, provider)
    report = examine(storage, provider, core.clock)
    return "; ".join(
        f"{line.name}: {line.said}" + (f" -> {line.advice}" if line.advice else "") for line in report.failures
    )
