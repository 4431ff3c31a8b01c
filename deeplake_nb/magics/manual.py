"""What ``%lake help`` and ``%lake?`` print, written out of the table of verbs. Pure."""

from __future__ import annotations

import textwrap

from deeplake_nb.magics.command import Call
from deeplake_nb.magics.commands import VERBS, usage
from deeplake_nb.magics.grammar import parse

_COLUMNS = 80
"""So wide is a terminal; a page that is narrower than a line breaks it within words."""


def overview() -> str:
    """Every verb with its first sentence, and where to read on."""
    rows = [(usage(verb).removesuffix(" [--code]"), _sentence(verb)) for verb in VERBS]
    lines = [f"  {written}\n{textwrap.indent(textwrap.fill(says, _COLUMNS - 6), ' ' * 6)}" for written, says in rows]
    return "\n".join(
        (
            "%lake VERB ...: datasets, opened and looked at from a cell.",
            "",
            *lines,
            "",
            "%lake help VERB explains one. A verb's value can be kept: ds = %lake load URL.",
        )
    )


def page(verb: str) -> str:
    """Everything about one verb: usage, arguments, an example and the Python it equals."""
    command = VERBS[verb]
    rows = [(", ".join(a.words) + (f" {a.metavar}" if a.metavar else ""), a.help) for a in command.arguments()]
    width = max((len(written.strip()) for written, _ in rows), default=0)
    lines = [usage(verb), "", f"  {command.__doc__}"]
    if rows:
        lines += ["", *(f"  {written.strip():<{width}}  {says}" for written, says in rows)]
    lines += ["", f"  Example  %lake {command.example}"]
    example = parse(command.example)
    if isinstance(example, Call):
        lines.append(f"  equals   {example.python}")
    return "\n".join(lines)


def _sentence(verb: str) -> str:
    return (VERBS[verb].__doc__ or "").partition("\n")[0]
