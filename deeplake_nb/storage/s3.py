"""Objects in an S3 bucket, on AWS or any storage that speaks its protocol."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from deeplake_nb.credentials.provider import without_frames
from deeplake_nb.credentials.s3 import S3Credentials, aws_sdk, sdk_default, sdk_session
from deeplake_nb.errors import (
    CredentialsError,
    KeyNotFoundError,
    LakeError,
    MissingCredentialsError,
    PermissionDeniedError,
)
from deeplake_nb.storage import bodies, s3_errors, s3_parts
from deeplake_nb.storage.bodies import Body, BodyReads
from deeplake_nb.storage.provider import Check, Entry, Stored, check_key, check_prefix, parts
from deeplake_nb.storage.retries import ATTEMPTS, TransientError, retrying
from deeplake_nb.urls import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from typing_extensions import Buffer

    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.storage.ranges import ByteRange
    from deeplake_nb.urls import Url

R = TypeVar("R")

_log = logging.getLogger(__name__)
_CONNECT_SECONDS = 10
_READ_SECONDS = 60
_MD5_DIGITS = 32


class S3Storage(BodyReads):
    """``s3://bucket/folder``, through one SDK client that is made at the first request.

    The SDK repeats requests on throttling and broken connections, after pauses (5 attempts, unless
    ``AWS_MAX_ATTEMPTS`` or a profile says otherwise), and finds the bucket's region if it was given another. The
    credentials are asked for every signature, so that those that change or refresh need nothing from here. The log
    has one line per request.
    """

    concurrency = 32

    def __init__(self, url: Url, credentials: CredentialProvider | None = None) -> None:
        self.url = url
        self._prefix = f"{url.path}/" if url.path else ""
        self._identity = _Identity(credentials or sdk_default(), str(url))
        self._made: Any = None
        self._process = 0
        self._lock = threading.Lock()

    # ------------------------------------------------------------------ reading

    def _get(self, key: str, asked: ByteRange | None, read: Callable[[Body], R], nothing: R) -> R:
        wanted = {} if asked is None else {"Range": asked.header}

        def attempt() -> R:
            try:
                answer = self.request("get", key, "get_object", **wanted)
            except s3_errors.PastEndError:
                return nothing
            with contextlib.closing(answer["Body"]) as stream, self.our_errors("get", key):
                raw = stream._raw_stream  # noqa: SLF001 - the SDK's own read() waits for ever
                return read(Body(raw, answer.get("ContentLength"), answer.get("ContentRange")))

        return retrying(attempt)

    def size(self, key: str) -> int:
        """Bytes of the object; one HEAD."""
        return int(self.request("size", key, "head_object")["ContentLength"])

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Objects in key order; one LIST per 1,000. Empty objects that stand for folders are left out."""
        skip = len(self._prefix)
        for page in self._pages(check_prefix(prefix), delimiter):
            found = [Entry(item["Key"][skip:], item["Size"]) for item in page.get("Contents", ())]
            folders = [Entry(item["Prefix"][skip:], None) for item in page.get("CommonPrefixes", ())]
            yield from sorted(folders + [entry for entry in found if entry.key and not entry.key.endswith("/")])

    def list_digests(self, prefix: str = "") -> Iterator[Stored]:
        """Objects with the MD5 that S3 makes of what comes in one piece (without KMS encryption)."""
        skip = len(self._prefix)
        for page in self._pages(check_prefix(prefix)):
            for item in page.get("Contents", ()):
                key, tag = item["Key"][skip:], item.get("ETag", "").strip('"')
                if key and not key.endswith("/"):
                    yield Stored(key, item["Size"], bytes.fromhex(tag) if len(tag) == _MD5_DIGITS else None)

    def _pages(self, prefix: str, delimiter: str = "") -> Iterator[dict[str, Any]]:
        parameters = {"Prefix": self._prefix + prefix, **({"Delimiter": delimiter} if delimiter else {})}
        while True:
            page = self.call("list", prefix, "list_objects_v2", parameters)
            yield page
            if not page.get("IsTruncated"):
                return
            parameters["ContinuationToken"] = page["NextContinuationToken"]

    # ------------------------------------------------------------------ writing

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object; one PUT, with ``If-None-Match: *`` for ``if_absent``. Above 64 MB, a PUT per 8 MB.

        Should the answer to a conditional put be lost on the way, its repetition finds the object there and raises
        `KeyExistsError`: a caller that must know reads the object back.
        """
        pieces = parts(data)
        nbytes = sum(map(len, pieces))
        if nbytes > (s3_parts.LARGEST_PUT_NBYTES if if_absent else s3_parts.WHOLE_NBYTES):
            s3_parts.upload(self, check_key(key), pieces, nbytes, if_absent=if_absent)
            return
        body = data if isinstance(data, bytes) else b"".join(pieces)
        condition = {"IfNoneMatch": "*"} if if_absent else {}
        self.request("put", key, "put_object", Body=body, **condition)

    def put_parts(
        self, key: str, data: Iterable[Buffer], nbytes: int, *, progress: Callable[[int], None] | None = None
    ) -> None:
        """Replace the object by pieces; a PUT per 8 MB, eight at once."""
        s3_parts.upload(self, check_key(key), data, nbytes, progress=progress)

    def delete(self, key: str) -> None:
        """Remove the object; one DELETE."""
        self.request("delete", key, "delete_object")

    def delete_all(self, folder: str = "", *, progress: Callable[[int], None] | None = None) -> None:
        """Remove every object below the folder; a LIST and a POST per 1,000."""
        for page in self._pages(check_prefix(folder)):
            keys = [{"Key": item["Key"]} for item in page.get("Contents", ())]
            if keys:
                batch = {"Delete": {"Objects": keys, "Quiet": True}}
                try:
                    answer = self.call("delete", folder, "delete_objects", batch)
                except PermissionDeniedError:  # some storages judge all of them by the bucket, some keys are for a part
                    for item in keys:
                        self.call("delete", item["Key"].removeprefix(self._prefix), "delete_object", item)
                        if progress is not None:
                            progress(1)
                    continue
                for failed in answer.get("Errors", ()):
                    key = failed["Key"].removeprefix(self._prefix)
                    raise s3_errors.refusal(failed["Code"], f"delete {self._shown(key)}", self._where())
                if progress is not None:
                    progress(len(keys))

    # ------------------------------------------------------------------ about itself

    def endpoint(self) -> str:
        """Where requests go."""
        with self.our_errors("get", ""):
            return str(self._client().meta.endpoint_url)

    def region(self) -> str:
        """The region that requests are signed for."""
        with self.our_errors("get", ""):
            return str(self._client().meta.region_name)

    def credentials(self) -> S3Credentials:
        """Those in force."""
        return self._identity.current()

    def checks(self) -> Sequence[Check]:
        """Who we are, the bucket's region, its rules for browsers."""
        from deeplake_nb.storage import s3_checks

        return s3_checks.checks(self)

    # ------------------------------------------------------------------ the SDK

    def request(self, verb: str, key: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """One call of the SDK on one object; one more, if it is refused and may be missing."""
        try:
            return self.call(verb, key, operation, {"Key": self._prefix + check_key(key), **parameters})
        except PermissionDeniedError:
            if verb not in ("get", "size") or not self._is_missing(key):
                raise
        raise KeyNotFoundError(f"no object {self._shown(key)}")

    def _is_missing(self, key: str) -> bool:
        """Whether there is no such object, for who may list its folder but not the bucket: S3 refuses them that."""
        name = self._prefix + key
        try:
            page = self.call("list", key, "list_objects_v2", {"Prefix": name, "MaxKeys": 1})
        except LakeError:
            return False
        return all(item["Key"] != name for item in page.get("Contents", ()))

    def call(self, verb: str, key: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """One call of the SDK on the bucket; ``verb`` and ``key`` are for messages and the log."""
        return retrying(lambda: self._called(verb, key, operation, parameters))

    def _called(self, verb: str, key: str, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        began = time.perf_counter()
        nbytes = len(parameters.get("Body", b""))
        try:
            with self.our_errors(verb, key):
                answer: dict[str, Any] = getattr(self._client(), operation)(Bucket=self.url.authority, **parameters)
            nbytes = nbytes or answer.get("ContentLength", 0)
            return answer
        finally:
            milliseconds = (time.perf_counter() - began) * 1000
            _log.debug("%s %s/%s: %d bytes, %.1f ms", verb, self.url, key, nbytes, milliseconds)

    def _client(self) -> Any:
        if self._process != os.getpid():  # a forked child would share its parent's connections
            with self._lock:
                if self._process != os.getpid():
                    self._made = self.connect("s3", endpoint_url=self._identity.current().endpoint_url)
                    self._process = os.getpid()
        return self._made

    def connect(self, service: str, *, endpoint_url: str | None = None, region: str | None = None) -> Any:
        """A client of the SDK for one of its services, which signs with our credentials."""
        found = self._identity.current()
        session = sdk_session(found.profile_name)
        session.register_component("credential_provider", self._identity)
        if service == "s3":  # no date in an answer is looked at, and to read one takes a tenth of the time of a request
            session.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=str)
        chosen = session.get_config_variable("max_attempts")
        config = aws_sdk().config.Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            max_pool_connections=self.concurrency,
            tcp_keepalive=True,
            retries={"mode": "standard", **({"total_max_attempts": ATTEMPTS} if chosen is None else {})},
            request_checksum_calculation="when_required",  # storages that are not AWS refuse the newer checksums
            response_checksum_validation="when_required",
            user_agent="deeplake-nb",  # the SDK's own takes a tenth of the time of a request to put together
            **({"signature_version": aws_sdk().UNSIGNED} if found.anonymous else {}),
        )
        # With an endpoint of its own the SDK puts the bucket in the path, unless the profile says otherwise.
        region = found.aws_region or region
        client = session.create_client(service, region_name=region, endpoint_url=endpoint_url, config=config)
        client.meta.events.register("before-parse", _check_length)
        return client

    @contextlib.contextmanager
    def our_errors(self, verb: str, key: str) -> Iterator[None]:
        """All errors of the SDK end here."""
        sdk = aws_sdk().exceptions
        action = f"{verb} {self._shown(key)}"
        try:
            yield
        except bodies.BodyError as error:
            raise TransientError(s3_errors.broken(str(error), action, self._where())) from error.__cause__
        except LakeError:
            raise
        except (sdk.ClientError, sdk.BotoCoreError, _parser_error(), ValueError, RecursionError) as error:
            # ValueError: an endpoint it cannot read; RecursionError: it looks for a region that nobody names
            raise s3_errors.translate(error, action, self._where()) from without_frames(error)

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
        if not isinstance(found, S3Credentials):
            raise CredentialsError(f"{self._provider.name} gave {type(found).__name__} for {self._target}: not for S3")
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


def _parser_error() -> type[Exception]:
    """What the SDK raises for an answer it cannot read, and has in none of its families."""
    from botocore.parsers import ResponseParserError  # type: ignore[import-untyped]

    return cast("type[Exception]", ResponseParserError)


def _check_length(operation_model: Any, response_dict: dict[str, Any], **_: Any) -> None:
    """Refuse an answer that broke off: the SDK takes a listing without a single byte for an empty one."""
    body, length = response_dict["body"], response_dict["headers"].get("Content-Length", "")
    has_body = isinstance(body, bytes) and operation_model.http["method"] != "HEAD"
    if has_body and length.isdecimal() and len(body) < int(length):
        raise bodies.BodyError(f"{len(body)} of {length} bytes")
