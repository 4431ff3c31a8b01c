"""What azure-identity finds by itself: logins, identities of machines, service principals. Each gives access tokens."""

from __future__ import annotations

import base64
import json
import logging
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from deeplake_nb.credentials.chain import utc_now
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.credentials.refreshing import Refreshing
from deeplake_nb.errors import (
    CredentialsError,
    ExpiredCredentialsError,
    LakeError,
    MissingDependencyError,
    RefusedCredentialsError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deeplake_nb.credentials.azure import AzureCredentials
    from deeplake_nb.credentials.chain import Clock

SCOPE = "https://storage.azure.com/.default"
_ENTRA_CODE = re.compile(r"AADSTS\d+")
_SILENT = logging.NullHandler()


class Identity(NamedTuple):
    """One way azure-identity has to come by a token.

    Attributes:
        name: what it is called in messages.
        kind: its class in azure-identity.
        group: ``dev`` or ``prod``, as the variable AZURE_TOKEN_CREDENTIALS knows them.
        absent: why it has none, when it has none.
        advice: what to do when it is refused.
        options: for the class.
    """

    name: str
    kind: str
    group: str
    absent: str
    advice: str
    options: Mapping[str, Any] = {}


_IDENTITIES = (
    Identity(
        "az login",
        "AzureCliCredential",
        "dev",
        "az is not installed or not logged in",
        "run `az login` again",
        {"process_timeout": 30},  # seconds; a cold az takes more than the usual 10 on a slow disk
    ),
    Identity(
        "workload identity",
        "WorkloadIdentityCredential",
        "prod",
        "AZURE_FEDERATED_TOKEN_FILE unset",
        "check the federated credential of AZURE_CLIENT_ID",
    ),
    Identity(
        "managed identity",
        "ManagedIdentityCredential",
        "prod",
        "this machine has none",
        "check the identity of this machine, and AZURE_CLIENT_ID if it has several",
        # Off Azure nobody answers at 169.254.169.254: one second, and no second try, tell that.
        {"connection_timeout": 1, "retry_connect": 0},
    ),
    Identity(
        "certificate",
        "EnvironmentCredential",
        "prod",
        "AZURE_CLIENT_CERTIFICATE_PATH unset",
        "check AZURE_CLIENT_ID, AZURE_TENANT_ID and the certificate",
    ),
    Identity(
        "azd auth login",
        "AzureDeveloperCliCredential",
        "dev",
        "azd is not installed or not logged in",
        "run `azd auth login` again",
    ),
    Identity(
        "Azure PowerShell",
        "AzurePowerShellCredential",
        "dev",
        "it is not installed or not logged in",
        "run Connect-AzAccount again",
    ),
)
_ALL = Identity("Azure SDK", "DefaultAzureCredential", "", "found nothing", "run `az login`")


def identities(environ: Mapping[str, str], clock: Clock) -> list[Refreshing]:
    """A source for each identity, in order; AZURE_TOKEN_CREDENTIALS (azure-identity's own switch) can leave some out.

    azure-identity reads this process's environment by itself.
    """
    chosen = environ.get("AZURE_TOKEN_CREDENTIALS", "").strip().lower()
    wanted = [known for known in _IDENTITIES if chosen in ("", known.group, known.kind.lower())]
    return [_source(known, environ, clock) for known in wanted]


def sdk_default() -> Refreshing:
    """azure-identity's own chain as it is."""
    return _source(_ALL, {}, utc_now)


def principal(name: str, values: Mapping[str, Any], environ: Mapping[str, str], clock: Clock) -> Refreshing:
    """A source for a service principal, of ``tenant_id``, ``client_id`` and ``client_secret``."""

    def make() -> Any:
        secret = values["client_secret"].reveal()
        return sdk().ClientSecretCredential(values["tenant_id"], values["client_id"], secret, **_discovery(environ))

    return _Tokens(f"{name} (service principal)", make, "check tenant_id, client_id and client_secret").source(
        name, "none given", clock
    )


def federated(
    name: str, values: Mapping[str, Any], assertion: Secret, environ: Mapping[str, str], clock: Clock
) -> Refreshing:
    """A source for an application that trusts a token of somebody else, of ``tenant_id`` and ``client_id``."""

    def make() -> Any:
        return sdk().ClientAssertionCredential(
            values["tenant_id"], values["client_id"], assertion.reveal, **_discovery(environ)
        )

    return _Tokens(f"{name} (federated)", make, "check tenant_id, client_id and its federated credential").source(
        name, "none given", clock
    )


def _source(known: Identity, environ: Mapping[str, str], clock: Clock) -> Refreshing:
    def make() -> Any:
        options = dict(known.options)
        if known.kind == "ManagedIdentityCredential":
            options["client_id"] = environ.get("AZURE_CLIENT_ID") or None
        if known.kind == "WorkloadIdentityCredential":
            if not environ.get("AZURE_FEDERATED_TOKEN_FILE"):
                return None
            options |= _discovery(environ)
        return getattr(sdk(), known.kind)(**options)

    tokens = _Tokens(known.name, make, known.advice, is_login=known.group == "dev")
    return tokens.source(known.name, known.absent, clock)


def _discovery(environ: Mapping[str, str]) -> dict[str, bool]:
    """Whoever names an authority trusts it: Entra of the public cloud is not asked, and knows no private ones."""
    return {"disable_instance_discovery": bool(environ.get("AZURE_AUTHORITY_HOST"))}


class _Tokens:
    """Asks one identity for tokens; it is made at the first call.

    Args:
        source: where its credentials come from, for messages.
        make: gives a credential of azure-identity, or ``None`` if there is none.
        advice: what to do when it is refused.
        is_login: a refusal means that a login is over.
    """

    def __init__(self, source: str, make: Callable[[], Any], advice: str, *, is_login: bool = False) -> None:
        self._source = source
        self._make = make
        self._advice = advice
        self._is_login = is_login
        self._made: Any = None

    def source(self, name: str, absent: str, clock: Clock) -> Refreshing:
        """The same, as a source that remembers the token and renews it in time."""
        refreshing = Refreshing(name, self, clock=clock)
        refreshing.absent = absent
        return refreshing

    def __call__(self) -> AzureCredentials | None:
        from deeplake_nb.credentials.azure import AzureCredentials

        unavailable = sdk().CredentialUnavailableError
        try:
            self._made = self._made or self._make()
            if self._made is None:
                return None
            token = self._made.get_token(SCOPE)
        except unavailable:
            return None
        except Exception as error:  # noqa: BLE001  # it runs the user's own programs: anything may come
            failure = self._failure(error)
        else:
            ends = datetime.fromtimestamp(token.expires_on, UTC)
            return AzureCredentials(access_token=Secret(token.token), expires_at=ends, source=self._source)
        raise failure  # out here it drags no answer and no frame along

    def _failure(self, error: Exception) -> LakeError:
        from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError

        code = _ENTRA_CODE.search(str(error))
        reason = code[0] if code else type(error).__name__
        network = next((e for e in _causes(error) if isinstance(e, ServiceRequestError | ServiceResponseError)), None)
        if network is not None:
            reason = type(network).__name__
            return CredentialsError(
                f"{self._source} got no token ({reason}): check the network, the proxy and AZURE_AUTHORITY_HOST"
            )
        if isinstance(error, ClientAuthenticationError):
            kind = ExpiredCredentialsError if self._is_login else RefusedCredentialsError
            return kind(f"{self._source} was refused a token ({reason}): {self._advice}")
        return CredentialsError(f"{self._source} cannot be used ({reason}): {self._advice}")


def claims(token: Secret) -> dict[str, Any]:
    """What an access token says of its owner and its end; nobody but the service can tell whether it is true."""
    try:
        body = token.reveal().split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def end(token: Secret) -> datetime | None:
    """When an access token ends, if it says so."""
    try:
        return datetime.fromtimestamp(int(claims(token)["exp"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def sdk() -> Any:
    """azure-identity, imported at the first call (half a second).

    Raises:
        MissingDependencyError: it is not installed.
    """
    try:
        import azure.identity
    except ImportError as error:
        raise MissingDependencyError("azure:// needs azure-identity: run `pip install azure-identity`") from error
    # It warns of each identity that is absent, and where no logging is set up that would go to standard error.
    logging.getLogger("azure").addHandler(_SILENT)
    return azure.identity
