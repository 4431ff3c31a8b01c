"""Objects of an S3 bucket by addresses that somebody else has signed: no key is held here."""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar
from urllib.parse import quote, unquote, urlencode

from deeplake_nb.credentials import transport
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import LakeError, StorageError
from deeplake_nb.storage import bodies, s3_errors, s3_listing
from deeplake_nb.storage.bodies import Body, BodyReads
from deeplake_nb.storage.provider import Entry, Stored, check_key, check_prefix, parts
from deeplake_nb.storage.retries import TransientError, retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from typing_extensions import Buffer

    from deeplake_nb.storage.ranges import ByteRange
    from deeplake_nb.storage.s3_listing import Page
    from deeplake_nb.urls import Url

R = TypeVar("R")
Method = Literal["GET", "PUT", "HEAD", "DELETE", "LIST"]

_log = logging.getLogger(__name__)
_MARGIN = timedelta(seconds=30)
_SHARE = 10
_MOST_ADDRESSES = 10_000
_REFUSAL_NBYTES = 1 << 16
_LARGEST_PUT_NBYTES = 5 << 30
_OK = 300
_PARTIAL, _DENIED, _PAST_END = 206, 403, 416
_BUSY = frozenset({408, 429, 500, 502, 503, 504})
_PARTS = {
    "origin": re.compile(r"^(https?://[^/?#@]+)/"),
    "began": re.compile(r"[?&]X-Amz-Date=(\d{8}T\d{6}Z)"),
    "life": re.compile(r"[?&]X-Amz-Expires=(\d{1,7})(?:&|$)"),
    "prefix": re.compile(r"[?&]prefix=([^&]*)"),
}
_CODE = re.compile(rb"<Code>(\w{1,60})</Code>")


class _Address(NamedTuple):
    """A signed address.

    Attributes:
        text: all of it.
        ends: when it is no longer to be used.
        origin: scheme and host.
        prefix: of a listing, as the bucket knows it.
    """

    text: Secret
    ends: datetime
    origin: str
    prefix: str


class _Call(NamedTuple):
    """What is sent to an address."""

    method: Method
    headers: dict[str, str]
    body: bytes | None


class _Refusal(NamedTuple):
    """An answer that is no success: its status, what S3 calls it, and its headers."""

    status: int
    code: str
    headers: Any


class PresignedStorage(BodyReads):
    """A folder of which each request is signed elsewhere, as by a hub that lends no keys.

    Addresses are kept until they end, so that reading an object again asks for nothing; one that is refused is asked
    for anew once. Long objects go in one piece, up to 5 GB, as parts cannot be signed ahead. Thread-safe.

    Args:
        url: what it is called in messages; keys are relative to it.
        presign: gives the address for a method (``GET``, ``PUT``, ``HEAD``, ``DELETE`` or ``LIST``) and a key. For
            ``LIST`` the key is the query of a listing, see `s3_listing.asked`.
        clock: gives the time, aware of its zone.
    """

    concurrency = 32

    def __init__(
        self, url: Url, presign: Callable[[Method, str], str], clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self.url = url
        self._presign = presign
        self._clock = clock
        self._addresses: OrderedDict[tuple[Method, str], _Address] = OrderedDict()
        self._made: dict[tuple[int, str], Any] = {}  # by process: a fork must not share its parent's connections
        self._lock = threading.Lock()

    # ------------------------------------------------------------------ reading

    def _get(self, key: str, asked: ByteRange | None, read: Callable[[Body], R], nothing: R) -> R:

        def answered(answer: Any) -> R:
            if answer.status == _PAST_END:
                return nothing
            ranged = answer.headers.get("Content-Range") if answer.status == _PARTIAL else None
            return read(Body(answer, bodies.length(answer), ranged))

        headers = {} if asked is None else {"Range": asked.header}
        return self._ask("get", "GET", check_key(key), answered, headers=headers)

    def size(self, key: str) -> int:
        """Bytes of the object; one HEAD."""
        return self._ask("size", "HEAD", check_key(key), lambda answer: bodies.length(answer) or 0)

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Objects in key order; one LIST per 1,000. Empty objects that stand for folders are left out."""
        for page in self._pages(check_prefix(prefix), delimiter):
            found = [Entry(stored.key, stored.nbytes) for stored in page.objects]
            yield from sorted(found + [Entry(folder, None) for folder in page.folders])

    def list_digests(self, prefix: str = "") -> Iterator[Stored]:
        """Objects with the MD5 that S3 makes of what comes in one piece (without KMS encryption)."""
        for page in self._pages(check_prefix(prefix)):
            yield from page.objects

    def _pages(self, prefix: str, delimiter: str = "") -> Iterator[Page]:
        asked = {name: value for name, value in (("prefix", prefix), ("delimiter", delimiter)) if value}
        while True:
            query = urlencode(asked, quote_via=quote, safe="")
            skip = len(self._address("LIST", query, fresh=False).prefix) - len(prefix)
            page = self._ask("list", "LIST", query, partial(s3_listing.page, skip), shown=prefix)
            yield page
            if page.more is None:
                return
            asked["continuation-token"] = page.more

    # ------------------------------------------------------------------ writing

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object; one PUT, with ``If-None-Match: *`` for ``if_absent``.

        Should the answer to a conditional put be lost on the way, its repetition finds the object there and raises
        `KeyExistsError`: a caller that must know reads the object back.
        """
        pieces = parts(data)
        if sum(map(len, pieces)) > _LARGEST_PUT_NBYTES:
            raise StorageError(f"cannot put {self.url}/{key}: presigned requests take 5 GB at most; use keys instead")
        body = data if isinstance(data, bytes) else b"".join(pieces)
        headers = {"Content-Length": str(len(body)), **({"If-None-Match": "*"} if if_absent else {})}
        self._ask("put", "PUT", check_key(key), _done, headers=headers, body=body)

    def delete(self, key: str) -> None:
        """Remove the object; one DELETE."""
        self._ask("delete", "DELETE", check_key(key), _done)

    # ------------------------------------------------------------------ requests

    def _ask(
        self,
        verb: str,
        method: Method,
        key: str,
        take: Callable[[Any], R],
        *,
        shown: str | None = None,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> R:
        """What ``take`` makes of an answer that is no refusal, tried again while it fails by chance."""
        action = f"{verb} {self.url}/{key if shown is None else shown}".rstrip("/")
        call = _Call(method, headers or {}, body)

        def attempt() -> R:
            for fresh in (False, True):
                is_kept = not fresh and (method, key) in self._addresses
                began = time.perf_counter()
                address = self._address(method, key, fresh=fresh)
                outcome = self._attempt(action, address, call, take)
                _log.debug("%s: %d bytes sent, %.1f ms", action, len(body or b""), (time.perf_counter() - began) * 1000)
                if not (is_kept and isinstance(outcome, _Refusal) and outcome.status == _DENIED):
                    break
            if isinstance(outcome, _Refusal):
                raise _failure(outcome, action)
            if isinstance(outcome, LakeError):
                raise outcome
            return outcome

        return retrying(attempt)

    def _attempt(
        self,
        action: str,
        address: _Address,
        call: _Call,
        take: Callable[[Any], R],
    ) -> R | LakeError | _Refusal:
        """What ``take`` gives, or what went wrong: not raised, for a traceback would hold the signature below."""
        sdk = transport.urllib3().exceptions
        try:
            answer = self._connections(address).urlopen(
                "GET" if call.method == "LIST" else call.method,
                address.text.reveal(),
                body=call.body,
                headers={"Accept-Encoding": "identity", "User-Agent": "deeplake-nb", **call.headers},
                preload_content=False,
                redirect=False,
                retries=False,
            )
            with answer:
                if answer.status < _OK or (answer.status == _PAST_END and "Range" in call.headers):
                    outcome = take(answer)
                    answer.drain_conn()  # or the connection would not be used again
                    return outcome
                code = _CODE.search(answer.read(_REFUSAL_NBYTES))
                return _Refusal(answer.status, code[1].decode() if code else str(answer.status), answer.headers)
        except (bodies.BodyError, sdk.HTTPError) as error:
            said = str(error) if isinstance(error, bodies.BodyError) else type(error).__name__
            return TransientError(f"cannot {action} ({said}): the connection broke: check the network")
        except LakeError as error:
            return error.with_traceback(None)

    def _address(self, method: Method, key: str, *, fresh: bool) -> _Address:
        """A signed address that is still good, from those that are kept or from whoever signs."""
        wanted = method, key
        found = self._addresses.get(wanted)
        if found is None or fresh or found.ends <= self._clock():
            found = _read_address(Secret(self._presign(method, key)), self._clock())
            if found is None:
                raise StorageError(f"{self.url} cannot be reached: whoever signs its requests gave no address of S3's")
            with self._lock:
                self._addresses[wanted] = found
                while len(self._addresses) > _MOST_ADDRESSES:
                    self._addresses.popitem(last=False)
        return found

    def _connections(self, address: _Address) -> Any:
        origin = os.getpid(), address.origin
        if origin not in self._made:
            with self._lock:
                if origin not in self._made:
                    self._made[origin] = transport.connections(address.origin, size=self.concurrency)
        return self._made[origin]


def _read_address(text: Secret, now: datetime) -> _Address | None:
    """What a signed address says of itself; None for one that S3 would not take."""
    parts = {name: pattern.search(text.reveal()) for name, pattern in _PARTS.items()}
    origin, began, life, prefix = (found[1] if found else "" for found in parts.values())
    if not (origin and began and life):
        return None
    seconds = timedelta(seconds=int(life))
    ends = datetime.strptime(began, "%Y%m%dT%H%M%S%z") + seconds - min(_MARGIN, seconds / _SHARE)
    return _Address(text, max(ends, now), origin, unquote(prefix))


def _failure(refusal: _Refusal, action: str) -> LakeError:
    """Our error for what S3 refused."""
    if refusal.status in _BUSY:
        return TransientError(f"cannot {action} ({refusal.code} from the storage): it is overloaded or broken")
    region = refusal.headers.get("x-amz-bucket-region", "")
    return s3_errors.refusal(refusal.code, action, "presigned requests", refusal.status, region)


def _done(answer: Any) -> None:
    del answer
