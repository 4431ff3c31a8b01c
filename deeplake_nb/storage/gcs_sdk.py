"""Google's own client, for what is asked of a bucket now and then: its place, its rules, what one may do there."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, TypeVar

from deeplake_nb.credentials import transport
from deeplake_nb.credentials.provider import without_frames
from deeplake_nb.errors import MissingDependencyError
from deeplake_nb.storage import gcs_errors
from deeplake_nb.storage.retries import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deeplake_nb.credentials.gcs import GcsCredentials
    from deeplake_nb.storage.gcs_api import Api

R = TypeVar("R")
_log = logging.getLogger(__name__)
_NOT_FOUND = 404


def ask(api: Api, verb: str, call: Callable[[Any], R]) -> R:
    """What ``call`` makes of the bucket (the SDK's), with the SDK's errors as ours; tried again as `Api.ask` does.

    The SDK costs half a second to import, and some milliseconds for each request.
    """
    return retrying(lambda: _once(api, verb, call), attempts=gcs_errors.ATTEMPTS)


def _once(api: Api, verb: str, call: Callable[[Any], R]) -> R:
    try:
        from google.api_core.exceptions import GoogleAPICallError
        from requests import RequestException
    except ImportError as error:
        raise MissingDependencyError("gcs:// needs google-cloud-storage: run `pip install google-cloud-storage`") from (
            error
        )
    found = api.credentials()
    failure: Exception
    began = time.perf_counter()
    try:
        with _bucket(api, found) as bucket:
            return call(bucket)
    except GoogleAPICallError as error:
        failure = _refusal(error)
    except (RequestException, ValueError) as error:
        failure = error
    finally:
        _log.debug("%s %s: %.1f ms", verb, api.url, (time.perf_counter() - began) * 1000)
    raise api.failure(failure, verb, "", found) from without_frames(failure)


@contextlib.contextmanager
def _bucket(api: Api, found: GcsCredentials) -> Iterator[Any]:
    """The SDK's bucket; its requests are signed with what our provider gave, and trust the same certificates."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud.storage import Client  # type: ignore[import-untyped]
    from requests import Session

    def signed(request: Any) -> Any:  # and so nobody looks into ~/.netrc
        if found.token is not None:
            request.headers["Authorization"] = f"Bearer {found.token.reveal()}"
        return request

    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
    with Session() as session:
        session.auth, session.verify = signed, transport.certificates() or True
        client = Client(None, nobody, _http=session, client_options={"api_endpoint": api.endpoint()})
        # Newer ones ask for the bucket's place, too, on a thread that goes on trying when all else is over.
        client._bucket_metadata_cache = None  # noqa: SLF001 - as the SDK looks whether it has one
        yield client.bucket(api.url.authority, user_project=found.user_project)


def _refusal(error: Any) -> gcs_errors.Refusal:
    status = int(error.code or 0)
    reasons = [detail.get("reason", "") for detail in error.errors if isinstance(detail, dict)]
    reason = "noSuchBucket" if status == _NOT_FOUND else next(filter(None, [error.reason, *reasons]), "")
    return gcs_errors.Refusal(status, reason, str(error.message))
