"""The kinds of managed keys: what each is made of, what may be shown of it, and which places it can open."""
# ruff: noqa: RUF009  # credential() is dataclasses.field()

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from deeplake_nb.credentials.azure import AzureCredentials
from deeplake_nb.credentials.gcs import GcsCredentials
from deeplake_nb.credentials.http import HttpCredentials
from deeplake_nb.credentials.provider import Declaration, Secret, credential, declarations, read_endpoint, sealed
from deeplake_nb.credentials.s3 import S3Credentials
from deeplake_nb.errors import CredentialsError, PartialCredentialsError, did_you_mean
from deeplake_nb.hub.protocol import KeyKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deeplake_nb.urls import Url

_TAIL = 4
_LONG = 16  # of a shorter secret four characters would tell too much
_CLIMBS = re.compile(r"(^|[/\\]|%2f|%5c)(\.|%2e){1,2}($|[/\\]|%2f|%5c)", re.IGNORECASE)
_ROLE = re.compile(r"arn:[\w-]+:iam::\w*:role/([\w+=,.@/-]*/)?[\w+=,.@][\w+=,.@-]*")
_ACCOUNT = re.compile(r"[A-Za-z0-9][\w.-]*@[\w-]+(\.[\w-]+)+")
_AZURE_HOST = re.compile(
    r"[a-z0-9-]+(\.z\d+)?\.(blob|dfs)\.(core\.(windows\.net|usgovcloudapi\.net|chinacloudapi\.cn)|storage\.azure\.net)"
)
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")


def _role_arn(text: str) -> str:
    if not _ROLE.fullmatch(text):
        raise ValueError("expected arn:aws:iam::123456789012:role/name")
    return text


def _account_address(text: str) -> str:
    if not _ACCOUNT.fullmatch(text):
        raise ValueError("expected name@project.iam.gserviceaccount.com")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class _Besides:
    """What some kinds need besides the fields of `creds=`."""

    role_arn: str = credential(
        label="Role",
        help="The role the hub assumes, as arn:aws:iam::123456789012:role/name.",
        read=_role_arn,
    )
    sts_endpoint_url: str | None = credential(
        label="STS endpoint",
        help="Of the service that lends short-lived keys, where it is neither the cloud's own nor at the endpoint.",
        role="setting",
        read=read_endpoint,
    )
    key: Secret = credential(
        label="Key",
        help="The JSON key of a service account, the whole file.",
        secret=True,
    )
    service_account: str = credential(
        label="Service account",
        help="The one the hub acts as, as name@project.iam.gserviceaccount.com.",
        read=_account_address,
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of managed key.

    Attributes:
        scheme: of the urls it opens.
        label: for a form.
        help: one sentence, for a form and a table.
        fields: its fields with their declarations, in the order of a form.
        required: sets of fields; one of them must be there in full.
        is_role: it holds no secret of the cloud's: the hub's own identity is let in, see ``provisioning``.
        needs_prefixes: it must name the urls below which it may be used, for it is sent to whoever answers there.
    """

    scheme: str
    label: str
    help: str
    fields: Mapping[str, Declaration]
    required: tuple[tuple[str, ...], ...]
    is_role: bool = False
    needs_prefixes: bool = False


def _of(cloud: type[Any], *names: str) -> dict[str, Declaration]:
    known = declarations(cloud)
    return {name: known[name] for name in names}


_S3_PLACE = _of(S3Credentials, "aws_region", "endpoint_url") | _of(_Besides, "sts_endpoint_url")
_AZURE_PLACE = _of(AzureCredentials, "account_name", "endpoint_url")
_GCS_PLACE = _of(GcsCredentials, "user_project", "endpoint_url") | _of(_Besides, "sts_endpoint_url")

KINDS: Mapping[KeyKind, Kind] = {
    "aws-keys": Kind(
        "s3",
        "AWS keys",
        "A key pair of AWS, or of a storage that speaks S3; with a role, these keys assume it.",
        _of(S3Credentials, "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "expires_at")
        | _of(_Besides, "role_arn")
        | _S3_PLACE,
        (("aws_access_key_id", "aws_secret_access_key"),),
    ),
    "aws-role": Kind(
        "s3",
        "AWS role",
        "A role of your AWS account that lets the hub in; there is no secret to keep.",
        _of(_Besides, "role_arn") | _S3_PLACE,
        (("role_arn",),),
        is_role=True,
    ),
    "azure-key": Kind(
        "azure",
        "Azure account key",
        "One of the two keys of a storage account, or a connection string that has one.",
        _of(AzureCredentials, "account_key", "connection_string") | _AZURE_PLACE,
        (("account_key",), ("connection_string",)),
    ),
    "azure-sas": Kind(
        "azure",
        "Azure SAS token",
        "A shared access signature that was made for the hub; it is what it is, and cannot be narrowed further.",
        _of(AzureCredentials, "sas_token") | _AZURE_PLACE,
        (("sas_token",),),
    ),
    "azure-principal": Kind(
        "azure",
        "Azure application",
        "An application of your tenant; without a client secret it lets the hub's own identity in.",
        _of(AzureCredentials, "tenant_id", "client_id", "client_secret") | _AZURE_PLACE,
        (("tenant_id",),),  # the rest is known once what `provisioning` prints has been run
        is_role=True,
    ),
    "gcs-account": Kind(
        "gcs",
        "Google service account",
        "The JSON key of a service account.",
        _of(_Besides, "key") | _GCS_PLACE,
        (("key",),),
    ),
    "gcs-impersonation": Kind(
        "gcs",
        "Google service account, impersonated",
        "A service account that lets the hub act as it; there is no secret to keep.",
        _of(_Besides, "service_account") | _GCS_PLACE,
        (("service_account",),),
        is_role=True,
    ),
    "http-token": Kind(
        "https",
        "Web server token",
        "A bearer token for files on a web server.",
        _of(HttpCredentials, "token"),
        (("token",),),
        needs_prefixes=True,
    ),
}
assert set(KINDS) == set(get_args(KeyKind))


def read(kind: KeyKind, fields: Mapping[str, Any]) -> dict[str, Secret | str]:
    """What a key is made of, checked: secrets sealed, all else as text; what is empty is left out.

    A Google key may be given as it is (the content of its file), as text of JSON, or under ``key``.

    Raises:
        CredentialsError: no such kind; an unknown or malformed field, by name.
        PartialCredentialsError: a required field is missing.
    """
    if kind not in KINDS:
        del fields  # or a traceback would show it
        raise CredentialsError(f"no kind of key {kind!r}{did_you_mean(kind, KINDS)}; known: {', '.join(KINDS)}")
    fields = _whole(kind, sealed(fields))
    known = KINDS[kind].fields
    found: dict[str, Secret | str] = {}
    for name, value in fields.items():
        if name not in known:
            hint = did_you_mean(str(name), known)
            raise CredentialsError(f"a key of kind {kind} has no field {name!r}{hint}; known: {', '.join(known)}")
        text = _text(kind, name, value)
        if text is not None:
            found[name] = text if known[name].secret else text.reveal()
    sets = KINDS[kind].required
    if not any(set(names) <= set(found) for names in sets):
        wanted = " or ".join(", ".join(names) for names in sets)
        there = ", ".join(found) or "nothing"
        raise PartialCredentialsError(f"a key of kind {kind} needs {wanted}: {there} was given")
    _check_whole(kind, found)
    return found


def _whole(kind: KeyKind, fields: Any) -> Mapping[str, Any]:
    """The fields as a dictionary; the content of a Google key becomes its one field."""
    if not isinstance(fields, Mapping):
        raise CredentialsError(f"the fields of a key of kind {kind} are a dictionary, not {type(fields).__name__}")
    if kind == "gcs-account" and "private_key" in fields:
        places = KINDS[kind].fields
        content = {name: value for name, value in fields.items() if name not in places}
        return {"key": content} | {name: value for name, value in fields.items() if name in places}
    return fields


def _text(kind: KeyKind, name: str, value: Any) -> Secret | None:
    """One field as text that its declaration accepts; None if it is empty."""
    from deeplake_nb.credentials.gcs_keys import revealed

    if isinstance(value, Mapping) and name == "key":
        value = Secret(json.dumps(revealed(value)))
    if hasattr(value, "isoformat"):
        value = Secret(value.isoformat())
    if value is not None and not isinstance(value, Secret):
        raise CredentialsError(f"{name} of a key of kind {kind} must be text, not {type(value).__name__}")
    if value is None or not value.reveal().strip():
        return None
    reason = ""
    try:
        KINDS[kind].fields[name].read(value.reveal().strip())
    except ValueError as error:
        reason = str(error)
    if reason:  # out here it drags no frame with the text along
        raise CredentialsError(f"{name} of a key of kind {kind} cannot be read: {reason}")
    return Secret(value.reveal().strip())


def _check_whole(kind: KeyKind, found: Mapping[str, Secret | str]) -> None:
    """Refuse what is complete and still no key: as the storage itself would, but before it is kept."""
    if kind == "gcs-account":
        from deeplake_nb.credentials.gcs_keys import kind_of

        if (written := kind_of(google_key(found), "key")) != "service_account":
            raise CredentialsError(f"key is of type {written!r}: expected the JSON key of a service account")
    elif kind in ("azure-key", "azure-sas"):
        made = azure_credentials(found, azure_account(found))
        if kind == "azure-key" and not made.account_key:
            raise CredentialsError("connection_string has no AccountKey: keep its SAS token as a key of kind azure-sas")
    elif kind == "azure-principal" and "client_secret" in found and "client_id" not in found:
        raise PartialCredentialsError("a key of kind azure-principal has client_secret but not client_id: give both")


def google_key(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content of a service account's JSON key, its texts sealed.

    Raises:
        CredentialsError: it is none.
    """
    content = None
    with contextlib.suppress(ValueError):
        content = sealed(json.loads(fields["key"].reveal()))
    if not isinstance(content, Mapping):
        raise CredentialsError("key is no JSON object: give the whole file as Google's console wrote it")
    return content


def azure_account(fields: Mapping[str, Any]) -> str:
    """The storage account a key says it is for; empty if it says nothing."""
    if "account_name" in fields:
        return str(fields["account_name"])
    if "connection_string" not in fields:
        return ""
    pairs = (part.partition("=") for part in fields["connection_string"].reveal().split(";"))
    return next((value.strip() for name, _, value in pairs if name.strip().lower() == "accountname"), "")


def azure_credentials(fields: Mapping[str, Any], account: str) -> AzureCredentials:
    """The key or SAS token of an account, also out of a connection string.

    Raises:
        CredentialsError: it can be none, or is another account's.
    """
    from deeplake_nb.credentials.azure import chain
    from deeplake_nb.urls import Url

    found = chain(Url("azure", account), fields, environ={})()
    assert isinstance(found, AzureCredentials)  # it is of Azure's chain
    return found


def shown(kind: KeyKind, fields: Mapping[str, Any]) -> dict[str, str]:
    """What may be shown of a key, as `read` gave it: of secrets the last four characters, all else in full."""
    known = KINDS[kind].fields
    found = {name: _tail(fields[name]) if known[name].secret else str(fields[name]) for name in known if name in fields}
    if kind == "gcs-account":
        content = google_key(fields)
        found["key"] = f"{_plain(content, 'client_email')} …{_plain(content, 'private_key_id')[-_TAIL:]}"
    return found


def _plain(content: Mapping[str, Any], name: str) -> str:
    from deeplake_nb.credentials.gcs_keys import text_of

    return text_of(content, name) or ""


def _tail(secret: Secret) -> str:
    return f"…{secret.reveal()[-_TAIL:]}" if len(secret.reveal()) >= _LONG else "…"


def reaches(kind: KeyKind, fields: Mapping[str, Any], url: Url) -> bool:
    """Whether a key can open places like this one: the storage, and the account where it names one.

    A web server's token goes over https only, but for servers on this machine.
    """
    if kind == "http-token":
        return url.scheme == "https" or (url.scheme == "http" and bool(_LOOPBACK.fullmatch(url.authority)))
    if url.scheme != KINDS[kind].scheme:
        return False
    account = azure_account(fields) if kind.startswith("azure-") else ""
    return not account or url.authority.partition(".")[0] == account


def names_server(fields: Mapping[str, Any], url: Url) -> bool:
    """Whether a place says by itself which server is asked: an account of Azure that is written as a host elsewhere."""
    is_host = url.scheme == "azure" and "." in url.authority and not _AZURE_HOST.fullmatch(url.authority)
    return is_host and "account_name" not in fields and "endpoint_url" not in fields


def claim(kind: KeyKind, fields: Mapping[str, Any]) -> str:
    """Whom the hub acts as with its own identity alone; empty where the key proves whose it is.

    It proves that by a secret, or, for a role of AWS, by the external id that the hub made for it.
    """
    if kind == "gcs-impersonation":
        return str(fields["service_account"]).lower()
    if kind == "azure-principal" and "client_secret" not in fields:
        return str(fields.get("client_id", "")).lower()
    return ""


def asks(kind: KeyKind, fields: Mapping[str, Any]) -> bool:
    """Whether a server is asked for each request that is signed with the key, as it signs none by itself."""
    return KINDS[kind].is_role or "role_arn" in fields


def addresses(kind: KeyKind, fields: Mapping[str, Any]) -> list[str]:
    """Servers that using a key leads to, besides the cloud's own: whoever takes keys from strangers checks these."""
    found = [str(fields[name]) for name in ("endpoint_url", "sts_endpoint_url") if name in fields]
    if kind == "gcs-account":
        found.append(_plain(google_key(fields), "token_uri"))
    elif kind.startswith("azure-") and "connection_string" in fields:
        found.append(azure_credentials(fields, azure_account(fields)).endpoint_url or "")
    return [address for address in found if address]


def is_below(url: Url, prefixes: Iterable[Url]) -> bool:
    """Whether a place is one of the prefixes or lies in one, folder by folder: ``a/bc`` is not below ``a/b``."""
    if _CLIMBS.search(url.path):  # a server may take it for a place elsewhere
        return False
    place = f"{url.path}/"
    return any(
        (url.scheme, url.authority) == (prefix.scheme, prefix.authority)
        and (not prefix.path or place.startswith(f"{prefix.path.rstrip('/')}/"))
        for prefix in prefixes
    )
