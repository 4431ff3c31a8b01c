"""Lines that say how each thing stands: a value that prints as text and shows as a table."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from typing import Literal, get_args

State = Literal["ok", "in force", "none", "failed", "unknown", "overridden", "not asked", "skipped"]
Step = Literal["", "found", "parsed", "reached", "clock", "signed", "identity", "list", "read", "write", "expiry"]
"""What a line answers of a test of credentials, in the order in which each can fail."""

_WIDTH = 110
_COLOURS: dict[State, str] = {"ok": "seagreen", "in force": "seagreen", "failed": "crimson", "unknown": "darkorange"}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing: how it stands, what it is, what was found, what to do about it, and the step of a test it answers."""

    state: State
    name: str
    said: str
    advice: str = ""
    step: Step = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Lines under a title. True when nothing failed."""

    title: str
    lines: tuple[Line, ...]

    def __bool__(self) -> bool:
        return not self.failures

    @property
    def failures(self) -> tuple[Line, ...]:
        """The lines that failed."""
        return tuple(line for line in self.lines if line.state == "failed")

    @property
    def steps(self) -> tuple[Line, ...]:
        """The lines that answer a step of a test, called after it, in the order of the steps."""
        found = {line.step: line for line in reversed(self.lines) if line.step}
        found |= {line.step: line for line in reversed(self.failures) if line.step}
        return tuple(replace(found[step], name=step) for step in get_args(Step) if step in found)

    def __getitem__(self, name: str) -> Line:
        """The line of that name; the first, if there are several.

        Raises:
            KeyError: there is none.
        """
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(name)

    def __repr__(self) -> str:
        states = max((len(line.state) for line in self.lines), default=0)
        names = max((len(line.name) for line in self.lines), default=0)
        indent = " " * (states + names + 6)
        wrap = partial(textwrap.wrap, width=_WIDTH, break_long_words=False, break_on_hyphens=False)
        text = [self.title]
        for line in self.lines:
            first = f"  {line.state:<{states}}  {line.name:<{names}}  "
            said = f"{line.said}\n-> {line.advice}" if line.advice else line.said
            for number, part in enumerate(said.splitlines() or [""]):
                start = indent if number else first
                text += wrap(part, initial_indent=start, subsequent_indent=indent) or [start]
        return "\n".join(line.rstrip() for line in text)

    def _repr_html_(self) -> str:
        return (
            f'<div class="deeplake-nb-report"><p style="margin: 0 0 4px"><strong>{escape(self.title)}</strong></p>'
            f"<table><tbody>{''.join(map(_row, self.lines))}</tbody></table></div>"
        )


def _row(line: Line) -> str:
    style = "text-align: left; vertical-align: top"
    # words in the page's own ink: no colour can be read on a light ground and on a dark one
    mark = f'<span aria-hidden="true" style="color: {_COLOURS.get(line.state, "gray")}">●</span>'
    state = f"{mark} {escape(line.state)}"
    said = escape(line.said)
    if line.advice:
        said += f"<br><em>{escape(line.advice)}</em>"
    short = f"{style}; white-space: nowrap"
    cells = [(short, state), (short, f"<strong>{escape(line.name)}</strong>"), (style, said)]
    return "<tr>" + "".join(f'<td style="{how}">{cell}</td>' for how, cell in cells) + "</tr>"
