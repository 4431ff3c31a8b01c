"""What was done or refused, as a chain: each entry's digest covers the one before it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select, update

from deeplake_nb.errors import HubError
from deeplake_nb.hub.protocol import AuditEntry
from deeplake_nb.hub.tables import AUDIT, AUDIT_HEADS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.engine import Connection


def digest(entry: AuditEntry, before: str) -> str:
    """SHA-256 over all of an entry but its digest, and the digest before it (``""`` for the first).

    Why it was refused is covered where it was: entries of before there were refusals keep their digests.
    """
    content = [
        before,
        entry.number,
        entry.at.isoformat(timespec="microseconds"),
        entry.who,
        entry.action,
        entry.org,
        entry.subject,
        entry.prefix,
        entry.mode,
        *filter(None, (entry.refused,)),
    ]
    return hashlib.sha256(json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def verify(entries: Iterable[AuditEntry], before: AuditEntry | None = None) -> AuditEntry | None:
    """Follow a chain; gives its last entry.

    Args:
        entries: in order, of one organisation.
        before: the entry before the first of them; None: the first is the very first.

    Raises:
        HubError: an entry was changed, taken out or put in; names the first that does not fit.
    """
    for entry in entries:
        number, last = (before.number, before.digest) if before is not None else (0, "")
        if entry.number != number + 1 or entry.digest != digest(entry, last):
            raise HubError(
                f"the record of {entry.org or 'the hub'!r} was tampered with: entry {entry.number} does not follow"
                f" entry {number}; compare with a backup"
            )
        before = entry
    return before


def record(  # noqa: PLR0917
    connection: Connection,
    at: datetime,
    who: str,
    action: str,
    org: str,
    subject: str = "",
    prefix: str = "",
    mode: str = "",
    refused: str = "",
) -> None:
    """Add an entry, inside a write to that organisation."""
    head = connection.execute(select(AUDIT_HEADS).where(AUDIT_HEADS.c.org == org)).first()
    number, before = (head.number, head.digest) if head is not None else (0, "")
    entry = AuditEntry(number + 1, at, who, action, org, subject, prefix, mode, refused=refused)
    entry = replace(entry, digest=digest(entry, before))
    values = {name: getattr(entry, name) for name in AUDIT.c.keys()}  # noqa: SIM118 - a collection, no dict
    connection.execute(insert(AUDIT), values)
    if head is None:
        connection.execute(insert(AUDIT_HEADS), {"org": org, "number": entry.number, "digest": entry.digest})
    else:
        changed = update(AUDIT_HEADS).where(AUDIT_HEADS.c.org == org)
        connection.execute(changed.values(number=entry.number, digest=entry.digest))


def entries(connection: Connection, org: str, after: int, limit: int) -> list[AuditEntry]:
    """Entries in order, from the one after ``after``."""
    found = select(AUDIT).where(AUDIT.c.org == org, AUDIT.c.number > after).order_by(AUDIT.c.number).limit(limit)
    return [_entry(row) for row in connection.execute(found)]


def check(connection: Connection, org: str, *, batch: int = 1000) -> int:
    """Follow the whole chain of an organisation to its end; gives the number of entries.

    Raises:
        HubError: it was tampered with, or its last entries are gone.
    """
    last: AuditEntry | None = None
    while some := entries(connection, org, last.number if last else 0, batch):
        last = verify(some, last)
    head = connection.execute(select(AUDIT_HEADS).where(AUDIT_HEADS.c.org == org)).first()
    there = (last.number, last.digest) if last is not None else None
    noted = (head.number, head.digest) if head is not None else None
    if there != noted:
        raise HubError(
            f"the record of {org or 'the hub'!r} was tampered with: it ends at entry {last.number if last else 0},"
            f" and should at {head.number if head is not None else 0}; compare with a backup"
        )
    return last.number if last is not None else 0


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(**{name: getattr(row, name) for name in AUDIT.c.keys()})  # noqa: SIM118 - a collection, no dict
