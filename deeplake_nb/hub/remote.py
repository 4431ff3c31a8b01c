"""A hub on a server: the protocol over HTTP."""
# mypy: disable-error-code="no-any-return"
# ruff: noqa: D102 - the protocol says what each method does; what it gives is read by the protocol's own types

from __future__ import annotations

import json
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from deeplake_nb.credentials import transport
from deeplake_nb.credentials.provider import Environment, Secret, sealed, without_frames
from deeplake_nb.errors import HubError, HubTokenError, LakeError, UrlError
from deeplake_nb.hub import routes
from deeplake_nb.hub.wire import from_json, to_json
from deeplake_nb.storage.retries import pauses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deeplake_nb.hub.protocol import (
        AuditEntry,
        DatasetEntry,
        Identity,
        KeyKind,
        Lent,
        ManagedKey,
        Mode,
        Page,
        Resolved,
        Role,
        Storage,
        Token,
        Trial,
    )

_log = logging.getLogger(__name__)
_ATTEMPTS = 4
_LONGEST_PAUSE_SECONDS = 10.0
_UNAUTHORIZED, _TOO_MANY = 401, 429
_AWAY = frozenset({502, 503, 504})
_OURSELVES = ("localhost", "127.0.0.1", "::1")
_CONNECTIONS = 16


_QUERY = routes.Route("POST", "/api/query/dataset/{org}/{name}", "Rows that a query means")
"""As the original asks; beside the hub protocol, which knows nothing of what is in datasets."""


class _PassingError(HubError):
    """Worth another attempt; never leaves this file as this class."""

    after_seconds = 0.0


class HubClient:
    """One user's view of a hub server. Thread-safe, and in a forked process it makes its own connections.

    Nothing is asked until a method is called. What fails by chance is tried four times, in a second or so; what may
    not be done twice is repeated only where it surely was not done.

    Args:
        url: where the server is: ``https://hub.example.org``. By plain http only on this machine, or where
            ``DEEPLAKE_NB_HUB_INSECURE=yes`` says so: every request carries the token.
        token: an API token; without one, what ``deeplake_nb.hub.sign_in`` finds for the address.
        environ: where those are looked for.
        sleep: waits, in seconds.

    Raises:
        UrlError: an address that cannot be, or not safely.
        HubTokenError: no token was given, and none was found.
    """

    def __init__(
        self,
        url: str,
        token: Secret | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        environ = Environment(os.environ) if environ is None else environ
        self._url = _address(url, environ)
        if token is None:
            from deeplake_nb.hub.sign_in import token_for

            token = token_for(self._url, environ)
        self._token = token
        self._sleep = sleep
        self._made: tuple[int, Any] | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"HubClient({self._url!r})"

    @property
    def url(self) -> str:
        return self._url

    def close(self) -> None:
        """Let the connections go; the next request makes new ones."""
        with self._lock:
            made, self._made = self._made, None
        if made is not None:
            made[1].clear()

    def whoami(self) -> Identity:
        return self._ask("whoami")

    def resolve(
        self, org: str, name: str, mode: Mode | None = None, *, fresh: bool = False, anew: bool = False
    ) -> Resolved:
        return self._ask("resolve", org=org, name=name, mode=mode, fresh=fresh, anew=anew)

    def create(self, org: str, name: str, *, is_public: bool = False) -> DatasetEntry:
        return self._ask("create", org=org, name=name, is_public=is_public)

    def connect(self, url: str, org: str, name: str | None = None, creds_key: str | None = None) -> DatasetEntry:
        return self._ask("connect", url=url, org=org, name=name, creds_key=creds_key)

    def dataset(self, org: str, name: str) -> DatasetEntry:
        return self._ask("dataset", org=org, name=name)

    def datasets(self, org: str, *, after: str | None = None, limit: int = 100) -> Page[DatasetEntry]:
        return self._ask("datasets", org=org, after=after, limit=limit)

    def rename(self, org: str, name: str, new_name: str) -> DatasetEntry:
        return self._ask("rename", org=org, name=name, new_name=new_name)

    def set_public(self, org: str, name: str, is_public: bool) -> DatasetEntry:
        return self._ask("set_public", org=org, name=name, is_public=is_public)

    def delete(self, org: str, name: str) -> None:
        self._ask("delete", org=org, name=name)

    def presign(self, org: str, name: str, method: str, key: str, *, ttl_seconds: int = 3600) -> str:
        return self._ask("presign", org=org, name=name, method=method, key=key, ttl_seconds=ttl_seconds)

    def orgs(self) -> tuple[str, ...]:
        return self._ask("orgs")

    def create_org(self, org: str) -> None:
        self._ask("create_org", org=org)

    def users(self) -> tuple[str, ...]:
        return self._ask("users")

    def create_user(self, user: str, *, is_administrator: bool = False) -> tuple[str, Token]:
        return self._ask("create_user", user=user, is_administrator=is_administrator)

    def delete_user(self, user: str) -> None:
        self._ask("delete_user", user=user)

    def members(self, org: str) -> Mapping[str, Role]:
        return self._ask("members", org=org)

    def set_member(self, org: str, user: str, role: Role | None) -> None:
        self._ask("set_member", org=org, user=user, role=role)

    def default_storage(self, org: str) -> Storage:
        return self._ask("default_storage", org=org)

    def set_default_storage(self, org: str, url: str | None, creds_key: str | None = None) -> Storage:
        return self._ask("set_default_storage", org=org, url=url, creds_key=creds_key)

    def keys(self, org: str) -> Sequence[ManagedKey]:
        return self._ask("keys", org=org)

    def add_key(
        self,
        org: str,
        name: str,
        kind: KeyKind,
        fields: Mapping[str, Any],
        *,
        prefixes: Sequence[str] = (),
        lends_itself: bool = False,
    ) -> ManagedKey:
        fields = sealed(fields)
        return self._ask(
            "add_key", org=org, name=name, kind=kind, fields=fields, prefixes=prefixes, lends_itself=lends_itself
        )

    def rotate_key(self, org: str, name: str, fields: Mapping[str, Any], *, overlap_seconds: int = 0) -> ManagedKey:
        fields = sealed(fields)
        return self._ask("rotate_key", org=org, name=name, fields=fields, overlap_seconds=overlap_seconds)

    def rename_key(self, org: str, name: str, new_name: str) -> ManagedKey:
        return self._ask("rename_key", org=org, name=name, new_name=new_name)

    def delete_key(self, org: str, name: str, *, force: bool = False) -> None:
        self._ask("delete_key", org=org, name=name, force=force)

    def try_key(self, org: str, name: str, url: str | None = None) -> Trial:
        return self._ask("try_key", org=org, name=name, url=url)

    def lend(self, org: str, name: str, *, url: str | None = None, mode: Mode = "r", fresh: bool = False) -> Lent:
        return self._ask("lend", org=org, name=name, url=url, mode=mode, fresh=fresh)

    def presign_link(self, org: str, name: str, url: str, *, ttl_seconds: int = 3600) -> str:
        return self._ask("presign_link", org=org, name=name, url=url, ttl_seconds=ttl_seconds)

    def provisioning(self, org: str, name: str) -> str:
        return self._ask("provisioning", org=org, name=name)

    def create_token(
        self,
        label: str,
        *,
        scope: Role = "writer",
        org: str | None = None,
        ttl_seconds: int | None = None,
        as_jwt: bool = False,
    ) -> tuple[str, Token]:
        return self._ask("create_token", label=label, scope=scope, org=org, ttl_seconds=ttl_seconds, as_jwt=as_jwt)

    def tokens(self) -> Sequence[Token]:
        return self._ask("tokens")

    def revoke_token(self, token_id: str) -> None:
        self._ask("revoke_token", token_id=token_id)

    def audit(self, org: str, *, after: int = 0, limit: int = 1000) -> Sequence[AuditEntry]:
        return self._ask("audit", org=org, after=after, limit=limit)

    def query(self, org: str, name: str, text: str, version: str | None = None) -> Mapping[str, Any]:
        """Let the server run a query in a dataset's own data: ``indices``, the rows, and ``data``."""
        route = _QUERY
        address = self._url + route.path.format_map(_Quoted(org=org, name=name))
        status, headers, body = self._sent(route, address, {"query": text, "version": version})
        if not 200 <= status < 300:  # noqa: PLR2004 - as HTTP has it
            raise self._refusal(route, status, headers, body)
        found = json.loads(body)
        return found if isinstance(found, dict) else {}

    # ------------------------------------------------------------------ one request

    def _ask(self, method: str, /, **given: Any) -> Any:
        waits = pauses(_ATTEMPTS)
        while True:
            try:
                return self._asked(method, given)
            except _PassingError as error:
                wait = next(waits, None)
                if wait is None:
                    raise HubError(str(error)) from error.__cause__
                self._sleep(min(max(wait, error.after_seconds), _LONGEST_PAUSE_SECONDS))

    def _asked(self, method: str, given: Mapping[str, Any]) -> Any:
        route = routes.ROUTES[method]
        rest = {key: value for key, value in given.items() if key not in route.in_path}
        address = self._url + routes.BASE + route.path.format_map(_Quoted(given))
        in_query = route.verb in {"GET", "DELETE"}
        if in_query and rest:
            address += "?" + urlencode({key: _sendable(value) for key, value in rest.items() if value is not None})
        status, headers, body = self._sent(route, address, None if in_query else rest)
        _log.debug("hub %s: %d, %d bytes", method, status, len(body))
        if not 200 <= status < 300:  # noqa: PLR2004 - as HTTP has it
            raise self._refusal(route, status, headers, body)
        hint = routes.answer_of(method)
        try:
            return None if hint is type(None) else from_json(hint, json.loads(body))
        except ValueError as error:
            reason = str(error) if not isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else "no JSON"
        raise HubError(f"{self._url} answered {method} with something else than a hub does ({reason}): is it a hub?")

    def _sent(self, route: routes.Route, address: str, body: Any) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer."""
        sdk = transport.urllib3()
        broken = sdk.exceptions
        try:
            answer = self._pool().request(
                route.verb,
                address,
                body=None if body is None else json.dumps(to_json(body)).encode(),
                headers={"Authorization": f"Bearer {self._token.reveal()}", "Content-Type": "application/json"},
                retries=False,
                redirect=False,
            )
        except (broken.SSLError, broken.HTTPError, ValueError) as error:
            failure, cause = self._unreached(route, error, broken), without_frames(error)
        else:
            return answer.status, answer.headers, answer.data
        raise failure from cause

    def _unreached(self, route: routes.Route, error: Exception, broken: Any) -> HubError:
        reason = type(getattr(error, "reason", None) or error).__name__
        if isinstance(error, broken.SSLError):
            return HubError(f"the certificate of {self._url} is not trusted: set SSL_CERT_FILE to its authority's file")
        if isinstance(error, broken.NewConnectionError | broken.ConnectTimeoutError | broken.ProxyError):
            return _PassingError(
                f"no hub answers at {self._url} ({reason}): start it there with `deeplake-nb hub serve`, "
                "or set DEEPLAKE_NB_HUB to where it is"
            )
        if route.is_repeatable:
            return _PassingError(f"{self._url} broke off without an answer ({reason}): look into the server's log")
        return HubError(
            f"{self._url} broke off without an answer ({reason}), and may have done what was asked ({route.says}): "
            "look before you repeat it"
        )

    def _refusal(self, route: routes.Route, status: int, headers: Mapping[str, str], body: bytes) -> LakeError:
        try:
            said = json.loads(body)
            kind, description = str(said["kind"]), str(said["description"])
        except (ValueError, KeyError, TypeError):
            kind, description = "", f"{self._url} answered with status {status}: is it a hub, and is it up?"
        if status == _TOO_MANY or (status in _AWAY and route.is_repeatable):
            passing = _PassingError(description)
            wait = headers.get("Retry-After", "")
            passing.after_seconds = float(wait) if wait.isdecimal() else 0.0
            return passing
        if status == _UNAUTHORIZED:
            return HubTokenError(f"{description} Run `deeplake-nb login {self._url}` with a new token")
        return _kinds().get(kind, HubError)(description)

    def _pool(self) -> Any:
        made = self._made
        if made is None or made[0] != os.getpid():
            with self._lock:
                made = self._made
                if made is None or made[0] != os.getpid():
                    is_direct = urlsplit(self._url).hostname in _OURSELVES  # a proxy would read the token
                    pool = transport.connections(self._url, size=_CONNECTIONS, is_direct=is_direct)
                    made = self._made = os.getpid(), pool
        return made[1]


class _Quoted(dict[str, Any]):
    """Parameters as parts of a path."""

    def __getitem__(self, name: str) -> str:
        value = _sendable(super().__getitem__(name))
        if value in {"", ".", ".."} or set("/\\\0") & set(value):  # a proxy, or the library itself, would read it anew
            raise UrlError(f"{value[:50]!r} is no name: letters, digits, '_', '-' and '.', not '.' first")
        return quote(value, safe="")


def _sendable(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        pass
    else:
        return text
    raise UrlError(f"{text[:50]!r} is no text: it has half a character")


def _address(url: str, environ: Mapping[str, str]) -> str:
    """The address without a slash at its end.

    Raises:
        UrlError: it cannot be, or not safely.
    """
    try:
        parts = urlsplit(url)
        is_fine = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
        is_fine = is_fine and not (parts.username or parts.password or parts.query or parts.fragment)
    except ValueError:
        is_fine = False
    if not is_fine:
        raise UrlError("a hub's address is https://host[:port][/path], without a user, a query or a fragment")
    is_safe = parts.scheme == "https" or parts.hostname in _OURSELVES
    if not is_safe and environ.get("DEEPLAKE_NB_HUB_INSECURE", "").lower() != "yes":
        raise UrlError(
            f"{url} is not encrypted, and every request would show the token to the network: "
            "use https://, or set DEEPLAKE_NB_HUB_INSECURE=yes where nobody listens"
        )
    return url.rstrip("/")


def _kinds() -> dict[str, type[LakeError]]:
    """Every error class by its ``kind``."""
    found: dict[str, type[LakeError]] = {}
    pending: list[type[LakeError]] = [LakeError]
    while pending:
        one = pending.pop()
        found.setdefault(one.kind, one)
        pending += one.__subclasses__()
    return found
