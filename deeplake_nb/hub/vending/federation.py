"""The hub's own identity as an application of Azure accepts it: a token of somebody that the application trusts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from deeplake_nb.credentials import azure_identity
from deeplake_nb.credentials.provider import Secret, without_frames
from deeplake_nb.errors import CredentialsError, MissingCredentialsError

if TYPE_CHECKING:
    from collections.abc import Mapping

AUDIENCE = "api://AzureADTokenExchange"
"""Whom such a token is for."""

_SCOPE = f"{AUDIENCE}/.default"


def assertion(environ: Mapping[str, str]) -> Secret:
    """The token: of this pod (``AZURE_FEDERATED_TOKEN_FILE``), or of this machine; one request at most.

    Raises:
        MissingCredentialsError: the hub has no identity that an application could trust.
    """
    path = environ.get("AZURE_FEDERATED_TOKEN_FILE", "").strip()
    return _of_file(path) if path else _of_machine(environ)


def _of_file(path: str) -> Secret:
    try:
        return Secret(Path(path).read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
    raise CredentialsError(f"the file in AZURE_FEDERATED_TOKEN_FILE cannot be read ({reason}): mount it anew")


def _of_machine(environ: Mapping[str, str]) -> Secret:
    credential = azure_identity.sdk().ManagedIdentityCredential(
        # Off Azure nobody answers: one second, and no second try, tell that.
        client_id=environ.get("AZURE_CLIENT_ID") or None,
        connection_timeout=1,
        retry_connect=0,
    )
    try:
        return Secret(credential.get_token(_SCOPE).token)
    except Exception as error:  # noqa: BLE001 - the SDK lets through what its libraries raise
        cause = without_frames(error)
    raise MissingCredentialsError(
        "the hub has no identity on Azure: run it in a pod with a workload identity, or on a machine with a managed"
        " identity, or give the managed key a client_secret"
    ) from cause
