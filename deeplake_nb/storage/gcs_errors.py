"""What Google Cloud Storage answers when it refuses, and what the way to it breaks with, as our errors."""

from __future__ import annotations

import json
import re
from typing import Any

from deeplake_nb.errors import (
    ExpiredCredentialsError,
    KeyExistsError,
    KeyNotFoundError,
    LakeError,
    PermissionDeniedError,
    RefusedCredentialsError,
    StorageError,
)
from deeplake_nb.storage.retries import TransientError

ATTEMPTS = 8
"""How often a request is made: an object may be written about once a second, and what comes faster has to wait."""

_DENIED = (
    "ask for the permission on this bucket, or pass other creds="
    " (without storage.objects.list an object that is not there is refused too)"
)
_TOKEN = "the token is wrong, was revoked, or its time is over: get a new one, or sign in again"  # noqa: S105
_NOBODY = "anonymous requests are refused here: pass creds="
_SCOPE = "the token's scope does not cover this: sign in again, or give the machine the scope devstorage.read_write"
_BILLING = "the billing account of its project is closed or absent: its owner has to see to that"
_PAYS = "whoever asks pays here: pass creds={'user_project': …} with the project to bill"
_PROJECT = "the project to bill refuses you: check user_project and GOOGLE_CLOUD_QUOTA_PROJECT"
_HELD = "the bucket's retention policy or a hold keeps the object as it is"
_BUSY = "the storage is overloaded: try again in a moment"
_UNKNOWN = "see the cause with the full traceback"
_NO_BUCKET = "there is no such bucket: check its name, and endpoint_url if one is set"
# https://cloud.google.com/storage/docs/json_api/v1/status-codes
_BY_REASON: dict[str, tuple[type[LakeError], str]] = {
    "authError": (RefusedCredentialsError, _TOKEN),
    "ACCESS_TOKEN_EXPIRED": (ExpiredCredentialsError, _TOKEN),
    "insufficientPermissions": (PermissionDeniedError, _SCOPE),
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": (PermissionDeniedError, _SCOPE),
    "accountDisabled": (StorageError, _BILLING),
    "BILLING_DISABLED": (StorageError, _BILLING),
    "userProjectMissing": (StorageError, _PAYS),
    "AuthenticationRequiredRequesterPays": (StorageError, _PAYS),
    "userProjectInvalid": (StorageError, _PROJECT),
    "userProjectInconsistent": (StorageError, _PROJECT),
    "UserProjectAccessDenied": (PermissionDeniedError, _PROJECT),
    "UserProjectAccountProblem": (StorageError, _BILLING),
    "USER_PROJECT_DENIED": (PermissionDeniedError, _PROJECT),
    "retentionPolicyNotMet": (PermissionDeniedError, _HELD),
    "objectUnderActiveHold": (PermissionDeniedError, _HELD),
    "countryBlocked": (PermissionDeniedError, "Google does not serve this country"),
    "rateLimitExceeded": (TransientError, _BUSY),
    "userRateLimitExceeded": (TransientError, _BUSY),
    "conditionNotMet": (KeyExistsError, ""),
    "noSuchBucket": (StorageError, _NO_BUCKET),  # ours: both a bucket and an object that are missing are "notFound"
}
_BY_STATUS: dict[int, tuple[type[LakeError], str]] = {
    400: (StorageError, f"check the bucket's name; if {_PAYS}"),
    401: (RefusedCredentialsError, _TOKEN),
    403: (PermissionDeniedError, _DENIED),
    404: (KeyNotFoundError, ""),
    412: (KeyExistsError, ""),
    408: (TransientError, _BUSY),
    429: (TransientError, _BUSY),
    500: (TransientError, _BUSY),
    502: (TransientError, _BUSY),
    503: (TransientError, _BUSY),
    504: (TransientError, _BUSY),
}
# By the name of a class of urllib3 or of the SDK's requests, so that the table needs no library; the nearest base class
# that is listed counts.
_NETWORK = "check the network and endpoint_url"
_BY_CLASS: dict[str, tuple[type[LakeError], str]] = {
    "SSLError": (StorageError, "its certificate is not trusted: check endpoint_url, or set REQUESTS_CA_BUNDLE"),
    "ProxyError": (StorageError, "check the proxy in HTTPS_PROXY"),
    "NameResolutionError": (StorageError, f"the name is not known: {_NETWORK}"),
    "LocationValueError": (StorageError, "check endpoint_url, STORAGE_EMULATOR_HOST and HTTPS_PROXY"),
    "NewConnectionError": (TransientError, _NETWORK),
    "ConnectTimeoutError": (TransientError, _NETWORK),
    "HTTPError": (TransientError, f"the connection broke: {_NETWORK}"),
    "RequestException": (TransientError, f"the connection broke: {_NETWORK}"),
    "LookupError": (StorageError, "the answer is none of Google Cloud Storage: check endpoint_url"),
    "ValueError": (StorageError, "check endpoint_url, STORAGE_EMULATOR_HOST and HTTPS_PROXY"),
}
_UNKNOWN_TOKEN = 401
_WORD = re.compile(r"[A-Za-z_]{1,60}")


class Refusal(Exception):  # noqa: N818 - an answer, and the cause of an error
    """An answer that is no success: its status, Google's word for the reason, and its sentence."""

    def __init__(self, status: int, reason: str, sentence: str) -> None:
        super().__init__(f"{status} {reason}: {sentence}")
        self.status = status
        self.reason = reason


def refusal(status: int, body: bytes) -> Refusal:
    """What an answer says; bodies of downloads are plain text, and those of proxies can be anything."""
    try:
        error = json.loads(body)["error"]
        reason, sentence = _reason(error), str(error.get("message", ""))
    except (ValueError, TypeError, KeyError, AttributeError, IndexError):
        reason, sentence = "", body[:200].decode(errors="replace")
    return Refusal(status, reason if _WORD.fullmatch(reason) else "", sentence)


def _reason(error: dict[str, Any]) -> str:
    for detail in error.get("details", ()):  # the newer form, for what fails before the storage itself
        if "reason" in detail:
            return str(detail["reason"])
    return str(error["errors"][0]["reason"]) if error.get("errors") else ""


def translate(
    error: Exception, action: str, where: str, *, is_anonymous: bool = False, is_issued: bool = False
) -> LakeError:
    """Our error for a `Refusal` or one of urllib3's, by its reason, status or class; no text is looked at.

    Args:
        error: what came.
        action: what failed, on which redacted url: ``get gcs://bucket/key``.
        where: endpoint and source of the credentials, for the message.
        is_anonymous: whether no token was sent.
        is_issued: whether the token came with its end, from one who gives tokens: refused, it is over or was revoked.
    """
    if not isinstance(error, Refusal):
        kind, advice = next(_BY_CLASS[base.__name__] for base in type(error).__mro__ if base.__name__ in _BY_CLASS)
        return kind(f"cannot {action} ({type(error).__name__} from {where}): {advice}")
    kind, advice = _BY_REASON.get(error.reason) or _BY_STATUS.get(error.status) or (StorageError, _UNKNOWN)
    if kind is KeyExistsError and error.reason not in ("", "conditionNotMet"):  # a policy says so, too
        kind, advice = StorageError, _UNKNOWN
    if is_anonymous and error.status in (401, 403) and issubclass(kind, PermissionDeniedError):
        kind, advice = PermissionDeniedError, _NOBODY
    if is_issued and error.status == _UNKNOWN_TOKEN:
        kind = ExpiredCredentialsError
    verb, _, shown = action.partition(" ")
    if kind is KeyNotFoundError:
        if verb in ("get", "size", "delete"):
            return kind(f"no object {shown}")
        kind, advice = StorageError, _UNKNOWN
    if kind is KeyExistsError:
        if verb == "put":
            return kind(f"{shown} exists already")
        kind, advice = StorageError, _UNKNOWN
    said = f"{error.status} {error.reason}".strip()
    return kind(f"cannot {action} ({said} from {where}): {advice}")


def broken(reason: str, action: str, where: str) -> TransientError:
    """Our error for a body that broke off."""
    return TransientError(f"cannot {action} ({reason} from {where}): the connection broke: {_NETWORK}")
