"""Objects on a web server, for reading: public datasets and linked files."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar
from urllib.parse import unquote, urljoin

from deeplake_nb.credentials import transport
from deeplake_nb.errors import ReadOnlyError, StorageError, UnsupportedError
from deeplake_nb.storage import bodies, http_errors
from deeplake_nb.storage.bodies import Body, BodyReads
from deeplake_nb.storage.provider import Check, Entry, check_key
from deeplake_nb.storage.ranges import ByteRange
from deeplake_nb.storage.retries import retrying
from deeplake_nb.urls import Url, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from typing_extensions import Buffer

    from deeplake_nb.credentials.provider import CredentialProvider, Secret

R = TypeVar("R")

_log = logging.getLogger(__name__)
_MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_PARTIAL, _PAST_END = 206, 416
_NO_HEAD = (400, 403, 405, 501)  # what is signed for GET refuses HEAD


class HttpStorage(BodyReads):
    """``https://host/folder``: GET and HEAD, with ranges. Web servers list nothing and take nothing.

    Proxies come from ``HTTPS_PROXY`` and the like, certificates from the system. A user and password in the address
    go to its own server only, and so does a bearer token: a redirect elsewhere takes none along, and none leads from
    https to http. The log has one line per request.

    Args:
        url: the folder.
        credentials: give the token, if there is one.
        may_lead_to: raises for an address that no redirect may be followed to.
    """

    concurrency = 32

    def __init__(
        self,
        url: Url,
        credentials: CredentialProvider | None = None,
        may_lead_to: Callable[[Url], None] = lambda _: None,
    ) -> None:
        self.url = url
        self._may_lead_to = may_lead_to
        self._credentials = credentials
        self._made: Any = None
        self._process = 0
        self._lock = threading.Lock()

    def _get(self, key: str, asked: ByteRange | None, read: Callable[[Body], R], nothing: R) -> R:

        def answered(answer: Any) -> R:
            if answer.status == _PAST_END and asked is not None:
                return nothing
            ranged = answer.headers.get("Content-Range") if answer.status == _PARTIAL else None
            return read(Body(answer, bodies.length(answer), ranged))

        return self._request("get", key, asked, answered)

    def size(self, key: str) -> int:
        """Bytes of the object; one HEAD, then a GET of one byte where the server answers no HEAD."""

        def by_head(answer: Any) -> int | None:
            return None if answer.status in _NO_HEAD else bodies.length(answer)

        def by_get(answer: Any) -> int | None:
            if answer.status == _PAST_END:
                return 0
            total = answer.headers.get("Content-Range", "").rpartition("/")[2]
            return int(total) if total.isdecimal() else bodies.length(answer) if answer.status != _PARTIAL else None

        nbytes = self._request("size", key, None, by_head)
        if nbytes is None:
            nbytes = self._request("get", key, ByteRange(0, 1), by_get)
        if nbytes is None:
            raise StorageError(f"cannot size {self.target(key)}: the server does not tell how long it is")
        return nbytes

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Refused."""
        del prefix, delimiter
        raise UnsupportedError(
            f"cannot list {self.url}: web servers have no listing to rely on; give the address of a dataset or file"
        )

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Refused."""
        del data, if_absent
        self._refuse("put", key)

    def delete(self, key: str) -> None:
        """Refused."""
        self._refuse("delete", key)

    def _refuse(self, verb: str, key: str) -> NoReturn:
        raise ReadOnlyError(f"cannot {verb} {self.target(key)}: web servers are for reading; use another storage")

    def endpoint(self) -> str:
        """Where requests go."""
        return f"{self.url.scheme}://{_host(self.url)}"

    def checks(self) -> Sequence[Check]:
        """Who we are."""
        if self._credentials is not None:
            return (Check("identity", lambda: "whoever the token stands for"),)
        said = "a user and password" if "@" in self.url.authority else "a query" if self.url.query else ""
        return (Check("identity", lambda: f"{said} in the address" if said else "nobody: no credentials are sent"),)

    def target(self, key: str) -> Url:
        """The address of an object; a query of the root goes with it."""
        return replace(self.url.join(check_key(key)), query=self.url.query)

    # ------------------------------------------------------------------ requests

    def _request(self, verb: str, key: str, asked: ByteRange | None, answered: Callable[[Any], R]) -> R:
        target = self.target(key)
        method, says_how = ("HEAD", _NO_HEAD) if verb == "size" else ("GET", (_PAST_END,) if asked else ())

        def attempt() -> R:
            began = time.perf_counter()
            status = "no answer"
            try:
                with http_errors.ours(f"{verb} {target}"), self._answer(method, target, asked) as answer:
                    status = str(answer.status)
                    if answer.status not in says_how:
                        http_errors.check(answer, f"{verb} {target}", has_token=self._credentials is not None)
                    return answered(answer)
            finally:
                milliseconds = (time.perf_counter() - began) * 1000
                _log.debug("%s %s: %s, %.1f ms", verb, target, status, milliseconds)

        return retrying(attempt)

    @contextlib.contextmanager
    def _answer(self, method: str, target: Url, asked: ByteRange | None) -> Iterator[Any]:
        """The answer at the end of all redirects, its body not read yet."""
        place = target
        for _ in range(_MOST_REDIRECTS + 1):
            answer = self._send(method, place, asked, is_own=_origin(place) == _origin(target))
            try:
                if answer.status not in _REDIRECTS or "Location" not in answer.headers:
                    yield answer
                    return
                place = _redirected(place, answer.headers["Location"], target)
                self._may_lead_to(place)
            finally:  # a connection is kept if the answer was read to its end
                answer.drain_conn() if method == "HEAD" else answer.close()
        raise StorageError(f"cannot get {target}: it leads elsewhere more than {_MOST_REDIRECTS} times")

    def _send(self, method: str, place: Url, asked: ByteRange | None, *, is_own: bool) -> Any:
        headers = {"Accept-Encoding": "identity", "User-Agent": "deeplake-nb"}
        if asked is not None:
            headers["Range"] = asked.header
        token = self._token() if is_own else None
        if token is not None:
            headers["Authorization"] = f"Bearer {token.reveal()}"
        elif is_own and "@" in self.url.authority:
            user = unquote(self.url.authority.rpartition("@")[0])
            headers |= transport.urllib3().make_headers(basic_auth=user)
        address = replace(place, authority=_host(place)).reveal()
        return self._connections(place).request(
            method,
            address,
            headers=headers,
            preload_content=False,
            decode_content=False,
            redirect=False,
            retries=False,
        )

    def _token(self) -> Secret | None:
        found = self._credentials() if self._credentials is not None else None
        return getattr(found, "token", None)

    def _connections(self, place: Url) -> Any:
        origin = _origin(place)
        with self._lock:
            if self._process != os.getpid():  # a forked child would share its parent's connections
                self._process, self._made = os.getpid(), {}
            if origin not in self._made:
                self._made[origin] = transport.connections(f"{origin[0]}://{origin[1]}", size=self.concurrency)
            return self._made[origin]


class HttpFiles(HttpStorage):
    """Files of one server by their whole addresses: a key is all that follows the host, as written."""

    def target(self, key: str) -> Url:
        """The address; nothing in it is quoted or checked."""
        path, _, query = key.partition("?")
        return replace(self.url, path=path, query=query)


class SignedFiles(HttpStorage):
    """Files of any storage, each by an address that somebody else signs for one GET; what it asks for is a secret."""

    def __init__(self, url: Url, sign: Callable[[str], str]) -> None:
        super().__init__(url)
        self._sign = sign

    def target(self, key: str) -> Url:
        """A new address; texts show it without what makes it valid."""
        return parse(self._sign(key))


def _redirected(place: Url, location: str, target: Url) -> Url:
    found = parse(urljoin(place.reveal(), location))
    if not found.scheme.startswith("http") or (place.scheme, found.scheme) == ("https", "http"):
        raise StorageError(
            f"cannot get {target}: it leads from {place.scheme} to {found.scheme}, which is not followed"
        )
    return found


def _origin(url: Url) -> tuple[str, str]:
    return url.scheme, _host(url)


def _host(url: Url) -> str:
    return url.authority.rpartition("@")[2]
