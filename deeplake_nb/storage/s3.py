"""Objects in an S3 bucket, on AWS or any storage that speaks its protocol."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING, Any, Literal

from deeplake_nb.credentials.provider import without_frames
from deeplake_nb.credentials.s3 import aws_sdk, sdk_default, sdk_session
from deeplake_nb.errors import LakeError, MissingCredentialsError, StorageError
from deeplake_nb.storage import s3_errors
from deeplake_nb.storage.provider import Entry, check_key, check_prefix, parts
from deeplake_nb.urls import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Buffer

    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.credentials.s3 import S3Credentials
    from deeplake_nb.storage.ranges import ByteRange
    from deeplake_nb.urls import Url

_log = logging.getLogger(__name__)
_CONNECT_SECONDS = 10
_READ_SECONDS = 60
_ATTEMPTS = 3  # of what the SDK does not repeat by itself: a body that breaks off, a conditional put that collides


class S3Storage:
    """``s3://bucket/folder``, through one SDK client that is made at the first request.

    The SDK repeats requests on throttling and broken connections (``AWS_MAX_ATTEMPTS``, 3 unless set). The credentials
    are asked for every signature, so that those that change or refresh need nothing from here. The log has one line
    per request.
    """

    concurrency = 32

    def __init__(self, url: Url, credentials: CredentialProvider | None = None) -> None:
        self.url = url
        self._prefix = f"{url.path}/" if url.path else ""
        self._identity = _Identity(credentials or sdk_default(), str(url))
        self._made: Any = None
        self._lock = threading.Lock()

    def get(self, key: str, byte_range: ByteRange | None = None) -> memoryview:
        """The object's bytes; one GET (a HEAD for an empty range)."""
        parameters = {"Key": self._prefix + check_key(key)}
        if byte_range is not None:
            start = max(byte_range.start, 0)
            if byte_range.stop <= start:  # HTTP cannot ask for nothing
                self.size(key)
                return memoryview(b"")
            parameters["Range"] = f"bytes={start}-{byte_range.stop - 1}"
        attempt = 1
        while True:
            try:
                body = self._request("get", key, "get_object", parameters)["Body"]
            except s3_errors.PastEndError:
                return memoryview(b"")
            try:
                with self._our_errors("get", key), contextlib.closing(body):
                    return memoryview(body.read())
            except StorageError:
                attempt += 1
                if attempt > _ATTEMPTS:
                    raise

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object; one PUT, with ``If-None-Match: *`` for ``if_absent``. 5 GB at most.

        Should the answer to a conditional put be lost on the way, its repetition finds the object there and raises
        `KeyExistsError`: a caller that must know reads the object back.
        """
        parameters: dict[str, Any] = {"Key": self._prefix + check_key(key)}
        parameters["Body"] = data if isinstance(data, bytes) else b"".join(parts(data))
        if if_absent:
            parameters["IfNoneMatch"] = "*"
        attempt = 1
        while True:
            try:
                self._request("put", key, "put_object", parameters)
            except s3_errors.CollisionError as error:
                attempt += 1
                if attempt > _ATTEMPTS:
                    raise StorageError(str(error)) from error.__cause__
            else:
                return

    def delete(self, key: str) -> None:
        """Remove the object; one DELETE."""
        self._request("delete", key, "delete_object", {"Key": self._prefix + check_key(key)})

    def delete_all(self, folder: str = "") -> None:
        """Remove every object below the folder; a LIST and a POST per 1,000."""
        for page in self._pages(check_prefix(folder)):
            keys = [{"Key": item["Key"]} for item in page.get("Contents", ())]
            if keys:
                batch = {"Delete": {"Objects": keys, "Quiet": True}}
                answer = self._request("delete", folder, "delete_objects", batch)
                for failed in answer.get("Errors", ()):
                    key = failed["Key"].removeprefix(self._prefix)
                    raise s3_errors.refusal(failed["Code"], f"delete {self._shown(key)}", self._where())

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Objects in key order; one LIST per 1,000. Empty objects that stand for folders are left out."""
        skip = len(self._prefix)
        for page in self._pages(check_prefix(prefix), delimiter):
            found = [Entry(item["Key"][skip:], item["Size"]) for item in page.get("Contents", ())]
            folders = [Entry(item["Prefix"][skip:], None) for item in page.get("CommonPrefixes", ())]
            yield from sorted(folders + [entry for entry in found if entry.key and not entry.key.endswith("/")])

    def size(self, key: str) -> int:
        """Bytes of the object; one HEAD."""
        return int(self._request("size", key, "head_object", {"Key": self._prefix + check_key(key)})["ContentLength"])

    def _pages(self, prefix: str, delimiter: str = "") -> Iterator[dict[str, Any]]:
        parameters = {"Prefix": self._prefix + prefix, **({"Delimiter": delimiter} if delimiter else {})}
        while True:
            page = self._request("list", prefix, "list_objects_v2", parameters)
            yield page
            if not page.get("IsTruncated"):
                return
            parameters["ContinuationToken"] = page["NextContinuationToken"]

    def _request(self, verb: str, key: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        began = time.perf_counter()
        nbytes = len(parameters.get("Body", b""))
        try:
            with self._our_errors(verb, key):
                answer: dict[str, Any] = getattr(self._client(), operation)(Bucket=self.url.authority, **parameters)
            nbytes = nbytes or answer.get("ContentLength", 0)
            return answer
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            _log.debug("%s %s/%s: %d bytes, %.1f ms", verb, self.url, key, nbytes, milliseconds)

    def _client(self) -> Any:
        if self._made is None:
            with self._lock:
                if self._made is None:
                    self._made = self._connect()
        return self._made

    def _connect(self) -> Any:
        found = self._identity.current()
        session = sdk_session(found.profile_name)
        session.register_component("credential_provider", self._identity)
        config = aws_sdk().config.Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            max_pool_connections=self.concurrency,
            tcp_keepalive=True,
            retries={"mode": "standard"},
            request_checksum_calculation="when_required",  # storages that are not AWS refuse the newer checksums
            response_checksum_validation="when_required",
            user_agent_extra="deeplake-nb",
            **({"signature_version": aws_sdk().UNSIGNED} if found.anonymous else {}),
        )
        # With an endpoint of its own the SDK puts the bucket in the path, unless the profile says otherwise.
        return session.create_client("s3", region_name=found.aws_region, endpoint_url=found.endpoint_url, config=config)

    @contextlib.contextmanager
    def _our_errors(self, verb: str, key: str) -> Iterator[None]:
        """All errors of the SDK end here."""
        sdk = aws_sdk().exceptions
        try:
            yield
        except LakeError:
            raise
        except (sdk.ClientError, sdk.BotoCoreError, ValueError) as error:  # ValueError: an endpoint it cannot read
            raise s3_errors.translate(error, f"{verb} {self._shown(key)}", self._where()) from without_frames(error)

    def _shown(self, key: str) -> str:
        return f"{self.url}/{key}".rstrip("/")

    def _where(self) -> str:
        endpoint = redact(self._made.meta.endpoint_url) if self._made else "no endpoint yet"
        return f"{endpoint}, credentials: {self._identity.source}"


class _Identity:
    """What the SDK takes for its credentials, and for their resolver: each signature asks our provider."""

    method = "explicit"
    account_id = None

    def __init__(self, provider: CredentialProvider, target: str) -> None:
        self._provider = provider
        self._target = target
        self.source = provider.name

    def current(self) -> S3Credentials:
        found = self._provider()
        if found is None:
            name, absent = self._provider.name, self._provider.absent
            raise MissingCredentialsError(f"no credentials for {self._target}: tried {name} ({absent}). Pass creds=")
        self.source = found.source
        return found

    def load_credentials(self) -> _Identity:
        return self

    def get_frozen_credentials(self) -> Any:
        found = self.current()
        if found.anonymous:
            return None
        return aws_sdk().credentials.ReadOnlyCredentials(
            found.aws_access_key_id,
            found.aws_secret_access_key.reveal(),
            found.aws_session_token.reveal() if found.aws_session_token else None,
            self.account_id,
        )

    def get_deferred_property(self, name: str) -> Any:
        return lambda: getattr(self, name, None)
