"""Lending on Azure storage: shared access signatures for one folder, made with a key or with a login."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from deeplake_nb.credentials import azure_identity
from deeplake_nb.credentials.azure import AzureCredentials
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import CredentialsError, MissingDependencyError, PermissionDeniedError, UnsupportedError
from deeplake_nb.hub.vending.federation import assertion
from deeplake_nb.hub.vending.grant import Cloud, Grant, Method, Vended, lent
from deeplake_nb.storage import azure_listing
from deeplake_nb.storage.azure_account import Account, Call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.hub.protocol import Mode

_RIGHTS: Mapping[Mode, str] = {"r": "rl", "a": "racl", "w": "racwdlm"}
_RIGHTS_OF: Mapping[Method, str] = {"GET": "r", "HEAD": "r", "PUT": "cw", "DELETE": "d"}
_LONGEST = timedelta(days=7)  # of what a login signs
_SKEW = timedelta(minutes=5)  # between the hub's clock and Azure's
_PRINCIPAL = ("tenant_id", "client_id", "client_secret")


def vend(grant: Grant) -> Vended:
    """A signature for a folder, or for a whole container.

    A key of the account signs for folders only where it has a hierarchical namespace; a login signs for them in any.

    Raises:
        CredentialsError: nothing as narrow as that can be signed, and the key does not lend itself.
    """
    place = grant.places[0]
    if grant.kind == "azure-sas":
        why = "a SAS token cannot be narrowed further: keep an account key or an application instead"
        return _itself(grant, why)
    if len(grant.places) > 1:
        return _itself(grant, "a key of Azure is lent for one place at a time: ask for each by itself")
    lender = _Lender(grant)
    container, _, folder = place.path.partition("/")
    if not container:
        return _itself(grant, f"{place} names no container: a key of Azure is lent for a container or less")
    if folder and grant.kind == "azure-key" and not lender.has_folders(container):
        why = (
            f"the account of {place} has no hierarchical namespace, and without one its keys sign for nothing less than"
            " a container: give the dataset a container of its own, or keep an application instead of the key"
        )
        return _itself(grant, why)
    token = lender.signed_folder(container, folder, _RIGHTS[grant.mode])
    return lent({"sas_token": token, **lender.place()}, lender.ends, grant.clock())


def presign(grant: Grant, method: Method, key: str) -> str:
    """One address: a signature for one blob. A PUT needs the header ``x-ms-blob-type: BlockBlob`` besides."""
    place = grant.places[0]
    if method == "LIST":
        raise UnsupportedError(f"cannot sign a listing of {place}: Azure signs none for less than a container")
    if grant.kind == "azure-sas":
        raise CredentialsError(f"cannot sign a {method} below {place}: a SAS token cannot be narrowed further")
    lender = _Lender(grant)
    container, _, folder = place.path.partition("/")
    name = f"{folder}/{key}" if folder else key
    token = lender.signed_blob(container, name, _RIGHTS_OF[method])
    return f"{lender.endpoint}/{quote(f'{container}/{name}', '/~')}?{token.reveal()}"


CLOUD = Cloud(vend, presign)


def _itself(grant: Grant, why: str) -> Vended:
    """The key as it is, where that is allowed; of an application a token of its own, not its password."""
    if not grant.lends_itself:
        raise CredentialsError(f"{why}; or let the managed key lend itself")
    lender = _Lender(grant)
    found = lender.found
    names = ("sas_token", "access_token", "account_key")
    way = next(name for name in names if getattr(found, name))
    return lent({way: getattr(found, way), **lender.place()}, found.expires_at, grant.clock())


class _Lender:
    """One account, and who signs there."""

    def __init__(self, grant: Grant) -> None:
        self._place = grant.places[0]
        provider = _provider(grant)
        self._account = Account(self._place, provider, 1)
        self.found = self._account.credentials()
        self.endpoint = self._account.endpoint(self.found)
        self._now = grant.clock()
        self.ends = self._now + min(timedelta(seconds=grant.ttl_seconds), _LONGEST - 2 * _SKEW)
        self._name = self._account.name(self.found)
        self._signs: Any = None

    def place(self) -> dict[str, Secret | str]:
        """Where the account is, for those that cannot tell from the url."""
        known = {name: getattr(self.found, name) for name in ("account_name", "endpoint_url")}
        return {name: value for name, value in known.items() if value}

    def has_folders(self, container: str) -> bool:
        """Whether the account has a hierarchical namespace; one request, signed for the container."""
        token = self.signed_folder(container, "", "rl")
        asker = Account(
            self._place, _Fixed(replace(self.found, account_key=None, access_token=None, sas_token=token)), 1
        )
        query = {"restype": "account", "comp": "properties"}
        return asker.ask(
            f"look at the account of {self._place}",
            Call("GET", container, query),
            lambda answer: bool(answer.headers.get("x-ms-is-hns-enabled", "").lower() == "true"),
        )

    def signed_folder(self, container: str, folder: str, rights: str) -> Secret:
        """A signature for a folder with all below it, or, without one, for the container."""
        sdk = _sdk()
        if folder:
            return Secret(
                sdk.generate_directory_sas(
                    self._name, container, folder, self._signer(), permission=rights, expiry=self.ends
                )
            )
        return Secret(
            sdk.generate_file_system_sas(self._name, container, self._signer(), permission=rights, expiry=self.ends)
        )

    def signed_blob(self, container: str, name: str, rights: str) -> Secret:
        """A signature for one blob."""
        from azure.storage.blob import generate_blob_sas

        signer = self._signer()
        way = "account_key" if self.found.account_key else "user_delegation_key"
        return Secret(
            generate_blob_sas(self._name, container, name, permission=rights, expiry=self.ends, **{way: signer})
        )

    def _signer(self) -> Any:
        """What the SDK signs with: the account's key, or one that Azure lends a login; one request."""
        if self.found.account_key:
            return self.found.account_key.reveal()
        if self._signs is None:
            times = (("Start", self._now - _SKEW), ("Expiry", self.ends + _SKEW))
            parts = "".join(f"<{name}>{time:%Y-%m-%dT%H:%M:%SZ}</{name}>" for name, time in times)
            self._signs = self._account.ask(
                f"lend a key for {self._place}",
                Call(
                    "POST",
                    "",
                    {"restype": "service", "comp": "userdelegationkey"},
                    {"Content-Type": "application/xml"},
                    f"<KeyInfo>{parts}</KeyInfo>".encode(),
                ),
                _read_key,
            )
        return self._signs


class _Fixed:
    """A source that has what it has."""

    name = "managed key"
    absent = "none"

    def __init__(self, found: AzureCredentials) -> None:
        self._found = found

    def __call__(self) -> AzureCredentials:
        return self._found


def _provider(grant: Grant) -> CredentialProvider:
    """Who the managed key is."""
    if grant.kind == "azure-principal":
        if "client_id" not in grant.fields:
            raise CredentialsError(
                "the managed key has no client_id yet: run what its provisioning prints, and rotate the key with the"
                " client_id that comes out of it"
            )
        if "client_secret" not in grant.fields:
            made = azure_identity.federated(
                "managed key", grant.fields, assertion(grant.environ), grant.environ, grant.clock
            )
            found = made()
            if not isinstance(found, AzureCredentials):
                raise PermissionDeniedError("the application does not let the hub in: run what its provisioning prints")
            account, endpoint = (grant.fields.get(name) for name in ("account_name", "endpoint_url"))
            return _Fixed(
                replace(
                    found,
                    account_name=str(account) if account else None,
                    endpoint_url=str(endpoint) if endpoint else None,
                )
            )
    provider = credentials_from(grant.places[0], grant.fields, environ=grant.environ, clock=grant.clock)
    assert provider is not None  # Azure has a chain
    return provider


def _read_key(answer: Any) -> Any:
    """The key that Azure lends, as the SDK has it.

    See https://learn.microsoft.com/rest/api/storageservices/get-user-delegation-key.
    """
    root = azure_listing.document(answer)
    key = _sdk().UserDelegationKey()
    for ours, theirs in (
        ("signed_oid", "SignedOid"),
        ("signed_tid", "SignedTid"),
        ("signed_start", "SignedStart"),
        ("signed_expiry", "SignedExpiry"),
        ("signed_service", "SignedService"),
        ("signed_version", "SignedVersion"),
        ("value", "Value"),
    ):
        setattr(key, ours, root.findtext(theirs))
    return key


def _sdk() -> Any:
    try:
        import azure.storage.filedatalake
    except ImportError as error:
        raise MissingDependencyError(
            "azure:// needs azure-storage-file-datalake: run `pip install azure-storage-file-datalake`"
        ) from error
    return azure.storage.filedatalake
