"""What S3 and its SDK answer when they refuse, as our errors: two tables."""

from __future__ import annotations

from typing import Any

from deeplake_nb.errors import (
    ExpiredCredentialsError,
    KeyExistsError,
    KeyNotFoundError,
    LakeError,
    MissingCredentialsError,
    PermissionDeniedError,
    RefusedCredentialsError,
    StorageError,
    UrlError,
)
from deeplake_nb.storage.retries import TransientError


class PastEndError(LakeError):
    """A range that starts behind the object's last byte; never leaves the storage."""


class CollisionError(TransientError):
    """A conditional put that met another one; never leaves the storage."""


class UploadGoneError(LakeError):
    """A multipart upload that is completed or aborted already; never leaves the storage."""


_DENIED = (
    "ask for the permission on this bucket, or pass other creds="
    " (without s3:ListBucket an object that is not there is refused too)"
)
_UNKNOWN = "see the cause with the full traceback"
_REGION = "pass creds={'aws_region': …} with the bucket's region"
_BUSY = "the storage is overloaded: try again in a moment"
# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; a HEAD has no body, its code is the status.
_BY_CODE: dict[str, tuple[type[LakeError], str]] = {
    "NoSuchKey": (KeyNotFoundError, ""),
    "NotFound": (KeyNotFoundError, ""),
    "404": (KeyNotFoundError, ""),
    "InvalidRange": (PastEndError, ""),
    "PreconditionFailed": (KeyExistsError, ""),
    "ConditionalRequestConflict": (CollisionError, "others are writing it: try again"),
    "NoSuchUpload": (UploadGoneError, "it was aborted, or took too long: write it again"),
    "NoSuchBucket": (StorageError, "there is no such bucket: check its name, and endpoint_url if it is not on AWS"),
    "AccessDenied": (PermissionDeniedError, _DENIED),
    "403": (PermissionDeniedError, _DENIED),
    "SignatureDoesNotMatch": (RefusedCredentialsError, "aws_secret_access_key does not belong to aws_access_key_id"),
    "InvalidAccessKeyId": (RefusedCredentialsError, "this storage does not know aws_access_key_id; check endpoint_url"),
    "InvalidClientTokenId": (RefusedCredentialsError, "AWS does not know aws_access_key_id"),
    "InvalidToken": (RefusedCredentialsError, "aws_session_token does not belong to these keys"),
    "ExpiredToken": (ExpiredCredentialsError, "get new temporary keys"),
    "ExpiredTokenException": (ExpiredCredentialsError, "get new temporary keys"),
    "TokenRefreshRequired": (ExpiredCredentialsError, "get new temporary keys"),
    "PackedPolicyTooLarge": (StorageError, "names this long do not fit into the policy of a session: use shorter ones"),
    "RequestTimeTooSkewed": (StorageError, "the clock of this machine is wrong: set it"),
    "PermanentRedirect": (StorageError, _REGION),
    "TemporaryRedirect": (StorageError, _REGION),
    "301": (StorageError, _REGION),
    "307": (StorageError, _REGION),
    "AuthorizationHeaderMalformed": (StorageError, _REGION),
    "IllegalLocationConstraintException": (StorageError, _REGION),
    "400": (StorageError, "the region, the endpoint or an expired token may be the reason"),
    "SlowDown": (StorageError, _BUSY),
    "ServiceUnavailable": (StorageError, _BUSY),
    "503": (StorageError, _BUSY),
    "InternalError": (StorageError, _BUSY),
    "500": (StorageError, _BUSY),
    "InvalidBucketName": (UrlError, "the bucket's name is not valid"),
}
_BY_STATUS = {401: "AccessDenied", 403: "AccessDenied", 404: "NoSuchKey", 412: "PreconditionFailed", 503: "SlowDown"}
# By the name of the SDK's class, so that the table needs no SDK; the nearest base class that is listed counts.
_NETWORK = "check the network and endpoint_url"
_BY_CLASS: dict[str, tuple[type[LakeError], str]] = {
    "NoCredentialsError": (MissingCredentialsError, "pass creds= or run `aws configure`"),
    "ProfileNotFound": (MissingCredentialsError, "check AWS_PROFILE and profile_name"),
    "ParamValidationError": (UrlError, "the bucket's name is not valid"),
    "InvalidRegionError": (StorageError, "aws_region is not the name of a region"),
    "SSLError": (StorageError, "its certificate is not trusted: check endpoint_url, or set AWS_CA_BUNDLE"),
    "ProxyConnectionError": (StorageError, "check the proxy in HTTPS_PROXY"),
    "EndpointConnectionError": (StorageError, _NETWORK),
    "ConnectTimeoutError": (StorageError, _NETWORK),
    "HTTPClientError": (StorageError, f"the connection broke: {_NETWORK}"),
    "IncompleteReadError": (StorageError, f"the connection broke: {_NETWORK}"),
    "ResponseParserError": (
        StorageError,
        "that is no S3, or something between alters what it says: check endpoint_url",
    ),
    "BotoCoreError": (StorageError, "check creds= and the files of `aws configure`"),
    "RecursionError": (StorageError, f"the bucket is in another region: {_REGION}"),
    "ValueError": (StorageError, "check endpoint_url, AWS_ENDPOINT_URL and aws_region"),
}


def translate(error: Any, action: str, where: str) -> LakeError:
    """Our error for one of the SDK's, by its code or its class; its text is never looked at.

    Args:
        error: a ``ClientError`` (the storage answered), another error of the SDK, or a ValueError of it.
        action: what failed, on which redacted url: ``get s3://bucket/key``.
        where: endpoint and source of the credentials, for the message.
    """
    answer = getattr(error, "response", None)
    if answer is None:
        kind, advice = next(_BY_CLASS[base.__name__] for base in type(error).__mro__ if base.__name__ in _BY_CLASS)
        return _failure(kind, type(error).__name__, action, where, advice)
    headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
    status = answer["ResponseMetadata"].get("HTTPStatusCode", 0)
    code = answer.get("Error", {}).get("Code") or str(status)  # some answers of storages that are not AWS have none
    return refusal(code, action, where, status, headers.get("x-amz-bucket-region", ""))


def refusal(code: str, action: str, where: str, status: int = 0, region: str = "") -> LakeError:
    """Our error for a code of S3; for one that is not listed the HTTP status decides."""
    kind, advice = _BY_CODE.get(code) or _BY_CODE.get(_BY_STATUS.get(status, ""), (StorageError, _UNKNOWN))
    if advice == _REGION and region:
        advice = f"pass creds={{'aws_region': {region!r}}}"
    return _failure(kind, code, action, where, advice)


def broken(reason: str, action: str, where: str) -> str:
    """What to say of a body that broke off."""
    return f"cannot {action} ({reason} from {where}): the connection broke: {_NETWORK}"


def _failure(kind: type[LakeError], reason: str, action: str, where: str, advice: str) -> LakeError:
    verb, _, shown = action.partition(" ")
    if kind is KeyNotFoundError:
        if verb in ("get", "size"):
            return kind(f"no object {shown}")
        kind, advice = StorageError, _UNKNOWN
    if kind is KeyExistsError:
        return kind(f"{shown} exists already")
    return kind(f"cannot {action} ({reason} from {where}): {advice}")
