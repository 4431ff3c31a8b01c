"""What was done in an organisation of a hub, as a value that prints as text and shows as a table."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deeplake_nb.hub.protocol import AuditEntry, Hub

_COLUMNS = ("number", "time", "who", "action", "subject", "prefix", "mode", "refused")
_PAGE = 1000
_SHOWN = 60
"""Lines in a cell, the newest ones: the record of years has hundreds of thousands."""


@dataclass(frozen=True, slots=True)
class AuditTable:
    """The record of an organisation, oldest first. It holds no secret; of a long one the newest lines are shown."""

    org: str
    entries: tuple[AuditEntry, ...]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[AuditEntry]:
        return iter(self.entries)

    def __getitem__(self, number: int) -> AuditEntry:
        return self.entries[number]

    def __repr__(self) -> str:
        rows = [_COLUMNS, *map(_row, self.entries[-_SHOWN:])]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = (
            "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )
        return "\n".join((self._title, *lines))

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="text-align: left">{name}</th>' for name in _COLUMNS)
        rows = "".join(f"<tr>{''.join(map(_cell, _row(entry)))}</tr>" for entry in self.entries[-_SHOWN:])
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        return f'<p>{escape(self._title)}</p><div style="overflow-x: auto">{table}</div>'

    @property
    def _title(self) -> str:
        shown = f", the last {_SHOWN} of {len(self)}" if len(self) > _SHOWN else ""
        return f"what was done in {self.org}{shown}"


def audit_table(hub: Hub, org: str) -> AuditTable:
    """The whole record, asked for page by page.

    Raises:
        PermissionDeniedError: for admins of the organisation only.
    """
    entries: list[AuditEntry] = []
    while True:
        page = hub.audit(org, after=entries[-1].number if entries else 0, limit=_PAGE)
        entries += page
        if len(page) < _PAGE:
            return AuditTable(org, tuple(entries))


def _cell(text: str) -> str:
    return f'<td style="text-align: left; white-space: nowrap">{escape(text)}</td>'


def _row(entry: AuditEntry) -> tuple[str, ...]:
    time = f"{entry.at:%Y-%m-%d %H:%M:%S}"
    return str(entry.number), time, entry.who, entry.action, entry.subject, entry.prefix, entry.mode, entry.refused
