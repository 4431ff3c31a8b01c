"""All the keys there are: those of this session, and the managed ones of one's organisations; and the form for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

from deeplake_nb.errors import CredentialsError
from deeplake_nb.hub.kinds import KINDS
from deeplake_nb.urls import parse
from deeplake_nb.widgets.fields import Action, Choice, Content, Field, Outcome, Row, Table, place, text_of
from deeplake_nb.widgets.key_panel import KeyPanel, RotatePanel
from deeplake_nb.widgets.typed_key import outcome_of, tried

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from deeplake_nb.hub.protocol import ManagedKey
    from deeplake_nb.session import Session
    from deeplake_nb.urls import Url
    from deeplake_nb.widgets.fields import Values

_COLUMNS = ("Key", "Kind", "Shown", "For", "Used by", "Last test", "Expires")
_SESSION = "this session"
_OF_SESSION = ("test", "rotate", "delete")  # it goes by its place, and has no name
_OF_ADMIN = ("test", "rotate", "rename", "delete")


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key, without its secrets: a managed one, or one that is kept for this session only (``managed`` None).

    ``actions`` are what one can do with it.
    """

    url: Url | None
    managed: ManagedKey | None
    actions: tuple[str, ...]

    @property
    def id(self) -> str:
        """What it goes by: ``org/name``, or the place of a key of this session."""
        return f"{self.managed.org}/{self.managed.name}" if self.managed is not None else str(self.url)

    @property
    def cells(self) -> tuple[str, ...]:
        """What the table says of it."""
        key = self.managed
        if key is None:
            return (str(self.url), _SESSION, "", f"{self.url}", "", "", "with the kernel")
        known = KINDS[key.kind].fields
        labels = {name: known[name].label if name in known else name for name in key.shown}
        shown = ", ".join(f"{labels[name]} {value}" for name, value in key.shown.items())
        trial = "never" if key.trial is None else f"{'good' if key.trial.is_good else 'failed'}, {_day(key.trial.at)}"
        return (
            self.id,
            KINDS[key.kind].label,
            shown,
            ", ".join(str(parse(prefix)) for prefix in key.prefixes) or "any place",
            ", ".join(key.used_by) or "nothing yet",
            trial,
            "never" if key.expires_at is None else _day(key.expires_at),
        )


@dataclass(frozen=True, slots=True)
class KeyTable:
    """Keys, as a value that prints as text and shows as a table."""

    rows: tuple[KeyRow, ...]

    def __iter__(self) -> Iterator[KeyRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        if not self.rows:
            return _EMPTY
        lines = [_COLUMNS, *(row.cells for row in self.rows)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(_COLUMNS))]
        return "\n".join(
            "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def _repr_html_(self) -> str:
        if not self.rows:
            return f"<p>{escape(_EMPTY)}</p>"
        head = "".join(f"<th>{escape(name)}</th>" for name in _COLUMNS)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row.cells) + "</tr>" for row in self)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def keys(session: Session, org: str | None = None) -> KeyTable:
    """The keys of an organisation, or of all whose keys one may see and of this session.

    Raises:
        HubError: the hub cannot be asked.
    """
    hub = session.hub()
    roles = hub.whoami().orgs
    orgs = [org] if org is not None else [name for name, role in roles.items() if role != "reader"]
    rows = [] if org is not None else [KeyRow(url, None, _OF_SESSION) for url in session.keyring.kept()]
    can = {name: _OF_ADMIN if role == "admin" else () for name, role in roles.items()}
    return KeyTable((*rows, *(KeyRow(None, key, can.get(key.org, ())) for one in orgs for key in hub.keys(one))))


def key_row(session: Session, name: str) -> KeyRow:
    """One key by ``org/name``, by its name alone where only one has it, or by the place of a key of this session.

    Raises:
        CredentialsError: there is none, or more than one.
    """
    found = [row for row in keys(session) if name in (row.id, row.managed and row.managed.name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise CredentialsError(f"{name!r} is the name of several keys: write {' or '.join(row.id for row in found)}")
    known = ", ".join(row.id for row in keys(session)) or "none so far"
    raise CredentialsError(f"there is no key {name!r}: {known}")


class KeyTablePanel:
    """Every key with what can be done with it."""

    def __init__(self, session: Session, org: str | None = None) -> None:
        self._session = session
        self._org = org

    def content(self) -> Content:
        """The table, as it is now."""
        rows = tuple(Row(row.id, row.cells, _buttons(row.actions)) for row in keys(self._session, self._org))
        add = Action("add", "Add a key", is_main=True, needs_fields=False)
        return Content("Keys", actions=(add,), table=Table(_COLUMNS, rows, _EMPTY))

    def act(self, action: str, choice: str, values: Values) -> Outcome:
        """Add one, or do something with the one in the row ``choice``.

        Raises:
            LakeError: it cannot be done; nothing was changed.
        """
        del values
        if action == "add":
            return Outcome(opens=KeyPanel(self._session, org=self._org))
        return act_on(self._session, key_row(self._session, choice), action)

    def close(self) -> None:
        """Nothing is under way."""


def act_on(session: Session, row: KeyRow, action: str) -> Outcome:
    """Test, rotate, rename or delete one key; what needs an answer opens a form.

    Raises:
        LakeError: it cannot be done; nothing was changed.
    """
    key = row.managed
    if key is None:
        assert row.url is not None
        return _act_on_kept(session, row.url, action)
    match action:
        case "test" if key.prefixes:
            return tried(session, key.org, key.name)
        case "test":
            return Outcome(opens=OneFieldPanel(
                f"Test {row.id}", Field("url", "Place", "Where to try it.", is_required=True,
                                        read=place(KINDS[key.kind].scheme)), "Test",
                lambda url: replace(tried(session, key.org, key.name, url), is_done=True)))  # fmt: skip
        case "rotate":
            return Outcome(opens=RotatePanel(session, key))
        case "rename":
            return Outcome(opens=OneFieldPanel(
                f"Rename {row.id}", Field("name", "New name", "The old one goes on meaning it.", is_required=True),
                "Rename", lambda name: _renamed(session, key, name)))  # fmt: skip
        case "delete":
            session.hub().delete_key(key.org, key.name)
            return Outcome(f"{row.id} is deleted.")
    raise CredentialsError(f"{action!r} is nothing one can do with a key")


def _act_on_kept(session: Session, url: Url, action: str) -> Outcome:
    match action:
        case "test":
            return outcome_of(session.doctor(url).steps)
        case "rotate":
            return Outcome(opens=KeyPanel(session, str(url)))
        case "delete":
            session.forget_creds(url)
            return Outcome(f"What was kept for {url} is forgotten.")
    return Outcome("A key of this session goes by its place, and has no other name.", is_good=False)


def _renamed(session: Session, key: ManagedKey, name: str) -> Outcome:
    made = session.hub().rename_key(key.org, key.name, name)
    return Outcome(f"{key.name} is called {made.name} now; the old name goes on meaning it.", is_done=True)


class OneFieldPanel:
    """One question."""

    def __init__(self, title: str, field: Field, label: str, done: Callable[[str], Outcome]) -> None:
        self._title = title
        self._field = field
        self._label = label
        self._done = done

    def content(self) -> Content:
        """The question."""
        return Content(self._title, (Choice("only", "", (self._field,)),), (Action("go", self._label, is_main=True),))

    def act(self, action: str, choice: str, values: Values) -> Outcome:
        """Do what it is asked for.

        Raises:
            LakeError: it cannot be done.
        """
        del action, choice
        return self._done(text_of(values, self._field.name))

    def close(self) -> None:
        """Nothing is under way."""


def _buttons(verbs: Iterable[str]) -> tuple[Action, ...]:
    return tuple(Action(verb, verb.capitalize(), needs_fields=False) for verb in verbs)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


_EMPTY = "There are no keys yet: %lake creds add makes one."
