"""A key as somebody typed it, and the test that says at which step it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_nb.diagnosis.report import Line
from deeplake_nb.errors import CredentialsError, ExpiredCredentialsError
from deeplake_nb.hub import kinds
from deeplake_nb.hub.lending import whole
from deeplake_nb.urls import parse
from deeplake_nb.widgets import providers
from deeplake_nb.widgets.fields import Outcome, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deeplake_nb.hub.protocol import KeyKind
    from deeplake_nb.session import Session
    from deeplake_nb.widgets.fields import Values

_WORK = ("list", "read", "write")
_ENDS = ("found", "parsed", "reached", "signed")  # nothing after one of these tells anything more


@dataclass(frozen=True, slots=True, repr=False)
class TypedKey:
    """A key as it was filled in: checked, its secrets sealed.

    Attributes:
        kind: what it is a key of.
        fields: by name.
        url: the place it is for.
    """

    kind: KeyKind
    fields: Mapping[str, Any]
    url: str

    @classmethod
    def of(cls, choice: str, values: Values) -> TypedKey:
        """What one choice of a form holds.

        Raises:
            CredentialsError: it is no such key.
        """
        provider = providers.PROVIDERS[choice]
        if provider.kind is None:
            raise CredentialsError(f"{provider.label} keeps no key: sign in with it")
        names = {*provider.required, *provider.optional, *provider.more}
        fields = kinds.read(provider.kind, {name: values[name] for name in sorted(names & set(values))})
        return cls(provider.kind, fields, text_of(values, "url"))

    def creds(self) -> Mapping[str, Any] | Callable[[], Mapping[str, Any]]:
        """As ``creds=`` takes it; a role as a function that asks for what it lends."""
        given = whole(self.kind, self.fields)
        return given if given is not None else _Lent(self)


@dataclass(frozen=True, slots=True, repr=False)
class _Lent:
    """What a key lends, asked for when it is needed."""

    key: TypedKey

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"the {kinds.KINDS[self.key.kind].label.removeprefix('AWS ')}"

    def __call__(self) -> Mapping[str, Any]:
        from deeplake_nb.hub.vending import vend

        lent = vend(self.key.kind, self.key.fields, self.key.url, "w")
        if lent.creds is None:
            raise CredentialsError(f"a key of kind {self.key.kind} lends nothing for {parse(self.key.url)}")
        return {**lent.creds, "expires_at": lent.expires_at} if lent.expires_at else lent.creds


def test(session: Session, choice: str, values: Values) -> Outcome:
    """How what was typed does at its place: found, parsed, reached, clock, signed, identity, list, read, write, expiry.

    Costs the doctor's requests. Nothing is kept.
    """
    labels = ", ".join(one.label for one in providers.provider_fields(choice) if one.name in values)
    found = Line("ok", "found", f"typed here: {labels}")
    try:
        key = TypedKey.of(choice, values)
        report = session.doctor(key.url, key.creds())
    except CredentialsError as error:
        step = "expiry" if isinstance(error, ExpiredCredentialsError) else "parsed"
        return outcome_of((found, Line("failed", step, str(error), "correct that field, then test again")))
    steps = report.steps
    masked = steps[0].said.partition(": ")[2] if steps[0].state == "in force" else kinds.KINDS[key.kind].label
    parsed = Line("ok", "parsed", masked)
    rest = [line for line in steps if line.name != "found" or line.state == "failed"]
    # A role is found on this machine, not in the form; what is no whole key was not parsed.
    before = {"found": [], "parsed": [found]}.get(rest[0].name, [found, parsed])
    return outcome_of(before + rest)


def outcome_of(steps: Sequence[Line]) -> Outcome:
    """The steps of a test, with one sentence."""
    end = next((place for place, line in enumerate(steps) if line.state == "failed" and line.name in _ENDS), len(steps))
    lines = tuple(steps[: end + 1])
    works = ", ".join(line.name for line in lines if line.state == "ok" and line.name in _WORK)
    failed = ", ".join(line.name for line in lines if line.state == "failed")
    if not failed:
        return Outcome(f"This works: {works}." if works else "This works.", lines=lines)
    does = f" What works: {works}." if works else ""
    return Outcome(f"This fails at: {failed}.{does}", is_good=False, lines=lines)
