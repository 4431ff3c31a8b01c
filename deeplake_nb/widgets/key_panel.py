"""The form for credentials: choose how, fill in what that needs, test it, keep it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import CredentialsError, LakeError, PermissionDeniedError
from deeplake_nb.hub import kinds
from deeplake_nb.urls import parse
from deeplake_nb.widgets import providers
from deeplake_nb.widgets.fields import Action, Choice, Content, Field, Outcome, declared, text_of
from deeplake_nb.widgets.sign_in_panel import ENVIRON, GoogleSignIn
from deeplake_nb.widgets.typed_key import TypedKey, is_usable, outcome_of, test

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.diagnosis.report import Line
    from deeplake_nb.hub.protocol import ManagedKey
    from deeplake_nb.session import Session
    from deeplake_nb.widgets.fields import Values

_TEST = Action("test", "Test")
_SAVE = Action("save", "Save", is_main=True)
_SIGN_IN = Action("sign_in", "Sign in with Google", is_main=True)
_GIVE_UP = Action("give_up", "Not now", needs_fields=False)
_SESSION = "session"
_OWN = "me"  # in this user's own hub an organisation comes into being when it is first written to


class KeyPanel:
    """New credentials, for this session or as a managed key of an organisation.

    Args:
        session: whose they are.
        url: the place they are for; empty: it is asked for.
        intro: why they are asked for.
        tried: what was found of them before, source by source.
        org: the organisation whose managed key is to be made; None leaves the choice.
        only: the one choice to offer.
        saved: is called once they are kept, with the name of the managed key, or None; what it says is shown. If
            credentials are what it lacks, others can be given.
        given_up: is called when somebody would rather not; without it, there is no such button.
    """

    def __init__(
        self,
        session: Session,
        url: str = "",
        *,
        intro: str = "",
        tried: tuple[Line, ...] = (),
        org: str | None = None,
        only: str = "",
        saved: Callable[[str | None], str] = lambda _: "",
        given_up: Callable[[], None] | None = None,
    ) -> None:
        self._session = session
        self._url = url
        self._intro = intro
        self._tried = tried
        self._only = only
        self._saved = saved
        self._given_up = given_up
        self._failed: TypedKey | None = None  # whose test somebody has seen fail
        self._orgs = administered(session) if org is None else (org,)
        self._is_managed = org is not None
        self._sign_in = GoogleSignIn()

    def content(self) -> Content:
        """One choice per provider."""
        scheme = self._url.partition("://")[0] if "://" in self._url else ""
        found = providers.choices(self._url, after=self._where_to(), scheme=scheme)
        if self._is_managed:
            found = tuple(choice for choice in found if choice.name != providers.BROWSER)
        if self._only:
            found = tuple(choice for choice in found if choice.name == self._only)
        actions: tuple[Action, ...] = (_TEST, _SAVE, _SIGN_IN, *self._sign_in.actions)
        if self._given_up is not None:
            actions += (_GIVE_UP,)
            found = tuple(replace(one, actions=(*(one.actions or ()), _GIVE_UP.name)) for one in found)
        title = "Credentials" if not scheme else f"Credentials for {parse(self._url)}"
        return Content(title, found, actions, self._intro, self._tried, choice_label="Provider")

    def act(self, action: str, choice: str, values: Values) -> Outcome:
        """Test or keep what was filled in, or sign in.

        What was not tested is tested before it is kept. What fails is kept if one asks for that once more, or at once
        with the value ``untested``.

        Raises:
            LakeError: it is no such key, or cannot be kept.
        """
        if choice not in providers.PROVIDERS:
            raise CredentialsError(f"there is no provider {choice!r}: choose one of {', '.join(providers.PROVIDERS)}")
        if action == _GIVE_UP.name and self._given_up is not None:
            self.close()
            self._given_up()
            return Outcome("Nothing was kept.", is_done=True)
        if choice == providers.BROWSER:
            outcome = self._sign_in.act(action, values)
            return self._signed_in(values) if outcome is None else outcome
        if action == "test":
            return self._tested(choice, values)
        self._check_place(values)
        key = TypedKey.of(choice, values)
        if key == self._failed or "untested" in values:
            return self._kept(key, values)
        outcome = self._tested(choice, values)
        if is_usable(outcome):
            return replace(self._kept(key, values), lines=outcome.lines)
        return replace(outcome, said=f"Nothing was kept. {outcome.said} Save once more to keep it all the same.")

    def close(self) -> None:
        """End a sign-in that is under way, and forget what was typed."""
        self._failed = None
        self._sign_in.close()

    def _where_to(self) -> tuple[Field, ...]:
        name = Field("name", "Name of the key", "Datasets and links name it so: letters, digits, _, - and ..",
                     is_required=True, when=("keep", self._orgs))  # fmt: skip
        if self._is_managed:
            only = Field("keep", "Keep", kind="choice", options=((self._orgs[0], f"for {self._orgs[0]}"),),
                         value=self._orgs[0])  # fmt: skip
            return (only, name)
        if not self._orgs:
            return ()
        options = ((_SESSION, "in this session only"), *((org, f"encrypted, as a key of {org}") for org in self._orgs))
        keep = Field("keep", "Keep", "In this session: until the kernel ends, and in no file.", "choice",
                     options=options, value=_SESSION)  # fmt: skip
        return (keep, name)

    def _tested(self, choice: str, values: Values) -> Outcome:
        outcome = test(self._session, choice, values)
        with suppress(CredentialsError):  # what is no key is not kept either
            self._failed = None if is_usable(outcome) else TypedKey.of(choice, values)
        return outcome

    def _check_place(self, values: Values) -> str:
        """Where to keep it."""
        org = text_of(values, "keep", self._orgs[0] if self._is_managed else _SESSION)
        if org not in (_SESSION, *self._orgs):
            raise CredentialsError(f"keep these credentials in this session, or in one of {', '.join(self._orgs)}")
        return org

    def _kept(self, key: TypedKey, values: Values) -> Outcome:
        org = self._check_place(values)
        self._failed = None
        if org == _SESSION:
            self._session.keep_creds(key.url, key.creds())
            return self._done(None, f"Kept for {parse(key.url)} in this session.")
        name = text_of(values, "name")
        made = self._session.hub().add_key(org, name, key.kind, key.fields, prefixes=[key.url])
        return self._done(made.name, f"Kept as the managed key {made.name!r} of {org}, for {parse(key.url)}.")

    def _signed_in(self, values: Values) -> Outcome:
        url = text_of(values, "url")
        self._session.keep_creds(url, credentials_from(parse(url), "cache", environ=ENVIRON))
        trial = outcome_of(self._session.doctor(url).steps)
        done = self._done(None, f"Signed in; kept on this machine, and used for {parse(url)}. {trial.said}")
        return replace(done, is_good=done.is_good and trial.is_good, lines=trial.lines)

    def _done(self, name: str | None, said: str) -> Outcome:
        try:
            more = self._saved(name)
        except LakeError as error:  # they are kept; what was to go on with them is another matter
            can_mend = isinstance(error, (CredentialsError, PermissionDeniedError))
            return Outcome(f"{said} Then: {error}", is_good=False, is_done=not can_mend)
        return Outcome(" ".join(filter(None, (said, more))), is_done=True)


class RotatePanel:
    """New secrets for a managed key under its name."""

    def __init__(self, session: Session, key: ManagedKey) -> None:
        self._session = session
        self._key = key

    def content(self) -> Content:
        """The fields of its kind."""
        kind = kinds.KINDS[self._key.kind]
        sure = set(kind.required[0]) if len(kind.required) == 1 else set()
        shown = self._key.shown
        fields = tuple(
            declared(name, known, is_required=name in sure, is_more=not known.secret and name not in sure)
            for name, known in kind.fields.items()
        )
        filled = tuple(one if one.is_secret else replace(one, value=shown.get(one.name, "")) for one in fields)
        overlap = Field("overlap", "Overlap", "Hours for which the former secrets still help.", value="0", read=_hours)
        choice = Choice(self._key.kind, kind.label, (*filled, overlap), kind.help)
        return Content(f"Rotate {self._key.name} of {self._key.org}", (choice,), (Action("rotate", "Rotate", True),))

    def act(self, action: str, choice: str, values: Values) -> Outcome:
        """Replace the secrets.

        Raises:
            LakeError: they are no such key; the former ones stay.
        """
        del action, choice
        fields = {name: values[name] for name in kinds.KINDS[self._key.kind].fields if name in values}
        seconds = int(_hours(text_of(values, "overlap", "0")) * 3600)
        self._session.hub().rotate_key(self._key.org, self._key.name, fields, overlap_seconds=seconds)
        return Outcome(f"{self._key.name} has new secrets.", is_done=True)

    def close(self) -> None:
        """Nothing is under way."""


def administered(session: Session) -> tuple[str, ...]:
    """Organisations one may make keys in; none where no hub can be asked."""
    try:
        hub = session.hub()
        orgs = [org for org, role in hub.whoami().orgs.items() if role == "admin"]
    except LakeError:
        return ()
    first = [_OWN] if hub.url == "embedded" and _OWN not in orgs else []
    return (*first, *orgs)


def _hours(text: str) -> float:
    hours = float(text)
    if not 0 <= hours <= 720:  # noqa: PLR2004 - 30 days
        raise ValueError("expected hours, 0 to 720")
    return hours
