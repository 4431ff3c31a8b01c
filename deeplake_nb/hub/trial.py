"""Trying a managed key out where it is kept: the doctor's walk, step by step, and no secret in what it tells."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.diagnosis.doctor import examine
from deeplake_nb.diagnosis.verdict import tested, verdict
from deeplake_nb.hub.kinds import KINDS
from deeplake_nb.hub.lending import Borrowed, whole
from deeplake_nb.hub.managed import opened
from deeplake_nb.hub.protocol import Trial
from deeplake_nb.hub.wire import plain
from deeplake_nb.storage.http import HttpStorage
from deeplake_nb.storage.open import open_storage

if TYPE_CHECKING:
    from deeplake_nb.diagnosis.report import Line, Report
    from deeplake_nb.hub.domain import HubCore
    from deeplake_nb.hub.managed import Key
    from deeplake_nb.storage.provider import StorageProvider
    from deeplake_nb.urls import Url

_LONGEST = 2000  # characters of a line that is kept: a cloud's own words can be long


def tried(core: HubCore, key: Key, url: Url) -> Trial:
    """How the key does at a place: the ten steps, with one small object that is written, read and removed there."""
    found = f"kept by the hub as {key.name!r}"
    steps = tested(found, KINDS[key.kind].label, url, lambda: _report(core, key, url))
    came_to = verdict(tuple(map(_plain, steps)))
    return Trial(core.clock(), came_to.is_good, came_to.said, came_to.steps)


def _report(core: HubCore, key: Key, url: Url) -> Report:
    fields = opened(core.vault, key)
    core.check_addresses(fields, key, (url,))
    creds = whole(key.kind, fields) or Borrowed(key.kind, fields, url, core.clock, key.external_id or None)
    provider = credentials_from(url, creds, environ={}, clock=core.clock)
    if url.scheme in ("http", "https"):
        storage: StorageProvider = HttpStorage(url, provider, lambda place: core.check_addresses({}, key, (place,)))
    else:
        storage = open_storage(url, provider)
    return examine(storage, provider, core.clock)


def _plain(line: Line) -> Line:
    """What a storage said, as it can be kept."""
    return replace(line, said=plain(line.said, _LONGEST), advice=plain(line.advice, _LONGEST))
