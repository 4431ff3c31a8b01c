"""Signing in through a browser: OAuth's authorization code with PKCE, and two ways back for the answer.

The browser may run on another machine than this process. A listener on 127.0.0.1 takes the answer where it does not;
where it does, the browser ends on a page that cannot load, and the address of that page is handed to `SignIn.paste`.
"""

from __future__ import annotations

import contextlib
import hmac
import logging
import re
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from deeplake_nb.credentials.loopback import Listener
from deeplake_nb.credentials.provider import Secret, without_frames
from deeplake_nb.errors import CredentialsError, LakeError, MissingDependencyError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

SECONDS = 300.0
_TOKEN_SECONDS = 60
_WORD = re.compile(r"[a-z_]{1,40}")
_REFUSALS = {
    "access_denied": "the consent was refused: sign in again and allow it",
    "invalid_grant": "the code was used already or came too late: sign in again",
    "invalid_client": "the OAuth client was deleted or its secret changed: give the file of one that is valid",
    "unauthorized_client": "the OAuth client may not do this: give the file of a client of kind Desktop",
}


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """The application that asks for access in the user's name, as Google's console calls it; ``source`` is its file."""

    client_id: str
    client_secret: Secret
    auth_uri: str
    token_uri: str
    source: str


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user allowed a client to do, for as long as they do not take it back."""

    client: OAuthClient
    scope: str
    refresh_token: Secret


class SignIn:
    """One sign-in under way. Thread-safe; it is over after `wait`, `cancel`, a ``with`` block, or its time.

    Anybody who shows ``url`` and calls `wait` in a thread of their choice can lead it: a prompt, a form, a test.
    Requests and pasted texts that do not belong to this sign-in change nothing.

    Attributes:
        url: the link to open in a browser, on whatever machine; it holds no secret.

    Args:
        client: on whose behalf.
        scope: what to ask for.
        keep: is given the grant before `wait` returns it.
        seconds: how long an answer is waited for.
        clock: seconds, as ``time.monotonic``.
    """

    def __init__(
        self,
        client: OAuthClient,
        scope: str,
        *,
        keep: Callable[[Grant], None] = lambda _: None,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._scope, self._keep = client, scope, keep
        self._clock, self._end, self._seconds = clock, clock() + seconds, seconds
        self._state = secrets.token_urlsafe(24)
        self._answer: Secret | None = None
        self._grant: Grant | None = None
        self._failure: LakeError | None = None
        self._news = threading.Event()
        self._turn = threading.Lock()  # of whoever ends the waiting
        self._lock = threading.Lock()  # of whoever gets the grant
        with contextlib.ExitStack() as until_started:
            listener = until_started.enter_context(Listener(self._take))
            self._redirect = listener.address
            self._flow = _flow(client, scope, self._redirect, self._state)
            self.url: str = _link(self._flow, client)
            listener.start(until=lambda: self.is_answered)
            until_started.pop_all()

    @property
    def is_answered(self) -> bool:
        """Whether the browser's answer has come (or the sign-in ended otherwise), so that `wait` returns soon."""
        return self._news.is_set() or self.seconds_left <= 0

    @property
    def seconds_left(self) -> float:
        """How long an answer is still waited for."""
        return max(self._end - self._clock(), 0.0)

    def paste(self, text: str) -> None:
        """Take the address of the page on which the browser ended; a second answer is ignored.

        Raises:
            CredentialsError: the text is something else, which is said; the sign-in goes on.
        """
        address = "".join(text.split()).strip("'\"<>")
        query = Secret((address.partition("?")[2] or address).partition("#")[0])
        del text, address
        self._take(query)

    def wait(self, timeout: float | None = None) -> Grant | None:
        """The grant, once the browser has answered; ``None`` if ``timeout`` seconds pass before. Any thread may wait.

        Raises:
            CredentialsError: refused, cancelled, nobody answered in time, or less was allowed than asked for.
            StorageError: the server that gives tokens cannot be reached.
        """
        left = self.seconds_left
        self._news.wait(left if timeout is None else min(timeout, left))
        with self._lock:
            if self._grant is None and self._failure is None:
                if self._answer is not None:
                    self._exchange(self._answer)
                elif not self.is_answered:
                    return None
                else:
                    self._failure = CredentialsError(f"nobody signed in within {self._seconds:.0f} s: sign in again")
            self._news.set()
        if self._failure is not None:
            raise type(self._failure)(str(self._failure)) from self._failure.__cause__
        return self._grant

    def cancel(self) -> None:
        """End it; `wait` raises from now on, unless it is done already."""
        with self._turn:
            if not self._news.is_set():
                self._failure = CredentialsError("the sign-in was cancelled")
                self._news.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.cancel()

    def _take(self, query: Secret) -> None:
        """The answer in the query of an address, if it is the one waited for."""
        fields = {name: values[-1] for name, values in parse_qs(query.reveal()).items()}
        state, code, refusal = fields.get("state", ""), Secret(fields.get("code", "")), fields.get("error")
        is_link, is_whole = "code_challenge" in fields, bool({"code", "error"} & set(fields))
        fields.clear()
        if is_link:
            raise CredentialsError("this is the link to open: paste the address of the page on which the browser ends")
        if not is_whole:
            raise CredentialsError(f"expected the whole address of that page, as {self._redirect}?state=…&code=…")
        if not hmac.compare_digest(state.encode(), self._state.encode()):
            raise CredentialsError("this belongs to another sign-in: open the newest link")
        with self._turn:
            if self._news.is_set():
                return
            if refusal is None:
                self._answer = code
            else:
                self._failure = _refused(refusal)
            self._news.set()

    def _exchange(self, code: Secret) -> None:
        """The code against a grant; sets the outcome."""
        self._failure = CredentialsError("the sign-in was interrupted: sign in again")
        flow, self._flow = self._flow, None
        try:
            refresh_token, granted = _fetch(flow, code)
            if self._scope not in granted:
                raise CredentialsError("storage was not allowed: sign in again, and leave its box ticked")
            if refresh_token is None:
                raise CredentialsError("no refresh token came back: take this application's access away, and try again")
            grant = Grant(self._client, self._scope, refresh_token)
            self._keep(grant)
        except LakeError as error:
            self._failure = error
        else:
            self._grant, self._failure = grant, None


def _flow(client: OAuthClient, scope: str, redirect: str, state: str) -> Any:
    try:
        from google_auth_oauthlib.flow import Flow  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependencyError(
            "signing in needs google-auth-oauthlib: `pip install google-auth-oauthlib`"
        ) from error
    for name in ("requests_oauthlib.oauth2_session", "requests_oauthlib.oauth2_auth"):
        logging.getLogger(name).addFilter(_no_debug)
    settings = {
        "client_id": client.client_id,
        "auth_uri": client.auth_uri,
        "token_uri": client.token_uri,
        "client_secret": client.client_secret.reveal(),
    }
    verifier = secrets.token_urlsafe(64)
    return Flow.from_client_config(
        {"installed": settings}, [scope], redirect_uri=redirect, state=state, code_verifier=verifier
    )


def _link(flow: Any, client: OAuthClient) -> str:
    from oauthlib.oauth2 import InsecureTransportError  # type: ignore[import-untyped]

    try:
        return str(flow.authorization_url(access_type="offline", prompt="consent")[0])
    except InsecureTransportError:
        pass
    raise CredentialsError(f"auth_uri of the OAuth client in {client.source} is not https")


def _no_debug(record: logging.LogRecord) -> bool:
    """Drops the lines in which the SDK prints codes and tokens."""
    return record.levelno > logging.DEBUG


def _fetch(flow: Any, code: Secret) -> tuple[Secret | None, frozenset[str]]:
    """The refresh token, if one came, and the scopes that were granted.

    Raises:
        CredentialsError: the code was refused.
        StorageError: no answer, or none that can be understood.
    """
    import requests
    from oauthlib.oauth2 import OAuth2Error

    token: Any = None
    try:
        token = flow.fetch_token(code=code.reveal(), timeout=_TOKEN_SECONDS)
    except Warning as other_scopes:  # how the SDK says that others were granted than asked for
        token = getattr(other_scopes, "token", {})
    except OAuth2Error as error:
        failure, cause = _refused(str(error.error)), without_frames(error)
    except requests.RequestException as error:
        error.request = error.response = None  # the request holds the code
        reason, cause = type(error).__name__, without_frames(error)
        failure = StorageError(f"the server that gives tokens cannot be reached ({reason}): check the network")
    except ValueError as error:
        cause = without_frames(error)
        failure = StorageError(f"the server that gives tokens cannot be understood ({type(error).__name__})")
    if token is None:
        raise failure from cause
    refresh_token = token.get("refresh_token")
    scopes = token.get("scope") or flow.oauth2session.scope
    token.clear()
    return Secret(refresh_token) if refresh_token else None, frozenset(scopes)


def _refused(code: str) -> LakeError:
    code = code if _WORD.fullmatch(code) else "no reason given"
    advice = _REFUSALS.get(code, "sign in again")
    return CredentialsError(f"the sign-in was refused ({code}): {advice}")
