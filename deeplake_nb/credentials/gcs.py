"""Credentials of Google Cloud Storage: tokens, and everything that gives one."""
# ruff: noqa: RUF009  # credential() is dataclasses.field()

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials import gcs_keys
from deeplake_nb.credentials.chain import Chain, utc_now
from deeplake_nb.credentials.gcs_tokens import Found, SdkTokens, machine
from deeplake_nb.credentials.provider import Secret, Static, credential, from_environ, given, read_endpoint, read_time
from deeplake_nb.errors import CredentialsError, did_you_mean

if TYPE_CHECKING:
    from datetime import datetime

    from deeplake_nb.credentials.chain import Clock
    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.urls import Url

    Environ = Mapping[str, str]


def _endpoint(text: str) -> str:
    return read_endpoint(text if "://" in text else f"http://{text}").rstrip("/")  # as emulators are often given


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsCredentials:
    """Who we are to Google Cloud Storage: a token for a while, or nobody.

    ``account`` is the identity behind the token as far as it is known, ``source`` where it was found; both take no
    part in comparing. ``expires_at`` is aware UTC, ``None`` if unknown.
    """

    token: Secret | None = credential(
        label="Access token",
        help="Lasts an hour, as `gcloud auth print-access-token` prints it.",
        secret=True,
    )
    expires_at: datetime | None = credential(
        label="Expires",
        help="When the token ends, as 2030-01-31T12:00:00Z.",
        role="optional",
        read=read_time,
    )
    key_file: str | None = credential(
        label="Key file",
        help="Path of the JSON key of a service account, or of JSON that gcloud wrote, in place of a token.",
        role="setting",
    )
    user_project: str | None = credential(
        label="Project to bill",
        help="For buckets whose requester pays.",
        env=("GOOGLE_CLOUD_QUOTA_PROJECT",),
        role="setting",
    )
    endpoint_url: str | None = credential(
        label="Endpoint",
        help="For an emulator, or a private address of the service.",
        env=("STORAGE_EMULATOR_HOST",),
        role="setting",
        read=_endpoint,
    )
    account: str | None = field(default=None, compare=False)
    source: str = field(default="argument", compare=False)


_WORDS = ("browser", "cache", "anonymous", "anon", "google_default")
_SETTINGS = ("user_project", "endpoint_url")
_KEY_PARTS = frozenset({"type", "private_key", "refresh_token", "installed", "web"})
_ADVICE = (
    "Pass creds='key.json' (the key of a service account), set GOOGLE_APPLICATION_CREDENTIALS to its path, run"
    " `gcloud auth application-default login`, or sign in with creds='browser'"
)
_OWN_OBJECT = (CredentialsError, "check the credentials object given")


def chain(url: Url, creds: object, *, environ: Environ, clock: Clock = utc_now) -> Chain:
    """Argument, key file of the environment, application default credentials, then the machine's metadata server.

    What is given stands alone: the path of a JSON file, its content, a token, one of Google's credentials objects,
    ``"cache"`` (the sign-in that was kept; ``"browser"`` is the same once the session has signed in) or
    ``"anonymous"``. An emulator in ``STORAGE_EMULATOR_HOST`` gets what is given and nothing that is found, as it is
    none of Google's: it is asked anonymously then.

    Raises:
        CredentialsError: an unknown key or word, half a set, a file of another kind.
    """
    settings = from_environ(GcsCredentials, environ)
    given_one: CredentialProvider | None = None
    if isinstance(creds, Mapping):
        is_key = bool(_KEY_PARTS & set(creds))
        values = given(GcsCredentials, {n: v for n, v in creds.items() if n in _SETTINGS} if is_key else creds)
        settings |= values
        if is_key:
            given_one = _tokens({n: v for n, v in creds.items() if n not in _SETTINGS}, "creds", clock)
        else:
            given_one = _declared(values, clock)
    elif isinstance(creds, str):
        given_one = _named(creds, environ, clock)
    else:
        given_one = _object(creds, clock)
    argument = given_one or Static(GcsCredentials, {})
    sources = [argument] if given_one else [argument, *_ambient(environ, clock)]
    settings = {name: value for name, value in settings.items() if name in _SETTINGS}
    return Chain(str(url), sources, settings=settings, advice=_ADVICE, clock=clock)


def _ambient(environ: Environ, clock: Clock) -> list[CredentialProvider]:
    def of_environment() -> Found | None:
        path = environ.get("GOOGLE_APPLICATION_CREDENTIALS", "").strip()
        name = "the file in GOOGLE_APPLICATION_CREDENTIALS"
        return _found(gcs_keys.read(path, name), name) if path else None

    def of_gcloud() -> Found | None:
        path = gcs_keys.default_path(environ)
        return _found(gcs_keys.read(path, str(path)), str(path)) if path.is_file() else None

    def of_machine() -> Found | None:
        host = environ.get("GCE_METADATA_HOST") or environ.get("GCE_METADATA_IP") or "169.254.169.254"
        return None if environ.get("NO_GCE_CHECK") == "true" else machine(host)

    if environ.get("STORAGE_EMULATOR_HOST", "").strip():
        return [_nobody("emulator")]
    return [
        SdkTokens("environment", "GOOGLE_APPLICATION_CREDENTIALS unset", of_environment, clock),
        SdkTokens("application default credentials", "absent", of_gcloud, clock),
        SdkTokens("metadata server", "none", of_machine, clock),
    ]


def _declared(values: Mapping[str, Any], clock: Clock) -> CredentialProvider | None:
    """What a dictionary with our own keys holds."""
    path = values.get("key_file")
    own = {name: value for name, value in values.items() if name in ("token", "expires_at")}
    if path is None:
        return Static(GcsCredentials, own) if own else None
    if own:
        raise CredentialsError("creds has both token and key_file: give one of the two")
    return _tokens(gcs_keys.read(path, f"key_file {path!r}"), f"key_file {path!r}", clock)


def _named(text: str, environ: Environ, clock: Clock) -> CredentialProvider | None:
    """What a word or a path stands for. Other text is not shown: it may be a token."""
    if text == "google_default":
        return None
    if text in ("anonymous", "anon"):
        return _nobody("anonymous")
    if text in ("cache", "browser"):
        from deeplake_nb.credentials import gcs_sign_in

        absent = "nobody has signed in on this machine with creds='browser'"
        return SdkTokens("cache", absent, partial(gcs_sign_in.cached, environ), clock)
    if _is_file(text):
        name = f"creds {str(text)!r}"
        return _tokens(gcs_keys.read(text, name), name, clock)
    shown = (
        f"there is no file {str(text)!r}"
        if text.endswith(".json")
        else "creds is no file's path, and none of the words"
    )
    raise CredentialsError(
        f"{shown}{did_you_mean(text, _WORDS)}: give the path of a JSON key, 'browser', 'cache' or 'anonymous'"
    )


def _object(creds: Any, clock: Clock) -> CredentialProvider:
    """One of the SDK's credentials objects, as a source."""
    from google.auth.credentials import AnonymousCredentials, with_scopes_if_required

    if isinstance(creds, AnonymousCredentials):
        return _nobody("anonymous")
    scoped = with_scopes_if_required(creds, [gcs_keys.SCOPE])  # type: ignore[no-untyped-call]
    return SdkTokens("argument", "none", lambda: Found(scoped, _OWN_OBJECT), clock)


def _nobody(name: str) -> Static[GcsCredentials]:
    return Static(GcsCredentials, {"token": None}, name)


def _tokens(key: gcs_keys.Key, name: str, clock: Clock) -> SdkTokens:
    """A JSON object that was given, as a source; its kind is checked at once."""
    gcs_keys.kind_of(key, name)
    return SdkTokens("argument", "none given", partial(_found, key, name), clock)


def _found(key: gcs_keys.Key, name: str) -> Found:
    return Found(gcs_keys.sdk_credentials(key, name), gcs_keys.KINDS[gcs_keys.kind_of(key, name)].refusal)


def _is_file(text: str) -> bool:
    try:
        return Path(text).expanduser().is_file()
    except (OSError, ValueError, RuntimeError):
        return False
