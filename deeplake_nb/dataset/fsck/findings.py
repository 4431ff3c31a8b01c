"""What a check has found, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

State = Literal["wrong", "mended", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing.

    Attributes:
        state: ``wrong``, ``mended`` now, or a ``note`` of something that harms nobody.
        key: the object it is about.
        message: what is wrong.
        remedy: what was done, or what to do about it.
    """

    state: State
    key: str
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.state}: {self.key}: {self.message}{f' -> {self.remedy}' if self.remedy else ''}"


@dataclass(frozen=True, slots=True)
class Findings:
    """All that was found of one dataset. True when nothing is wrong, or not any more."""

    place: str
    found: tuple[Finding, ...]
    checked: str

    def __bool__(self) -> bool:
        return not self.wrong

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.found)

    def __len__(self) -> int:
        return len(self.found)

    def _of(self, state: State) -> tuple[Finding, ...]:
        return tuple(one for one in self.found if one.state == state)

    @property
    def wrong(self) -> tuple[Finding, ...]:
        """What is wrong still."""
        return self._of("wrong")

    @property
    def mended(self) -> tuple[Finding, ...]:
        """What was wrong."""
        return self._of("mended")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """What harms nobody."""
        return self._of("note")

    def _title(self) -> str:
        counts = [f"{len(self._of(state))} {state}" for state in ("wrong", "mended", "note") if self._of(state)]
        return f"{self.place}: {', '.join(counts) or 'nothing is wrong'} ({self.checked})"

    def __repr__(self) -> str:
        return "\n".join([self._title(), *(f"  {one}" for one in self.found)])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in (one.state, one.key, one.message, one.remedy))}</tr>"
            for one in self.found
        )
        return f"<div>{escape(self._title())}</div><table>{rows}</table>"
