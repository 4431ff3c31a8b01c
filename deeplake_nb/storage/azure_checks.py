"""What an Azure storage can find out about itself, for the doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from deeplake_nb.credentials.azure_identity import claims
from deeplake_nb.storage.provider import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deeplake_nb.credentials.azure import AzureCredentials
    from deeplake_nb.storage.azure import AzureStorage

_NAMES = ("upn", "unique_name", "app_displayname", "appid", "oid")  # the first that a token has tells most


def checks(storage: AzureStorage) -> Sequence[Check]:
    """Who we are, the kind of account, its region as far as it is told, its rules for browsers."""
    return (
        Check("identity", lambda: _identity(storage.account.name(found := storage.account.credentials()), found)),
        Check("account", lambda: _kind(storage)),
        Check("region", lambda: "nobody who asks for data is told, and none need be given"),
        Check("CORS", lambda: _cors(storage)),
    )


def _identity(account: str, found: AzureCredentials) -> str:
    if found.account_key:
        return f"a key of account {account}, which opens everything in it"
    if found.sas_token:
        sas = {name: values[0] for name, values in parse_qs(found.sas_token.reveal()).items()}
        policy = f"policy {sas['si']!r}" if "si" in sas else "unknown rights"
        return (
            f"a SAS token with {'rights ' + sas['sp'] if 'sp' in sas else policy}, until {sas.get('se', 'who knows')}"
        )
    if found.access_token:
        said = claims(found.access_token)
        name = next((said[name] for name in _NAMES if name in said), "somebody")
        return f"{name} of tenant {said.get('tid', 'unknown')}, until {found.expires_at}"
    return "nobody: asked without credentials"


def _kind(storage: AzureStorage) -> str:
    container = storage.url.path.partition("/")[0]
    with storage.account.sdk("ContainerClient", container) as client:
        said = storage.account.ask_sdk(f"look at the account of {storage.url}", client.get_account_information)
    kind, sku = said.get("account_kind") or "unknown", said.get("sku_name") or "unknown"
    return f"{kind}, {sku}, {'with' if said.get('is_hns_enabled') else 'without'} a hierarchical namespace"


def _cors(storage: AzureStorage) -> str:
    with storage.account.sdk("DataLakeServiceClient") as client:
        said = storage.account.ask_sdk(f"get the CORS rules of {storage.url}", client.get_service_properties)
    origins = {origin for rule in said["cors"] for origin in rule.allowed_origins.split(",")}
    if not origins:
        return "no rules: web pages cannot read the account by themselves (this notebook needs none)"
    return f"pages of {', '.join(sorted(origins))} may read it"
