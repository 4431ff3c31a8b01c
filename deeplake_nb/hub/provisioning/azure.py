"""An application of an Azure tenant that lets the hub in, and its roles on containers."""

from __future__ import annotations

import re
from shlex import quote
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import CredentialsError
from deeplake_nb.hub.provisioning.script import comment, document
from deeplake_nb.hub.provisioning.script import script as whole
from deeplake_nb.hub.vending.federation import AUDIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deeplake_nb.hub.provisioning.identity import HubIdentity
    from deeplake_nb.urls import Url

_NAME = "deeplake-nb-hub"
_CONTAINER = re.compile(r"[a-z0-9$][a-z0-9-]*")


def script(fields: Mapping[str, Any], places: Sequence[Url], hub: HubIdentity | None, external_id: str | None) -> str:
    """Registers the application, or brings it up to date; prints its client id."""
    del external_id  # of AWS
    tenant = str(fields["tenant_id"])
    commands = [
        'tenant="$(az account show --query tenantId --output tsv)"',
        f'if [ "$tenant" != {quote(tenant)} ]; then',
        f"    echo {quote(f'sign in to the tenant first: az login --tenant {tenant}')} >&2",
        "    exit 1",
        "fi",
        "",
        *_application(fields.get("client_id")),
        "",
        *_proof(hub, has_secret="client_secret" in fields),
    ]
    for place in places:
        commands += ["", *_roles(fields, place)]
    commands += ["", 'echo "client_id: $app"']
    who = f"The hub is {hub.name}, by {hub.issuer}." if hub else "The hub proves itself with a client secret."
    return whole(
        [
            f"Lets the hub use an application of tenant {tenant} for:",
            *(f"  {place}" for place in places),
            who,
            "Run this once, signed in to that tenant with rights on its applications and on the storage account.",
            "Running it again does no harm. At its end it prints the client id that the managed key needs.",
        ],
        commands,
    )


def _application(client_id: Any) -> list[str]:
    lines = [comment("The application, and its part in this tenant.")]
    if client_id:
        lines.append(f"app={quote(str(client_id))}")
    else:
        named = f"\"displayName eq '{_NAME}'\""
        lines.append(f"app=\"$(az ad app list --filter {named} --query '[0].appId' --output tsv)\"")
        lines.append('if [ -z "$app" ]; then')
        lines.append(f'    app="$(az ad app create --display-name {_NAME} --query appId --output tsv)"')
        lines.append("fi")
    lines.append('az ad sp show --id "$app" > /dev/null 2>&1 || az ad sp create --id "$app" > /dev/null')
    lines.append('principal="$(az ad sp show --id "$app" --query id --output tsv)"')
    return lines


def _proof(hub: HubIdentity | None, *, has_secret: bool) -> list[str]:
    """How the hub proves to be the application."""
    if hub is not None:
        trusted = {
            "name": _NAME,
            "issuer": hub.issuer,
            "subject": hub.name,
            "audiences": [AUDIENCE],
            "description": "the hub of Deep Lake",
        }
        credential, name = "az ad app federated-credential", f"--federated-credential-id {_NAME}"
        return [
            comment("Whom it trusts: the hub, by a token of its own, so that there is no secret to keep."),
            f"trust={document(trusted)}",
            f'if {credential} show --id "$app" {name} > /dev/null 2>&1; then',
            f'    {credential} update --id "$app" {name} --parameters "$trust"',
            "else",
            f'    {credential} create --id "$app" --parameters "$trust"',
            "fi",
        ]
    if has_secret:
        return [comment("The managed key has a client secret of it already.")]
    return [
        comment("The hub has no identity that it could trust: this makes a secret for the managed key, and shows it."),
        'echo "client_secret: $(az ad app credential reset --id "$app" --append --query password --output tsv)"',
    ]


def _roles(fields: Mapping[str, Any], place: Url) -> list[str]:
    account = str(fields.get("account_name") or place.authority.partition(".")[0])
    container = place.path.partition("/")[0]
    if not _CONTAINER.fullmatch(container):
        raise CredentialsError(f"{place} names no container: bind the key to azure://account/container")
    scope = f'"$account/blobServices/default/containers/"{quote(container)}'
    assign = 'az role assignment create --assignee-principal-type ServicePrincipal --assignee-object-id "$principal"'
    return [
        comment(f"What it may do: read and write container {container} of {account}, and sign for parts of it."),
        f'account="$(az storage account show --name {quote(account)} --query id --output tsv)"',
        f"{assign} \\",
        f"    --role 'Storage Blob Data Contributor' --scope {scope}",
        f"{assign} \\",
        "    --role 'Storage Blob Delegator' --scope \"$account\"",
    ]
