"""What Azure storage, its SDK and the network answer when they refuse, as our errors: two tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from deeplake_nb.errors import (
    ExpiredCredentialsError,
    KeyExistsError,
    KeyNotFoundError,
    LakeError,
    PermissionDeniedError,
    RefusedCredentialsError,
    StorageError,
    UrlError,
)
from deeplake_nb.storage.bodies import BodyError
from deeplake_nb.storage.retries import TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deeplake_nb.credentials.azure import AzureCredentials


class PastEndError(LakeError):
    """A range that starts behind the object's last byte; never leaves the storage."""


class FolderError(LakeError):
    """A folder where an object was meant; never leaves the storage."""


class Saying(Exception):  # noqa: N818  # a cause: the error is ours
    """What was said by the service or the network, without the requests and answers that hold secrets."""


_CONTAINER = "there is no such container: check its name and the account's"
_KEY = "account_key does not belong to this account: copy key1 or key2 of it"
_SAS = "sas_token was changed, was revoked, or is for another container: make a new one"
_TOKEN = "this account does not accept the login: sign in to the account's tenant"  # noqa: S105
_NOBODY = "the container is not public: pass creds="
_RIGHTS = {
    "sas_token": "the SAS token does not permit this: make one with the rights r, w, d and l",
    "access_token": "give this login the role Storage Blob Data Contributor (or Reader) on the container",
    "anonymous": _NOBODY,
}
_REFUSED = {"account_key": _KEY, "sas_token": _SAS, "access_token": _TOKEN, "anonymous": _NOBODY}
_RULE = "a network rule of the account forbids it: ask the account's owner"
_FORBIDDEN = {
    "sas_token": f"the SAS token is of too little scope or altered: make a new one; or {_RULE}",
    "account_key": f"{_KEY}; or {_RULE}",
    "access_token": _RULE,
    "anonymous": _NOBODY,
}
_BUSY = "the storage is overloaded: try again in a moment"
_NAME = "the name is not valid: a container has 3 to 63 of a-z, 0-9 and '-'"
_HIERARCHY = "the account needs a hierarchical namespace (Data Lake Storage Gen2) for this"
_UNKNOWN = "see the cause with the full traceback"
# https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes, and …/data-lake-storage-gen2.
# An advice that is a table is chosen by the kind of credentials.
_BY_CODE: dict[str, tuple[type[LakeError], str | Mapping[str, str]]] = {
    "BlobNotFound": (KeyNotFoundError, ""),
    "PathNotFound": (KeyNotFoundError, ""),
    "SourcePathNotFound": (KeyNotFoundError, ""),
    "ResourceNotFound": (KeyNotFoundError, ""),
    "ContainerNotFound": (StorageError, _CONTAINER),
    "FilesystemNotFound": (StorageError, _CONTAINER),
    "ContainerBeingDeleted": (StorageError, "the container is being deleted: choose another"),
    "InvalidRange": (PastEndError, ""),
    "BlobAlreadyExists": (KeyExistsError, ""),
    "PathAlreadyExists": (KeyExistsError, ""),
    "ConditionNotMet": (KeyExistsError, ""),
    "ResourceTypeMismatch": (FolderError, "it is a folder"),
    "DirectoryIsNotEmpty": (FolderError, "it is a folder"),
    "DirectoryNotEmpty": (FolderError, "it is a folder"),
    "PathConflict": (FolderError, "it, or something above it, is a file and not a folder"),
    "InvalidPath": (FolderError, "it, or something above it, is a file and not a folder"),
    "AuthenticationFailed": (RefusedCredentialsError, _REFUSED),
    "InvalidAuthenticationInfo": (RefusedCredentialsError, _REFUSED),
    "NoAuthenticationInformation": (PermissionDeniedError, _NOBODY),
    "PublicAccessNotPermitted": (PermissionDeniedError, "the account allows nobody without credentials: pass creds="),
    "KeyBasedAuthenticationNotPermitted": (
        PermissionDeniedError,
        "the account takes no keys: run `az login`, or ask for a SAS token made with a login",
    ),
    "AuthorizationFailure": (PermissionDeniedError, _FORBIDDEN),
    "AuthorizationPermissionMismatch": (PermissionDeniedError, _RIGHTS),
    "InsufficientAccountPermissions": (PermissionDeniedError, _RIGHTS),
    "UnauthorizedBlobOverwrite": (PermissionDeniedError, _RIGHTS),
    "AuthorizationServiceMismatch": (PermissionDeniedError, "the SAS token is not for blobs: make one that is"),
    "AuthorizationResourceTypeMismatch": (PermissionDeniedError, "the SAS token needs the resource types c and o"),
    "AuthorizationProtocolMismatch": (PermissionDeniedError, "the SAS token is for https only: correct endpoint_url"),
    "AuthorizationSourceIPMismatch": (PermissionDeniedError, "the SAS token is for other machines than this one"),
    "AccountIsDisabled": (PermissionDeniedError, "the account is disabled: ask its owner"),
    "LeaseIdMissing": (StorageError, "another program holds a lease on it: break the lease, or wait"),
    "LeaseAlreadyPresent": (StorageError, "another program holds a lease on it: break the lease, or wait"),
    "SnapshotsPresent": (StorageError, "it has snapshots: delete these first"),
    "BlobImmutableDueToPolicy": (PermissionDeniedError, "a policy of the container keeps it from being changed"),
    "BlobArchived": (StorageError, "it is in the archive tier: rehydrate it"),
    "HierarchicalNamespaceNotEnabled": (StorageError, _HIERARCHY),
    "EndpointUnsupportedAccountFeatures": (StorageError, _HIERARCHY),
    "RequestBodyTooLarge": (StorageError, "it is too large for this account"),
    "InvalidResourceName": (UrlError, _NAME),
    "OutOfRangeInput": (UrlError, _NAME),
    "InvalidUri": (UrlError, "the storage does not accept this name"),
    "InvalidHeaderValue": (StorageError, "endpoint_url leads to something too old, or that is no Azure storage"),
    "ServerBusy": (TransientError, _BUSY),
    "OperationTimedOut": (TransientError, _BUSY),
    "InternalError": (TransientError, _BUSY),
}
_BY_STATUS = {
    401: "InvalidAuthenticationInfo",
    403: "AuthorizationPermissionMismatch",
    404: "BlobNotFound",
    408: "OperationTimedOut",
    412: "ConditionNotMet",
    416: "InvalidRange",
    429: "ServerBusy",
    500: "InternalError",
    502: "InternalError",
    503: "ServerBusy",
    504: "OperationTimedOut",
}
# By the name of a class of urllib3, of the SDK or of Python, innermost first, so that the table needs none of them.
_NETWORK = "check the network and endpoint_url"
_BY_CLASS: dict[str, tuple[type[LakeError], str]] = {
    "NameResolutionError": (StorageError, "there is no such account, or no network: check its name and endpoint_url"),
    "gaierror": (StorageError, "there is no such account, or no network: check its name and endpoint_url"),
    "SSLError": (StorageError, "its certificate is not trusted: check endpoint_url, or set REQUESTS_CA_BUNDLE"),
    "ProxyError": (StorageError, "check the proxy in HTTPS_PROXY"),
    "LocationParseError": (StorageError, "check endpoint_url"),
    "NewConnectionError": (TransientError, _NETWORK),
    "ConnectTimeoutError": (TransientError, _NETWORK),
    "BodyError": (TransientError, f"the connection broke: {_NETWORK}"),
    "Exception": (TransientError, f"the connection broke: {_NETWORK}"),
}
_SKEW = timedelta(minutes=14)  # the service allows 15


class Refusal(NamedTuple):
    """An answer that is no success.

    Attributes:
        status: of HTTP.
        headers: by lowercase name; code, time and number are there. The body may hold signatures, and is not looked at.
    """

    status: int
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """What Azure calls it; without that the status decides."""
        return self.headers.get("x-ms-error-code") or str(self.status)

    def error(self, action: str, where: str, found: AzureCredentials) -> LakeError:
        """Our error, of a request that ``found`` had signed; ``where`` is the endpoint and the source of these."""
        kind, advice = _BY_CODE.get(self.code) or _BY_CODE.get(
            _BY_STATUS.get(self.status, ""), (StorageError, _UNKNOWN)
        )
        if issubclass(kind, PermissionDeniedError) and (now := _time(self.headers.get("date", ""))):
            if found.expires_at is not None and found.expires_at <= now:
                kind, advice = ExpiredCredentialsError, f"they ended at {found.expires_at}: renew them"
            elif abs(skew := now - datetime.now(UTC)) > _SKEW:
                minutes = round(skew.total_seconds() / 60)
                kind, advice = StorageError, f"the clock of this machine is {abs(minutes)} minutes off: set it"
        if (
            self.code == "AuthorizationFailure" and found.account_key
        ):  # a key may do all: it is the wrong one, or barred
            kind = RefusedCredentialsError
        if kind is RefusedCredentialsError and found.anonymous:
            kind = PermissionDeniedError
        if not isinstance(advice, str):
            advice = next((text for way, text in advice.items() if getattr(found, way)), _UNKNOWN)
        failure = _failure(kind, self.code, action, where, advice)
        number = self.headers.get("x-ms-request-id", "none")
        failure.__cause__ = Saying(f"HTTP {self.status}, {self.code}, x-ms-request-id {number}")
        return failure


class Breakdown(NamedTuple):
    """A request that got no answer, or half of one."""

    reason: BaseException

    def error(self, action: str, where: str, found: AzureCredentials) -> LakeError:
        """Our error; the reason's own text may hold a signed address, the innermost one's does not."""
        del found
        reasons = list(_reasons(self.reason))
        names = {base.__name__ for reason in reasons for base in type(reason).__mro__}
        kind, advice = next(_BY_CLASS[name] for name in _BY_CLASS if name in names)
        known = next((type(reason).__name__ for reason in reasons if type(reason).__name__ in _BY_CLASS), None)
        said = str(self.reason) if isinstance(self.reason, BodyError) else known or type(self.reason).__name__
        failure = _failure(kind, said, action, where, advice)
        root = reasons[-1]
        failure.__cause__ = Saying(f"{type(root).__name__}: {root if isinstance(root, OSError) else ''}")
        return failure


def of_sdk(error: Any) -> Refusal | Breakdown:
    """What an ``AzureError`` is about."""
    answer = getattr(error, "response", None)
    if answer is None:
        return Breakdown(error)
    return Refusal(answer.status_code, {name.lower(): value for name, value in answer.headers.items()})


def _reasons(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from; libraries hide that in four places."""
    seen: set[int] = set()
    pending: list[Any] = [error]
    while pending:
        current = pending.pop(0)
        if not isinstance(current, BaseException) or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        pending += [current.__cause__, getattr(current, "reason", None), getattr(current, "inner_exception", None)]
        pending += [current.__context__, *current.args]


def _time(date: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(date)
    except ValueError:
        return None
    return when if when.tzinfo else None  # of no zone, or two times in one


def _failure(kind: type[LakeError], reason: str, action: str, where: str, advice: str) -> LakeError:
    verb, _, shown = action.partition(" ")
    if kind is KeyNotFoundError:
        if verb in ("get", "size", "delete", "rename"):
            return kind(f"no object {shown}")
        kind, advice = StorageError, _CONTAINER
    if kind is KeyExistsError:
        return kind(f"{shown} exists already")
    if (kind is FolderError and verb != "delete") or (kind is PastEndError and verb != "get"):
        kind, advice = StorageError, advice or _UNKNOWN
    return kind(f"cannot {action} ({reason} from {where}): {advice}")
