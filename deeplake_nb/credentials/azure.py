"""Credentials of Azure storage, and where they are looked for."""
# ruff: noqa: RUF009  # credential() is dataclasses.field()

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from deeplake_nb.credentials import azure_identity
from deeplake_nb.credentials.chain import Chain, utc_now
from deeplake_nb.credentials.provider import (
    Secret,
    credential,
    declarations,
    from_environ,
    given,
    read_endpoint,
    read_time,
    read_yes,
)
from deeplake_nb.errors import CredentialsError, PartialCredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from deeplake_nb.credentials.chain import Clock
    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.urls import Url


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureCredentials:
    """Who we are to an Azure storage account, and which one it is.

    What a chain answers has one of ``account_key``, ``sas_token``, ``access_token`` and ``anonymous``; all else that
    can be given leads to one of these. ``source`` says where it was found and takes no part in comparing.
    ``expires_at`` is aware UTC, ``None`` if unknown.
    """

    account_key: Secret | None = credential(
        label="Account key",
        help="One of the two keys of the storage account; it opens everything in it.",
        env=("AZURE_STORAGE_KEY",),
        secret=True,
        role="optional",
    )
    sas_token: Secret | None = credential(
        label="SAS token",
        help="A shared access signature, as sv=…&sig=…, limited in time, place and rights.",
        env=("AZURE_STORAGE_SAS_TOKEN",),
        secret=True,
        role="optional",
    )
    connection_string: Secret | None = credential(
        label="Connection string",
        help="Account, endpoint and a key or SAS token in one, as the portal shows it.",
        env=("AZURE_STORAGE_CONNECTION_STRING",),
        secret=True,
        role="optional",
    )
    access_token: Secret | None = credential(
        label="Access token",
        help="A bearer token for https://storage.azure.com.",
        secret=True,
        role="optional",
    )
    tenant_id: str | None = credential(
        label="Tenant id",
        help="The directory a service principal lives in.",
        env=("AZURE_TENANT_ID",),
        role="optional",
    )
    client_id: str | None = credential(
        label="Client id",
        help="The application id of a service principal.",
        env=("AZURE_CLIENT_ID",),
        role="optional",
    )
    client_secret: Secret | None = credential(
        label="Client secret",
        help="The password of a service principal.",
        env=("AZURE_CLIENT_SECRET",),
        secret=True,
        role="optional",
    )
    expires_at: datetime | None = credential(
        label="Expires",
        help="When an access token ends, as 2030-01-31T12:00:00Z; a SAS token says so itself.",
        role="setting",
        read=read_time,
    )
    account_name: str | None = credential(
        label="Account",
        help="The storage account, where it is another than the path names.",
        role="setting",
    )
    endpoint_url: str | None = credential(
        label="Endpoint",
        help="The account's blob endpoint outside the public cloud, as http://127.0.0.1:10000/devstoreaccount1.",
        env=("AZURE_STORAGE_ENDPOINT",),
        role="setting",
        read=read_endpoint,
    )
    anonymous: bool | None = credential(
        label="Anonymous",
        help="'yes' asks without credentials, as public containers allow; the same as creds='anonymous'.",
        role="setting",
        read=read_yes,
    )
    source: str = field(default="argument", compare=False)

    def __post_init__(self) -> None:
        if self.account_key and not _is_base64(self.account_key):
            raise CredentialsError(
                f"account_key of {self.source} is no base64 text: copy key1 or key2 of the account's access keys"
            )
        if self.sas_token and "sig" not in parse_qs(self.sas_token.reveal()):
            raise CredentialsError(f"sas_token of {self.source} has no sig=: copy all of the token")

    def __repr__(self) -> str:
        there = ((f.name, getattr(self, f.name)) for f in fields(self))
        return f"AzureCredentials({', '.join(f'{name}={value!r}' for name, value in there if value is not None)})"


_PRINCIPAL = ("tenant_id", "client_id", "client_secret")
_WAYS = (("account_key",), ("sas_token",), ("connection_string",), ("access_token",), _PRINCIPAL)  # the first there is
_PLACE = ("account_name", "endpoint_url")
_ENVIRONMENT = {name: declarations(AzureCredentials)[name].env[0] for (name, *_) in _WAYS[:3]}
_ADVICE = (
    "Pass creds={'account_key': …} or creds={'sas_token': …}, set AZURE_STORAGE_KEY or AZURE_STORAGE_SAS_TOKEN,"
    " or run `az login`"
)


def chain(url: Url, creds: Mapping[str, object] | str, *, environ: Mapping[str, str], clock: Clock = utc_now) -> Chain:
    """Argument, environment, `az login`, the identity of this machine, other logins; ``"anonymous"`` stands alone.

    Raises:
        CredentialsError: an unknown key or word, half a set, or a value that cannot be what it should be.
    """
    if isinstance(creds, str):
        if creds != "anonymous":  # not shown: it may be a key
            raise CredentialsError(
                "creds for azure:// is a dictionary, 'anonymous' for a public container, or 'ENV' as if none were given"
            )
        creds = {"anonymous": "yes"}
    values = given(AzureCredentials, creds)
    account = values.get("account_name") or url.authority.partition(".")[0]
    way = _way(values, "argument")
    stored = _stored(values, way, account, "argument")
    place = from_environ(AzureCredentials, environ) | (_parts(stored) if stored else {}) | values
    sources: list[CredentialProvider]
    if values.get("anonymous"):
        if way:
            raise CredentialsError(f"creds is anonymous and has {', '.join(way)}: give one of the two")
        sources = [_Fixed("anonymous", AzureCredentials(anonymous=True, source="anonymous"))]
    else:
        argument: CredentialProvider = _Fixed("argument", stored)
        if way == _PRINCIPAL:
            argument = azure_identity.principal("argument", values, environ, clock)
        sources = [argument, _Environment(account, environ), _PrincipalOfEnvironment(environ, clock)]
        sources += azure_identity.identities(environ, clock)
    settings = {name: place[name] for name in _PLACE if name in place}
    return Chain(str(url), sources, settings=settings, advice=_ADVICE, clock=clock)


def _way(values: Mapping[str, Any], where: str) -> tuple[str, ...]:
    """The names of the set in force; empty if there is none.

    Raises:
        PartialCredentialsError: half a set.
    """
    for way in _WAYS:
        missing = [name for name in way if name not in values]
        if 0 < len(missing) < len(way):
            there = ", ".join(name for name in way if name in values)
            raise PartialCredentialsError(
                f"{where} has {there} but not {', '.join(missing)}: give all of {', '.join(way)}, or none"
            )
    return next((way for way in _WAYS if way[0] in values), ())


def _stored(
    values: Mapping[str, Any], way: tuple[str, ...], account: str, where: str, written: Mapping[str, str] | None = None
) -> AzureCredentials | None:
    """The credentials themselves, where the set in force has them; ``written`` is how its names were written.

    Raises:
        CredentialsError: a key or token that can be none, or of another account.
    """
    if not way or way == _PRINCIPAL:
        return None
    names = written or {}
    unused = [names.get(name, name) for (name, *_) in _WAYS if name in values and name not in way]
    source = f"{where} ({names.get(way[0], way[0])}{'; not used: ' if unused else ''}{', '.join(unused)})"
    parts = {way[0]: values[way[0]], "expires_at": values.get("expires_at")}
    if way == ("connection_string",):
        parts = _connection(values["connection_string"], where)
        if parts.get("account_name", account) != account:
            raise CredentialsError(
                f"connection_string of {where} is for account {parts['account_name']!r}, not {account!r}:"
                " correct the path, or give account_name as well"
            )
    if "sas_token" in parts:
        parts["sas_token"] = Secret(parts["sas_token"].reveal().rpartition("?")[2].strip("&"))  # also of a whole url
        parts["expires_at"] = _end(parts["sas_token"]) or parts.get("expires_at")
    if "access_token" in parts:
        parts["expires_at"] = azure_identity.end(parts["access_token"]) or parts.get("expires_at")
    return AzureCredentials(**parts, source=source)


def _parts(stored: AzureCredentials) -> dict[str, Any]:
    """What a connection string says of the place."""
    return {name: getattr(stored, name) for name in _PLACE if getattr(stored, name)}


def _connection(text: Secret, where: str) -> dict[str, Any]:
    """The parts of a connection string, under our names.

    See https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string.
    """
    pairs = (part.partition("=") for part in text.reveal().split(";"))
    parts = {name.strip().lower(): Secret(value.strip()) for name, _, value in pairs if value.strip()}
    found: dict[str, Any] = {
        ours: parts[name]
        for name, ours in (("accountkey", "account_key"), ("sharedaccesssignature", "sas_token"))
        if name in parts
    }
    if not found:
        raise CredentialsError(
            f"connection_string of {where} has neither AccountKey nor SharedAccessSignature: copy it from the portal"
        )
    endpoint = parts.get("blobendpoint")
    if "accountname" in parts:
        found["account_name"] = parts["accountname"].reveal()
        if endpoint is None and "endpointsuffix" in parts:
            protocol = parts.get("defaultendpointsprotocol", Secret("https")).reveal()
            endpoint = Secret(f"{protocol}://{found['account_name']}.blob.{parts['endpointsuffix'].reveal()}")
    reason = ""
    if endpoint is not None:
        try:
            found["endpoint_url"] = read_endpoint(endpoint.reveal())
        except ValueError as error:
            reason = str(error)
    if reason:  # out here it drags no frame with the text along
        raise CredentialsError(f"the endpoint in connection_string of {where} cannot be read: {reason}")
    return found


def _is_base64(key: Secret) -> bool:
    try:
        return bool(base64.b64decode(key.reveal(), validate=True))
    except binascii.Error:
        return False


def _end(token: Secret) -> datetime | None:
    """When a SAS token ends; with a stored access policy only the service knows."""
    times = parse_qs(token.reveal()).get("se", [""])
    try:
        return read_time(times[0])
    except ValueError:
        return None


class _Fixed:
    """A source that has what it has."""

    absent = "none given"

    def __init__(self, name: str, found: AzureCredentials | None) -> None:
        self.name = name
        self._found = found

    def __call__(self) -> AzureCredentials | None:
        return self._found


class _Environment:
    """The variables of a storage account, if they are about ours."""

    name = "environment"

    def __init__(self, account: str, environ: Mapping[str, str]) -> None:
        self._account = account
        self._environ = environ

    @property
    def absent(self) -> str:
        if (other := self._other()) != self._account:
            return f"it is about account {other!r}, not {self._account!r}"
        return f"{', '.join(_ENVIRONMENT.values())} unset"

    def _values(self) -> dict[str, Any]:
        return {n: value for n, value in from_environ(AzureCredentials, self._environ).items() if n in _ENVIRONMENT}

    def _other(self) -> str:
        """The account the variables are about."""
        named = self._environ.get("AZURE_STORAGE_ACCOUNT", "").strip()
        values = self._values()
        if not named and _way(values, self.name) == ("connection_string",):
            named = _connection(values["connection_string"], self.name).get("account_name", "")
        return named or self._account

    def __call__(self) -> AzureCredentials | None:
        if self._other() != self._account:
            return None
        values = self._values()
        return _stored(values, _way(values, self.name), self._account, self.name, _ENVIRONMENT)


class _PrincipalOfEnvironment:
    """AZURE_CLIENT_SECRET with its tenant and id, which without the secret belong to other identities."""

    name = "service principal"
    absent = "AZURE_CLIENT_SECRET unset"

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        self._environ = environ
        self._clock = clock
        self._made: tuple[dict[str, Any], CredentialProvider] | None = None

    def __call__(self) -> AzureCredentials | None:
        values = {n: value for n, value in from_environ(AzureCredentials, self._environ).items() if n in _PRINCIPAL}
        if "client_secret" not in values or not _way(values, "environment"):
            return None
        made = self._made
        if made is None or made[0] != values:
            made = self._made = values, azure_identity.principal("environment", values, self._environ, self._clock)
        found = made[1]()
        return replace(found, source=self.name) if isinstance(found, AzureCredentials) else None
