"""A key as somebody typed it, and the test that says at which step it fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_nb.diagnosis.verdict import tested, verdict
from deeplake_nb.errors import CredentialsError
from deeplake_nb.hub import kinds
from deeplake_nb.hub.lending import Borrowed, whole
from deeplake_nb.urls import parse
from deeplake_nb.widgets import providers
from deeplake_nb.widgets.fields import Outcome, text_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deeplake_nb.diagnosis.report import Line, Report
    from deeplake_nb.hub.protocol import KeyKind
    from deeplake_nb.session import Session
    from deeplake_nb.widgets.fields import Values


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

    def creds(self) -> Mapping[str, Any] | Borrowed:
        """As ``creds=`` takes it; a role as a function that asks for what it lends."""
        return whole(self.kind, self.fields) or Borrowed(self.kind, self.fields, parse(self.url))


def test(session: Session, choice: str, values: Values) -> Outcome:
    """How what was typed does at its place: found, parsed, reached, clock, signed, identity, list, read, write, expiry.

    Costs the doctor's requests. Nothing is kept.
    """
    labels = ", ".join(one.label for one in providers.provider_fields(choice) if one.name in values)
    kind = providers.PROVIDERS[choice].label

    def ask() -> Report:
        key = TypedKey.of(choice, values)
        return session.doctor(key.url, key.creds())

    return outcome_of(tested(f"typed here: {labels}", kind, parse(text_of(values, "url")), ask))


def is_usable(outcome: Outcome) -> bool:
    """Whether nothing but writing failed: keys for reading are keys."""
    return {line.name for line in outcome.lines if line.state == "failed"} <= {"write"}


def outcome_of(steps: Sequence[Line]) -> Outcome:
    """The steps of a test, with one sentence."""
    came_to = verdict(steps)
    return Outcome(came_to.said, is_good=came_to.is_good, lines=came_to.steps)


def tried(session: Session, org: str, name: str, url: str | None = None) -> Outcome:
    """The same for a key that the hub keeps: it is tried from where it is kept, and comes here for nothing.

    Raises:
        LakeError: it may not be tried there.
    """
    trial = session.hub().try_key(org, name, url)
    return Outcome(f"{org}/{name}: {trial.said}", is_good=trial.is_good, lines=trial.steps)
