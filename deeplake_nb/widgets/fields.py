"""What a form is made of: fields in choices, what is done with them, and what came of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import UrlError
from deeplake_nb.urls import DiscreetText, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from deeplake_nb.credentials.provider import Declaration
    from deeplake_nb.diagnosis.report import Line

    Values = Mapping[str, Secret]

FieldKind = Literal["text", "secret", "file", "choice"]
"""How a field is filled in. ``secret`` and ``file`` (a secret that fills a file) are never shown again."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form.

    Attributes:
        name: what the value goes by.
        label: what stands beside it.
        help: one sentence.
        kind: how it is filled in.
        is_required: it may not be left empty.
        is_more: folded away until somebody asks for more.
        options: values and their labels, of a ``choice``.
        value: what it holds at first; never a secret.
        when: another field, and its values for which this one is there at all.
        read: text to value; raises ValueError, which says what was expected.
    """

    name: str
    label: str
    help: str = ""
    kind: FieldKind = "text"
    is_required: bool = False
    is_more: bool = False
    options: tuple[tuple[str, str], ...] = ()
    value: str = ""
    when: tuple[str, tuple[str, ...]] | None = None
    read: Callable[[str], object] = str

    @property
    def is_secret(self) -> bool:
        """Whether what is typed is never shown again."""
        return self.kind in ("secret", "file")


def declared(name: str, known: Declaration, *, is_required: bool = False, is_more: bool = False) -> Field:
    """A field as the credentials class declares it."""
    kind: FieldKind = "text" if not known.secret else "file" if name == "key" else "secret"
    read = str if known.secret else known.read
    return Field(name, known.label, known.help, kind, is_required, is_more, read=read)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the ways to fill in a form, with the fields that it needs and no others."""

    name: str
    label: str
    fields: tuple[Field, ...]
    help: str = ""
    actions: tuple[str, ...] | None = None
    """The actions that it knows; None: all those of the form."""


@dataclass(frozen=True, slots=True)
class Action:
    """A button. ``needs_fields``: what is filled in goes with it, checked."""

    name: str
    label: str
    is_main: bool = False
    needs_fields: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table, and what can be done with it."""

    id: str
    cells: tuple[str, ...]
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows one can do something with."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    empty: str
    """What is said when there are no rows."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a form shows.

    Attributes:
        tried: what came before it in vain, line by line.
    """

    title: str
    choices: tuple[Choice, ...] = ()
    actions: tuple[Action, ...] = ()
    intro: str = ""
    tried: tuple[Line, ...] = ()
    choice: str = ""
    choice_label: str = ""
    table: Table | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Outcome:
    """What came of an action.

    Attributes:
        said: one sentence.
        is_good: whether that is good news.
        lines: the steps of a test.
        problems: field name to what is wrong with it.
        is_done: the form has served.
        opens: another form to fill in first.
        copies: text for people to take away, such as a path.
        link: a page to open in a browser, whose answer is waited for by the action ``wait``.
        seconds: for how long.
    """

    said: str = ""
    is_good: bool = True
    lines: tuple[Line, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)
    is_done: bool = False
    opens: Panel | None = None
    copies: str = ""
    link: str = ""
    seconds: float = 0.0

    def __repr__(self) -> str:
        from deeplake_nb.diagnosis.report import Report

        return repr(Report(self.said, self.lines))


class Panel(Protocol):
    """A form's content and what its actions do; the page and the terminal both fill it in."""

    def content(self) -> Content:
        """What to show now."""

    def act(self, action: str, choice: str, values: Values) -> Outcome:
        """Do it. ``choice`` is the one that was filled in, or the row.

        Raises:
            LakeError: it cannot be done; nothing was changed.
        """

    def close(self) -> None:
        """Nobody fills it in any more."""


def is_there(one: Field, values: Values, fields: Sequence[Field]) -> bool:
    """Whether a field is asked for, given the values of others."""
    if one.when is None:
        return True
    other, wanted = one.when
    first = next((field.value for field in fields if field.name == other), "")
    return text_of(values, other, first) in wanted


def problem(one: Field, value: Secret | None) -> str:
    """What is wrong with one value; empty if nothing is."""
    text = "" if value is None else value.reveal().strip()
    if not text:
        return "fill this in" if one.is_required else ""
    if one.kind == "choice" and text not in dict(one.options):
        return "choose one of those offered"
    try:
        one.read(text)
    except ValueError as error:
        return str(error) or "this cannot be read"
    return ""


def problems(fields: Sequence[Field], values: Values) -> dict[str, str]:
    """Field name to what is wrong with it, of those that are asked for."""
    asked = [one for one in fields if is_there(one, values, fields)]
    found = {one.name: problem(one, values.get(one.name)) for one in asked}
    return {name: what for name, what in found.items() if what}


def text_of(values: Values, name: str, otherwise: str = "") -> str:
    """A value that is no secret, without the spaces around it; a place in it shows no password to a traceback."""
    found = values.get(name)
    return DiscreetText(found.reveal().strip()) if found is not None and found.reveal().strip() else otherwise


def place(*schemes: str) -> Callable[[str], object]:
    """A reader of urls of these schemes; of any scheme if none is named."""

    def read(text: str) -> object:
        try:
            url = parse(text)
        except UrlError as error:
            raise ValueError(str(error)) from None
        if schemes and url.scheme not in schemes:
            raise ValueError(f"expected {' or '.join(f'{scheme}://…' for scheme in schemes)}")
        return url

    return read


def sealed_values(pairs: Iterable[tuple[str, Any]]) -> dict[str, Secret]:
    """Texts by name, none of which is shown; what is no text is left out."""
    return {name: Secret(text) for name, text in pairs if isinstance(text, str)}
