"""Google's JSON files: what each kind needs, and the SDK's credentials object for it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from deeplake_nb.credentials.provider import Secret, sealed, without_frames
from deeplake_nb.errors import (
    CredentialsError,
    ExpiredCredentialsError,
    LakeError,
    MissingDependencyError,
    PartialCredentialsError,
    PermissionDeniedError,
    RefusedCredentialsError,
    did_you_mean,
)

Key = Mapping[str, object]
"""The content of such a file, its texts sealed."""

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
"""What tokens are asked for: objects, and the settings of buckets to read; not their rights, and no other service."""

GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address


class Kind(NamedTuple):
    """One value of ``"type"``.

    Attributes:
        required: keys without which it is half a set.
        load: makes the SDK's credentials object out of the file's plain content.
        refusal: what it means that the other side refuses it, and what to do then.
    """

    required: tuple[str, ...]
    load: Callable[[dict[str, Any]], Any]
    refusal: tuple[type[LakeError], str]


def read(path: str | Path, name: str) -> Key:
    """The content of a JSON file; ``name`` says in messages where its path comes from.

    Raises:
        CredentialsError: no such file, not readable, or no JSON object.
    """
    try:
        text = Path(path).expanduser().read_bytes()
    except (OSError, ValueError, RuntimeError) as error:  # ValueError: a NUL; RuntimeError: ~ without a home
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise CredentialsError(f"{name} cannot be read ({reason}): give the path of a JSON file") from None
    try:
        content = sealed(json.loads(text))
    except ValueError:
        content = None
    del text  # or a traceback would show it
    if not isinstance(content, Mapping):
        raise CredentialsError(f"{name} is no JSON object: give the file as Google's console or gcloud wrote it")
    return content


def kind_of(key: Key, name: str) -> str:
    """The kind of credentials a JSON object is, complete.

    Raises:
        CredentialsError: it is none, or something else of Google's.
        PartialCredentialsError: it is one, with keys missing.
    """
    if client := {"installed", "web"} & set(key):
        raise CredentialsError(
            f"{name} is an OAuth client ({client.pop()!r}) and no credentials: set DEEPLAKE_NB_GCS_CLIENT to its path"
            " and pass creds='browser'"
        )
    kind = text_of(key, "type")
    if not kind:
        raise CredentialsError(f"{name} has no 'type': expected Google's JSON of one of {_all()}")
    if kind not in KINDS:
        raise CredentialsError(f"{name} is of type {kind!r}{did_you_mean(kind, KINDS)}: expected one of {_all()}")
    missing = [part for part in KINDS[kind].required if not revealed(key.get(part))]
    if missing:
        raise PartialCredentialsError(f"{name} is of type {kind!r} without {', '.join(missing)}: give the whole file")
    return kind


def sdk_credentials(key: Key, name: str) -> Any:
    """The SDK's credentials object for a JSON object; nothing is asked yet.

    Raises:
        CredentialsError: as `kind_of`, or with a content that cannot be used.
        MissingDependencyError: the SDK is not installed.
    """
    kind = kind_of(key, name)
    google_auth()
    try:
        return KINDS[kind].load(revealed(key))
    except LakeError:
        raise
    except Exception as error:  # noqa: BLE001 - the SDK lets through what its libraries raise
        reason, cause = type(error).__name__, without_frames(error)
    raise CredentialsError(f"{name} is of type {kind!r} and cannot be used ({reason}): get it anew") from cause


def text_of(key: Key, name: str) -> str | None:
    """A text that is no secret."""
    value = key.get(name)
    return value.reveal() if isinstance(value, Secret) else None


def revealed(value: Any) -> Any:
    """The plain content, for the one call that needs it; keep it in no variable."""
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {name: revealed(part) for name, part in value.items()}
    return [revealed(part) for part in value] if isinstance(value, list) else value


def _service_account(key: dict[str, Any]) -> Any:
    from google.oauth2.service_account import Credentials

    return Credentials.from_service_account_info(key, scopes=[SCOPE])  # type: ignore[no-untyped-call]


def _authorized_user(key: dict[str, Any]) -> Any:
    from google.oauth2.credentials import Credentials

    # Built here, as the SDK's own way drops token_uri. No scopes: they were granted when the user signed in.
    return Credentials(  # type: ignore[no-untyped-call]
        None,
        refresh_token=key["refresh_token"],
        client_id=key["client_id"],
        client_secret=key["client_secret"],
        token_uri=key.get("token_uri") or GOOGLE_TOKEN_URI,
        account=key.get("account"),
    )


def _external_account(key: dict[str, Any]) -> Any:
    module = "identity_pool"
    if key["subject_token_type"] == "urn:ietf:params:aws:token-type:aws4_request":  # noqa: S105 - a name
        module = "aws"
    elif "executable" in key["credential_source"]:
        module = "pluggable"
    return import_module(f"google.auth.{module}").Credentials.from_info(key, scopes=[SCOPE])


def _external_user(key: dict[str, Any]) -> Any:
    from google.auth.external_account_authorized_user import Credentials

    return Credentials.from_info(key)  # type: ignore[no-untyped-call]


def _impersonated(key: dict[str, Any]) -> Any:
    from google.auth.impersonated_credentials import Credentials

    address = key["service_account_impersonation_url"]
    target = address.rpartition("/")[2].partition(":")[0]
    source = sdk_credentials(sealed(key["source_credentials"]), "source_credentials")
    return Credentials(  # type: ignore[no-untyped-call]
        source, target, [SCOPE], delegates=key.get("delegates"), iam_endpoint_override=address
    )


_KEY_REFUSED = (
    RefusedCredentialsError,
    "the key was deleted or belongs to another account, or the clock of this machine is wrong; else make a new key",
)
_LOGIN_OVER = (ExpiredCredentialsError, "the login is over or was revoked: run `gcloud auth application-default login`")
_NOT_ALLOWED = (PermissionDeniedError, "ask for the role Service Account Token Creator, and check source_credentials")
_NOT_TAKEN = (PermissionDeniedError, "check the workload identity pool, and the token in its credential_source")
KINDS = {
    "service_account": Kind(("client_email", "private_key", "token_uri"), _service_account, _KEY_REFUSED),
    "authorized_user": Kind(("client_id", "client_secret", "refresh_token"), _authorized_user, _LOGIN_OVER),
    "impersonated_service_account": Kind(
        ("service_account_impersonation_url", "source_credentials"), _impersonated, _NOT_ALLOWED
    ),
    "external_account": Kind(
        ("audience", "subject_token_type", "token_url", "credential_source"), _external_account, _NOT_TAKEN
    ),
    "external_account_authorized_user": Kind(
        ("audience", "refresh_token", "token_url", "client_id", "client_secret"), _external_user, _LOGIN_OVER
    ),
}


def _all() -> str:
    return ", ".join(KINDS)


def default_path(environ: Mapping[str, str]) -> Path:
    """Where gcloud keeps the application default credentials; ``CLOUDSDK_CONFIG`` is its folder if set."""
    folder = environ.get("CLOUDSDK_CONFIG")
    if not folder and sys.platform == "win32":
        folder = str(Path(environ.get("APPDATA", "~/AppData/Roaming"), "gcloud"))
    return Path(folder or "~/.config/gcloud").expanduser() / "application_default_credentials.json"


def google_auth() -> Any:
    """Google's SDK, imported at the first call (a fifth of a second).

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import google.auth.exceptions
    except ImportError as error:
        raise MissingDependencyError("gcs:// needs google-cloud-storage: run `pip install google-cloud-storage`") from (
            error
        )
    return google.auth
