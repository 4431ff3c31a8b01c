"""Requests to the JSON API of Google Cloud Storage: signed, tried again, and with errors that are ours."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import quote

from deeplake_nb.credentials import transport
from deeplake_nb.credentials.gcs import GcsCredentials, chain
from deeplake_nb.credentials.provider import Environment, Secret, without_frames
from deeplake_nb.errors import CredentialsError, LakeError, MissingCredentialsError
from deeplake_nb.storage import bodies, gcs_errors
from deeplake_nb.storage.retries import retrying
from deeplake_nb.urls import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.urls import Url

R = TypeVar("R")

_log = logging.getLogger(__name__)
_GOOGLE = "https://storage.googleapis.com"
_NOT_FOUND = 404
_REFUSAL_NBYTES = 1 << 16
DONE = frozenset({200, 201, 204, 206})
"""Statuses of success."""


class Answer(NamedTuple):
    """A successful answer of the storage, its body not read yet."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Api:
    """The way to one bucket. Thread-safe, and in a forked process it makes its own connections.

    The SDK gives the tokens, and asks what is asked now and then (`gcs_sdk`); requests for objects are made here, as
    its own way through costs five times the processor time. The credentials are asked for each request, so that those
    that change or refresh need nothing from here.

    Args:
        url: a place in the bucket, for messages.
        provider: whose tokens to send; ``None`` stands for what the SDK finds by itself.
        size: connections to keep.
    """

    def __init__(self, url: Url, provider: CredentialProvider | None, size: int) -> None:
        self.url = url
        self.bucket = f"/storage/v1/b/{quote(url.authority, safe='')}"
        self._provider = provider or chain(url, {}, environ=Environment(os.environ))
        self._size = size
        self._is_bucket_known = False
        self._made: tuple[int, str, Any] | None = None
        self._lock = threading.Lock()

    def endpoint(self) -> str:
        """Where requests go."""
        return self.credentials().endpoint_url or _GOOGLE

    def credentials(self) -> GcsCredentials:
        """What the credentials are at this moment.

        Raises:
            CredentialsError: there are none, or those of another cloud.
        """
        found = self._provider()
        if found is None:
            name, absent = self._provider.name, self._provider.absent
            raise MissingCredentialsError(f"no credentials for {self.url}: tried {name} ({absent}). Pass creds=")
        if not isinstance(found, GcsCredentials):
            raise CredentialsError(f"the credentials for {self.url} from {found.source} are those of another cloud")
        return found

    def ask(
        self,
        verb: str,
        key: str,
        method: str,
        address: str,
        take: Callable[[Answer], R],
        *,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        accept: frozenset[int] = DONE,
    ) -> R:
        """What ``take`` makes of the answer to a request, tried again while it fails by chance.

        ``verb`` and ``key`` are for messages and the log; ``address`` is below the endpoint.
        """
        return retrying(
            lambda: self.ask_once(verb, key, method, address, take, headers=headers, body=body, accept=accept),
            attempts=gcs_errors.ATTEMPTS,
        )

    def ask_once(
        self,
        verb: str,
        key: str,
        method: str,
        address: str | Secret,
        take: Callable[[Answer], R],
        *,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        accept: frozenset[int] = DONE,
    ) -> R:
        """As `ask`, once; a `Secret` is a whole address, and is asked without a token."""
        began = time.perf_counter()
        found = self.credentials()
        nbytes = int((headers or {}).get("Content-Length", 0))
        try:
            answer = self._connections(found).urlopen(
                method,
                _whole(address, found),
                body=body,
                headers=_signed(headers or {}, found if isinstance(address, str) else None),
                preload_content=False,
                decode_content=False,
                retries=False,
                redirect=False,
            )
            with contextlib.closing(answer):
                if answer.status in accept:
                    nbytes = nbytes or int(answer.headers.get("content-length", 0))
                    taken = take(Answer(answer.status, answer.headers, answer))
                    self._is_bucket_known |= answer.status in DONE
                    return taken
                failure: Exception = gcs_errors.refusal(
                    answer.status, answer.read(_REFUSAL_NBYTES, decode_content=True)
                )
        except bodies.BodyError as error:
            raise gcs_errors.broken(str(error), self._action(verb, key), _where(found)) from error.__cause__
        except LakeError:
            raise
        except (transport.urllib3().exceptions.HTTPError, ValueError, LookupError) as error:
            failure = error
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            _log.debug("%s %s/%s: %d bytes, %.1f ms", verb, self.url, key, nbytes, milliseconds)
        if isinstance(failure, gcs_errors.Refusal) and failure.status == _NOT_FOUND and not self._has_bucket():
            failure.reason = "noSuchBucket"
        raise self.failure(failure, verb, key, found) from without_frames(failure)

    def failure(self, error: Exception, verb: str, key: str, found: GcsCredentials) -> LakeError:
        """Our error for what came of a request that ``found`` had signed."""
        return gcs_errors.translate(
            error,
            self._action(verb, key),
            _where(found),
            is_anonymous=found.token is None,
            is_issued=found.expires_at is not None,
        )

    def _has_bucket(self) -> bool:
        """Whether the bucket is there, asked once: a 404 does not say what is missing."""
        if not self._is_bucket_known:
            accept = DONE | {401, 403, _NOT_FOUND}
            address = f"{self.bucket}/o?maxResults=1&fields=kind"
            status = self.ask("list", "", "GET", address, lambda answer: answer.status, accept=accept)
            self._is_bucket_known = status != _NOT_FOUND
        return self._is_bucket_known

    def _connections(self, found: GcsCredentials) -> Any:
        """The pool of this process: connections do not survive a fork."""
        wanted = os.getpid(), found.endpoint_url or _GOOGLE
        made = self._made
        if made is None or made[:2] != wanted:
            with self._lock:
                made = self._made
                if made is None or made[:2] != wanted:
                    pool = transport.connections(wanted[1], size=self._size)
                    made = self._made = (*wanted, pool)
        return made[2]

    def _action(self, verb: str, key: str) -> str:
        return f"{verb} {self.url}/{key}".rstrip("/")


def read_json(answer: Answer) -> dict[str, Any]:
    """The object in the body; ValueError if there is none."""
    content = json.loads(answer.body.read(decode_content=True))
    if not isinstance(content, dict):
        raise ValueError("expected an object")  # noqa: TRY004 - as json does
    return content


def drain(answer: Answer) -> None:
    """Read the body to its end, so that the connection can be used again."""
    answer.body.drain_conn()


def _whole(address: str | Secret, found: GcsCredentials) -> str:
    if isinstance(address, Secret):
        return address.reveal()
    payer = f"{'&' if '?' in address else '?'}userProject={quote(found.user_project)}" if found.user_project else ""
    return f"{found.endpoint_url or _GOOGLE}{address}{payer}"


def _signed(headers: Mapping[str, str], found: GcsCredentials | None) -> dict[str, str]:
    token = {"Authorization": f"Bearer {found.token.reveal()}"} if found is not None and found.token is not None else {}
    return {**headers, **token, "User-Agent": "deeplake-nb"}


def _where(found: GcsCredentials) -> str:
    return f"{redact(found.endpoint_url or _GOOGLE)}, credentials: {found.source}"
