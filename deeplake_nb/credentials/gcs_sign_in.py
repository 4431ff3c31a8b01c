"""Signing in to Google Cloud Storage: the OAuth client to use, and sign-ins kept for ``creds="cache"``."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from deeplake_nb.credentials import gcs_keys
from deeplake_nb.credentials.gcs_tokens import Found
from deeplake_nb.credentials.oauth import SECONDS, Grant, OAuthClient, SignIn
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import CredentialsError, ExpiredCredentialsError, MissingCredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Environ = Mapping[str, str]

_CLIENT = "DEEPLAKE_NB_GCS_CLIENT"
_GOOGLE_AUTH_URI = "https://accounts.google.com/o/oauth2/v2/auth"
_CLIENT_ADVICE = (
    f"set {_CLIENT} to the JSON of your own OAuth client of kind Desktop,"
    " or run `gcloud auth application-default login`"
)
_LOGIN_OVER = (ExpiredCredentialsError, "the sign-in is over or was revoked: sign in again with creds='browser'")


def sign_in(environ: Environ, lead: Callable[[SignIn], None], *, seconds: float = SECONDS) -> None:
    """Sign in through a browser, and keep it: from then on ``creds="cache"`` works, in every process of this user.

    Args:
        environ: where settings are looked for.
        lead: shows the link and takes what is pasted, until there is an answer.
        seconds: how long an answer is waited for.

    Raises:
        CredentialsError: no OAuth client, refused, cancelled, or nobody answered in time.
    """
    with begin(environ, seconds=seconds) as under_way:
        lead(under_way)
        under_way.wait()


def begin(environ: Environ, *, seconds: float = SECONDS) -> SignIn:
    """A sign-in under way, which its `SignIn.wait` keeps; nothing blocks here.

    Raises:
        CredentialsError: no OAuth client is set up, or it is of the wrong kind.
    """
    return SignIn(oauth_client(environ), gcs_keys.SCOPE, keep=lambda grant: keep(grant, environ), seconds=seconds)


def oauth_client(environ: Environ) -> OAuthClient:
    """The user's own OAuth client, else the project credentials of gcloud.

    Raises:
        MissingCredentialsError: neither is there.
        CredentialsError: a file of the wrong kind, or damaged.
    """
    own = environ.get(_CLIENT, "").strip()
    if own:
        name = f"the file in {_CLIENT}"
        content = gcs_keys.read(own, name)
        key = content.get("installed")
        if not isinstance(key, dict):
            found = "a client of kind Web" if "web" in content else f"of type {gcs_keys.text_of(content, 'type')!r}"
            raise CredentialsError(f"{name} is {found}: give the JSON of an OAuth client of kind Desktop ('installed')")
    else:
        path = gcs_keys.default_path(environ)
        name = str(path)
        if not path.is_file():
            raise MissingCredentialsError(
                f"creds='browser' needs an OAuth client, and {name} is absent: {_CLIENT_ADVICE}"
            )
        key = gcs_keys.read(path, name)
        kind = gcs_keys.text_of(key, "type")
        if kind != "authorized_user":
            raise CredentialsError(f"{name} is of type {kind!r} and has no OAuth client: {_CLIENT_ADVICE}")
    client_id, client_secret = gcs_keys.text_of(key, "client_id"), key.get("client_secret")
    if not client_id or not isinstance(client_secret, Secret):
        raise CredentialsError(f"{name} has no client_id or no client_secret: {_CLIENT_ADVICE}")
    return OAuthClient(
        client_id,
        client_secret,
        gcs_keys.text_of(key, "auth_uri") or _GOOGLE_AUTH_URI,
        gcs_keys.text_of(key, "token_uri") or gcs_keys.GOOGLE_TOKEN_URI,
        name,
    )


def cached(environ: Environ) -> Found | None:
    """The newest sign-in that was kept (of the user's own OAuth client, if there is one), as the SDK's object."""
    files = _files(environ)
    if not files:
        return None
    return Found(gcs_keys.sdk_credentials(gcs_keys.read(files[0], str(files[0])), str(files[0])), _LOGIN_OVER)


def sign_out(environ: Environ) -> int:
    """Forget the sign-ins that were kept on this machine (of the user's own OAuth client, if there is one).

    Google keeps the consent until it is withdrawn at https://myaccount.google.com/connections: doing so from here
    would end every other login of the same OAuth client, gcloud's for one.

    Returns:
        How many there were.
    """
    files = _files(environ)
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


def keep(grant: Grant, environ: Environ) -> None:
    """Write a sign-in to a file of its own, which nobody else may read; replaces that of the same client and scope.

    Raises:
        CredentialsError: the folder or the file cannot be written.
    """
    file = _file(grant.client.client_id, grant.scope, environ)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=file.parent)  # of mode 0600
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(_content(grant))
                out.flush()
                os.fsync(out.fileno())
            Path(temporary).replace(file)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        reason = error.strerror
    else:
        return
    raise CredentialsError(
        f"the sign-in cannot be kept in {file.parent} ({reason}): make it writable, or set XDG_CONFIG_HOME"
    )


def _content(grant: Grant) -> bytes:
    return json.dumps(
        {
            "type": "authorized_user",
            "client_id": grant.client.client_id,
            "client_secret": grant.client.client_secret.reveal(),
            "token_uri": grant.client.token_uri,
            "refresh_token": grant.refresh_token.reveal(),
            "scope": grant.scope,
        },
        indent=1,
    ).encode()


def _files(environ: Environ) -> list[Path]:
    """Kept sign-ins, the newest first."""
    if environ.get(_CLIENT, "").strip():
        file = _file(oauth_client(environ).client_id, gcs_keys.SCOPE, environ)
        return [file] if file.is_file() else []
    return sorted(_folder(environ).glob("*.json"), key=lambda file: file.stat().st_mtime_ns, reverse=True)


def _file(client_id: str, scope: str, environ: Environ) -> Path:
    return _folder(environ) / f"{hashlib.sha256(f'{client_id} {scope}'.encode()).hexdigest()[:16]}.json"


def _folder(environ: Environ) -> Path:
    folder = environ.get("XDG_CONFIG_HOME")
    if not folder and sys.platform == "win32":
        folder = environ.get("APPDATA")
    if not folder:
        folder = "~/Library/Application Support" if sys.platform == "darwin" else "~/.config"
    return Path(folder).expanduser() / "deeplake-nb" / "gcs"
