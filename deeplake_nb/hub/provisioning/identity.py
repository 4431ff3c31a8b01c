"""Who the hub itself is, to each cloud that is to let it in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from deeplake_nb.credentials.azure_identity import claims
from deeplake_nb.errors import LakeError, MissingCredentialsError
from deeplake_nb.hub.vending.federation import assertion
from deeplake_nb.hub.vending.gcs import ambient
from deeplake_nb.hub.vending.sts import ask_sts
from deeplake_nb.urls import Url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from deeplake_nb.hub.protocol import KeyKind

_SESSION = re.compile(r"arn:([\w-]+):sts::(\d+):assumed-role/([^/]+)/.*")


class HubIdentity(NamedTuple):
    """Who the hub is.

    Attributes:
        name: an ARN of AWS, the address of a service account of Google, or the subject of a token for Azure.
        issuer: of that token.
    """

    name: str
    issuer: str = ""


def identity(kind: KeyKind, fields: Mapping[str, Any], environ: Mapping[str, str]) -> HubIdentity | None:
    """Who the hub is to the cloud of such a key, asked there; None where it is nobody and need not be.

    Raises:
        MissingCredentialsError: it is nobody, and has to be somebody.
    """
    return _FINDERS[kind](fields, environ)


def _aws(fields: Mapping[str, Any], environ: Mapping[str, str]) -> HubIdentity:
    place = Url("s3", "hub")
    settings = {name: fields[name] for name in ("aws_region",) if name in fields}
    said = ask_sts(
        place, settings, fields, "get_caller_identity", {},
        verb="ask who the hub is for", region="us-east-1", environ=environ,
    )  # fmt: skip
    arn = str(said["Arn"])
    session = _SESSION.fullmatch(arn)
    return HubIdentity(f"arn:{session[1]}:iam::{session[2]}:role/{session[3]}" if session else arn)


def _google(fields: Mapping[str, Any], environ: Mapping[str, str]) -> HubIdentity:
    found = ambient(environ)
    account = getattr(found, "service_account_email", "") or ""
    if found is not None and account == "default":  # a machine knows its own by this name until it has asked
        from deeplake_nb.credentials.transport import google_request

        found.refresh(google_request)
        account = found.service_account_email
    if not account:
        raise MissingCredentialsError(
            f"the hub has no service account of its own to act as {fields['service_account']}: run it on a machine with"
            " one, or set GOOGLE_APPLICATION_CREDENTIALS to its key"
        )
    return HubIdentity(account)


def _azure(fields: Mapping[str, Any], environ: Mapping[str, str]) -> HubIdentity | None:
    """Of the token that the hub has as a pod or a machine; without one, the application needs a secret instead."""
    if "client_secret" in fields:
        return None
    try:
        said = claims(assertion(environ))
    except LakeError:
        if environ.get("AZURE_FEDERATED_TOKEN_FILE"):  # it should be there
            raise
        return None
    issuer, subject = said.get("iss"), said.get("sub")
    return HubIdentity(str(subject), str(issuer)) if issuer and subject else None


_FINDERS: Mapping[str, Callable[[Mapping[str, Any], Mapping[str, str]], HubIdentity | None]] = {
    "aws-role": _aws,
    "azure-principal": _azure,
    "gcs-impersonation": _google,
}
