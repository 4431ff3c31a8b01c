"""Tokens out of the credentials objects of Google's SDK."""

from __future__ import annotations

import http
import json
import re
from collections.abc import Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any, NamedTuple

from deeplake_nb.credentials import gcs_keys, transport
from deeplake_nb.credentials.provider import Secret, without_frames
from deeplake_nb.credentials.refreshing import Refreshing
from deeplake_nb.errors import CredentialsError, LakeError, PermissionDeniedError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deeplake_nb.credentials.chain import Clock
    from deeplake_nb.credentials.gcs import GcsCredentials

_METADATA_SECONDS = 2
_CODE = re.compile(r"[A-Za-z][A-Za-z_ .-]{0,60}")
_CLIENT_GONE = (
    CredentialsError,
    "its OAuth client was deleted or changed: make a new one, and sign in again",
)
_BY_CODE: dict[str, tuple[type[LakeError], str]] = {
    "invalid_client": _CLIENT_GONE,
    "deleted_client": _CLIENT_GONE,
    "unauthorized_client": _CLIENT_GONE,
    "invalid_scope": (PermissionDeniedError, "its tokens may not be used for storage: sign in again and allow it"),
}


class Found(NamedTuple):
    """One of the SDK's credentials objects, and what it means that the other side refuses it."""

    sdk: Any
    refusal: tuple[type[LakeError], str]


class SdkTokens(Refreshing):
    """A source that keeps the token of one of the SDK's credentials objects fresh. Thread-safe.

    Args:
        name: what it is called in messages.
        absent: why it has none, when it has none.
        find: makes the object when it is first needed, and again after a refusal; ``None``: there is none.
        clock: gives the time, aware of its zone.
    """

    def __init__(self, name: str, absent: str, find: Callable[[], Found | None], clock: Clock) -> None:
        super().__init__(name, self._token, clock=clock)
        self.absent = absent
        self._find = find
        self._found: Found | None = None

    def _token(self) -> GcsCredentials | None:
        from deeplake_nb.credentials.gcs import GcsCredentials

        found = self._found = self._found or self._find()
        if found is None:
            return None
        sdk = found.sdk
        if not sdk.valid:
            self._renew_token(found)
        return GcsCredentials(
            token=Secret(sdk.token),
            expires_at=sdk.expiry.replace(tzinfo=UTC) if sdk.expiry else None,
            account=getattr(sdk, "service_account_email", None) or getattr(sdk, "account", None) or None,
            source=self.name,
        )

    def _renew_token(self, found: Found) -> None:
        try:
            found.sdk.refresh(transport.google_request)
        except Exception as error:  # noqa: BLE001 - the SDK runs the user's own programs, too
            self._found = None
            failure = _failure(self.name, error, found.refusal)
            error.args = error.args[:1]  # the others are the whole answer
            cause = without_frames(error)
        else:
            return
        raise failure from cause


def machine(host: str) -> Found | None:
    """The service account of this machine, if ``host`` is a metadata server of Google's and has one."""
    transport_error = gcs_keys.google_auth().exceptions.TransportError
    try:
        answer = transport.google_request(
            f"http://{host}/computeMetadata/v1/instance/service-accounts/default/email",
            headers={"Metadata-Flavor": "Google"},
            timeout=_METADATA_SECONDS,
            retries=False,
        )
    except transport_error:  # no machine of Google's
        return None
    if answer.status != http.HTTPStatus.OK or answer.headers.get("Metadata-Flavor") != "Google":
        return None
    from google.auth.compute_engine import Credentials

    refusal = (PermissionDeniedError, "give this machine a service account, with the scope for storage")
    return Found(Credentials(scopes=[gcs_keys.SCOPE]), refusal)  # type: ignore[no-untyped-call]


def _failure(name: str, error: Exception, refusal: tuple[type[LakeError], str]) -> LakeError:
    """Our error for what the SDK raised instead of giving a token; texts of the other side are not shown."""
    known = gcs_keys.google_auth().exceptions
    origin = error.__cause__ if isinstance(error.__cause__, known.TransportError) else error
    if isinstance(origin, known.TransportError) or getattr(error, "retryable", False):
        reason = origin.args[0] if isinstance(origin, known.TransportError) and origin.args else "its server is busy"
        reason = reason if isinstance(reason, str) and _CODE.fullmatch(reason) else "no answer"
        return StorageError(f"{name}: the server that gives tokens cannot be reached ({reason}): check the network")
    if not isinstance(error, known.RefreshError | known.OAuthError):
        return CredentialsError(f"{name} cannot be used ({type(error).__name__}): see the cause")
    code = _code(error)
    kind, advice = _BY_CODE.get(code, refusal)
    if not code:  # nobody refused
        return CredentialsError(f"{name} gave no token (see the cause): {advice}")
    return kind(f"{name} was refused a token ({code}): {advice}")


def _code(error: Exception) -> str:
    """The other side's word for why it refused, from its answer."""
    for part in error.args[1:]:
        answer = part
        if isinstance(part, str | bytes):
            try:
                answer = json.loads(part)
            except ValueError:
                continue
        if isinstance(answer, Mapping):
            reason = answer.get("error")
            reason = reason.get("status") if isinstance(reason, Mapping) else reason
            if isinstance(reason, str) and _CODE.fullmatch(reason):
                return reason
    return ""
