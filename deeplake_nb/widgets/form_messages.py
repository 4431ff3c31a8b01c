"""What the kernel tells the page of a form; ``js/src/form/messages.ts`` mirrors it. Nothing here is a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired, TypedDict

from deeplake_nb.widgets.messages import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deeplake_nb.diagnosis.report import Line
    from deeplake_nb.widgets.fields import Action, Content, Field, Outcome


LineMessage = tuple[str, str, str, str]
"""State, name, what was found, advice."""


class FieldMessage(TypedDict):
    """One field."""

    name: str
    label: str
    help: str
    kind: str
    required: bool
    more: bool
    options: Sequence[tuple[str, str]]
    value: str
    when: NotRequired[tuple[str, tuple[str, ...]]]


class ActionMessage(TypedDict):
    """One button."""

    name: str
    label: str
    main: bool
    fields: bool


class ChoiceMessage(TypedDict):
    """One way to fill in the form."""

    name: str
    label: str
    help: str
    fields: list[FieldMessage]
    actions: list[ActionMessage]


RowMessage = tuple[str, tuple[str, ...], list[ActionMessage]]
"""An id, the cells, and what can be done with it."""


class TableMessage(TypedDict):
    """Rows one can do something with."""

    columns: Sequence[str]
    rows: list[RowMessage]
    empty: str


class ContentMessage(TypedDict):
    """A whole form."""

    title: str
    intro: str
    tried: list[LineMessage]
    choice: str
    choice_label: str
    choices: list[ChoiceMessage]
    actions: list[ActionMessage]
    back: bool
    table: NotRequired[TableMessage]


class OutcomeMessage(TypedDict):
    """What came of an action."""

    said: str
    good: bool
    done: bool
    lines: list[LineMessage]
    problems: Mapping[str, str]
    copies: str
    link: str
    seconds: float


class ProgressMessage(TypedDict):
    """How far an action is that takes long; sent unasked."""

    v: int
    id: int
    kind: str
    said: str
    share: float | None


def progress_message(said: str, share: float | None) -> ProgressMessage:
    """How far it is, for the wire."""
    return {"v": VERSION, "id": 0, "kind": "progress", "said": said, "share": share}


def content_message(content: Content, *, has_back: bool) -> ContentMessage:
    """A form for the wire."""
    first = content.choices[0].name if content.choices else ""
    message: ContentMessage = {
        "title": content.title,
        "intro": content.intro,
        "tried": [_line(one) for one in content.tried],
        "choice": content.choice or first,
        "choice_label": content.choice_label,
        "choices": [
            {
                "name": choice.name,
                "label": choice.label,
                "help": choice.help,
                "fields": [_field(one) for one in choice.fields],
                "actions": [
                    _action(one) for one in content.actions if choice.actions is None or one.name in choice.actions
                ],
            }
            for choice in content.choices
        ],
        "actions": [_action(one) for one in content.actions],
        "back": has_back,
    }
    if content.table is not None:
        message["table"] = {
            "columns": content.table.columns,
            "rows": [(row.id, row.cells, [_action(one) for one in row.actions]) for row in content.table.rows],
            "empty": content.table.empty,
        }
    return message


def outcome_message(outcome: Outcome, *, is_done: bool) -> OutcomeMessage:
    """An outcome for the wire."""
    return {
        "said": outcome.said,
        "good": outcome.is_good,
        "done": is_done,
        "lines": [_line(one) for one in outcome.lines],
        "problems": outcome.problems,
        "copies": outcome.copies,
        "link": outcome.link,
        "seconds": outcome.seconds,
    }


def _line(one: Line) -> LineMessage:
    return (one.state, one.name, one.said, one.advice)


def _field(one: Field) -> FieldMessage:
    message: FieldMessage = {
        "name": one.name,
        "label": one.label,
        "help": one.help,
        "kind": one.kind,
        "required": one.is_required,
        "more": one.is_more,
        "options": one.options,
        "value": str(one.value),  # text of another class is no text to marimo
    }
    if one.when is not None:
        message["when"] = one.when
    return message


def _action(one: Action) -> ActionMessage:
    return {"name": one.name, "label": one.label, "main": one.is_main, "fields": one.needs_fields}
