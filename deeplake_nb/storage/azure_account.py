"""One storage account on Azure: where it is, what signs a request, and the connections to it."""

from __future__ import annotations

import base64
import contextlib
import hmac
import logging
import os
import re
import threading
import time
from email.utils import formatdate
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

from deeplake_nb.credentials.transport import connections, urllib3
from deeplake_nb.errors import CredentialsError, LakeError, MissingCredentialsError, MissingDependencyError
from deeplake_nb.storage import azure_errors, bodies
from deeplake_nb.storage.retries import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deeplake_nb.credentials.azure import AzureCredentials
    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.urls import Url

R = TypeVar("R")
_log = logging.getLogger(__name__)
_VERSION = "2023-11-03"  # of the protocol; one that also older emulators and Azure Stack understand
_AGENT = "deeplake-nb"
_LOCAL = re.compile(r"localhost|[\d.]+|.*:.*")
_SIGNED = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)


class Call(NamedTuple):
    """One request of the blob API.

    Attributes:
        method: of HTTP.
        path: below the account, as it is: ``box/key``.
        query: the parameters, as they are.
        headers: besides those that every request has.
        body: what is sent.
    """

    method: str
    path: str
    query: Mapping[str, str] = MappingProxyType({})
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""


class Account:
    """Sends requests to one storage account. Thread-safe.

    The credentials are asked for every request, so that those that change or refresh need nothing from here. Blobs are
    read and written through the blob API over one pool of connections; what a blob cannot do (a folder as a whole) and
    what is asked now and then goes through the SDK, which costs a second to import and ten times as much per request.

    Args:
        url: names the account, or is on its host.
        credentials: who asks.
        size: connections to keep.
    """

    def __init__(self, url: Url, credentials: CredentialProvider, size: int) -> None:
        self._url = url
        self._provider = credentials
        self._size = size
        self._pools: dict[int, Any] = {}  # one in each process: a fork must not share its parent's connections
        self._lock = threading.Lock()

    def credentials(self) -> AzureCredentials:
        """Those in force.

        Raises:
            CredentialsError: there are none, or they would be sent in the clear.
        """
        found: Any = self._provider()
        if found is None:
            name, absent = self._provider.name, self._provider.absent
            raise MissingCredentialsError(f"no credentials for {self._url}: tried {name} ({absent}). Pass creds=")
        if found.access_token and not self.endpoint(found).startswith("https:"):
            raise CredentialsError(
                f"the access token of {found.source} is not sent to {self.endpoint(found)}: give an https endpoint_url"
            )
        return found  # type: ignore[no-any-return]  # what the chain of this scheme gives

    def name(self, found: AzureCredentials) -> str:
        """What the account is called."""
        return found.account_name or self._url.authority.partition(".")[0]

    def endpoint(self, found: AzureCredentials) -> str:
        """The account's blob endpoint, without a slash at its end."""
        if found.endpoint_url:
            given = found.endpoint_url.rstrip("/")
            where = urlsplit(given)
            # Where one host serves many accounts, the account comes first in the path.
            return given if where.path or not _LOCAL.fullmatch(where.hostname or "") else f"{given}/{self.name(found)}"
        if "." in self._url.authority and not found.account_name:
            return f"https://{self._url.authority.replace('.dfs.', '.blob.', 1)}"
        return f"https://{self.name(found)}.blob.core.windows.net"

    # ------------------------------------------------------------------ blobs

    def ask(self, action: str, call: Call, read: Callable[[Any], R]) -> R:
        """One request, tried again where it failed by chance; ``read`` takes the answer (urllib3's) while it is open.

        ``action`` is for messages: what is done to what, as ``get azure://account/box/key``.
        """

        def attempt() -> R:
            found = self.credentials()
            began = time.perf_counter()
            outcome = self._attempt(found, call, read)
            _log.debug("%s: %d bytes sent, %.1f ms", action, len(call.body), (time.perf_counter() - began) * 1000)
            if isinstance(outcome, azure_errors.Refusal | azure_errors.Breakdown):
                raise outcome.error(action, self._where(found), found)
            if isinstance(outcome, LakeError):
                raise outcome
            return outcome

        return retrying(attempt)

    def _attempt(
        self, found: AzureCredentials, call: Call, read: Callable[[Any], R]
    ) -> R | LakeError | azure_errors.Refusal | azure_errors.Breakdown:
        """What ``read`` gives, or what went wrong: not raised, for a traceback would hold the signature below."""
        from urllib3.exceptions import HTTPError

        endpoint = self.endpoint(found)
        try:
            address, headers = sign(found, self.name(found), endpoint, call)
            answer = self._connections(endpoint).urlopen(
                call.method,
                address,
                headers=headers,
                body=call.body or None,
                preload_content=False,
                decode_content=False,
                redirect=False,
                retries=False,
            )
            with contextlib.closing(answer):
                is_success = answer.status < 300  # noqa: PLR2004
                outcome = read(answer) if is_success else azure_errors.Refusal(answer.status, answer.headers)
                answer.drain_conn()  # or the connection would not be used again
                return outcome
        except (bodies.BodyError, HTTPError) as error:
            return azure_errors.Breakdown(error)
        except LakeError as error:
            return error.with_traceback(None)

    def _connections(self, endpoint: str) -> Any:
        process = os.getpid()
        if process not in self._pools:
            with self._lock:
                if process not in self._pools:
                    self._pools[process] = connections(endpoint, size=self._size)
        return self._pools[process]

    def _where(self, found: AzureCredentials) -> str:
        return f"{self.endpoint(found)}, credentials: {found.source}"

    # ------------------------------------------------------------------ folders, and what is asked now and then

    @contextlib.contextmanager
    def sdk(
        self, kind: Literal["FileSystemClient", "DataLakeServiceClient", "ContainerClient"], *container: str
    ) -> Iterator[Any]:
        """One of the SDK's clients, for folders, for the account, or for a container; use it through `ask_sdk`."""
        try:
            import azure.storage.blob
            import azure.storage.filedatalake
        except ImportError as error:
            raise MissingDependencyError(
                "azure:// needs azure-storage-file-datalake: run `pip install azure-storage-file-datalake`"
            ) from error
        urllib3()  # which then logs no SAS token
        found = self.credentials()
        scheme, _, rest = self.endpoint(found).partition("://")
        is_blob = kind == "ContainerClient"
        with getattr(azure.storage.blob if is_blob else azure.storage.filedatalake, kind)(
            f"{scheme}://{rest if is_blob else rest.replace('.blob.', '.dfs.', 1)}",
            *container,
            credential=self._of_sdk(found),
            api_version=_VERSION,
            user_agent=_AGENT,
            retry_total=0,
        ) as client:
            yield client

    def ask_sdk(self, action: str, call: Callable[[], R]) -> R:
        """What ``call`` gives, with the SDK's errors as ours; tried again as `ask` does."""
        from azure.core.exceptions import AzureError

        def attempt() -> R:
            found = self.credentials()
            began = time.perf_counter()
            try:
                return call()
            except AzureError as error:
                failure = azure_errors.of_sdk(error).error(action, self._where(found), found)
            finally:
                _log.debug("%s: %.1f ms", action, (time.perf_counter() - began) * 1000)
            raise failure  # out here it drags no answer and no frame along

        return retrying(attempt)

    def _of_sdk(self, found: AzureCredentials) -> Any:
        from azure.core.credentials import AzureNamedKeyCredential

        if found.account_key:
            return AzureNamedKeyCredential(self.name(found), found.account_key.reveal())
        if found.sas_token:
            return found.sas_token.reveal()  # as text: a rename needs it twice
        return _TokenCredential(self) if found.access_token else None


class _TokenCredential:
    """What the SDK takes for its credential: each time it wants a token it asks our provider."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def get_token(self, *scopes: str, **options: Any) -> Any:
        from azure.core.credentials import AccessToken

        del scopes, options
        found = self._account.credentials()
        ends = found.expires_at.timestamp() if found.expires_at else time.time()
        return AccessToken(found.access_token.reveal() if found.access_token else "", int(ends))


def sign(found: AzureCredentials, account: str, endpoint: str, call: Call) -> tuple[str, dict[str, str]]:
    """Address and headers of a request to an account, signed with the key or token there is, if there is one.

    See https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key.
    """
    address = f"{endpoint}/{quote(call.path, '/~')}"
    headers = {"x-ms-version": _VERSION, "x-ms-date": formatdate(usegmt=True), "User-Agent": _AGENT, **call.headers}
    if call.method == "PUT":
        headers["Content-Length"] = str(len(call.body))
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in call.query.items())
    if found.sas_token:
        query = "&".join(filter(None, (query, found.sas_token.reveal())))
    elif found.access_token:
        headers["Authorization"] = f"Bearer {found.access_token.reveal()}"
    elif found.account_key:
        lower = {name.lower(): value for name, value in headers.items()}
        if lower.get("content-length") == "0":
            del lower["content-length"]
        lines = [call.method, *(lower.get(name, "") for name in _SIGNED)]
        lines += [f"{name}:{lower[name]}" for name in sorted(lower) if name.startswith("x-ms-")]
        lines.append(f"/{account}{urlsplit(address).path}")
        lines += [f"{name}:{call.query[name]}" for name in sorted(call.query)]
        digest = hmac.digest(base64.b64decode(found.account_key.reveal()), "\n".join(lines).encode(), "sha256")
        headers["Authorization"] = f"SharedKey {account}:{base64.b64encode(digest).decode()}"
    return (f"{address}?{query}" if query else address), headers
