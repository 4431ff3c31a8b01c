"""What a Google Cloud Storage bucket can find out about itself, for the doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.storage.gcs_api import read_json
from deeplake_nb.storage.provider import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deeplake_nb.storage.gcs import GcsStorage

_ACTIONS = ("get", "list", "create", "delete")


def checks(storage: GcsStorage) -> Sequence[Check]:
    """Who we are, what we may do, the bucket's place, its rules for browsers."""
    return (
        Check("identity", lambda: _identity(storage)),
        Check("permissions", lambda: _permissions(storage)),
        Check("region", lambda: _region(storage)),
        Check("CORS", lambda: _cors(storage)),
    )


def _identity(storage: GcsStorage) -> str:
    found = storage.api.credentials()
    if found.token is None:
        return "nobody: asked without a token"
    return found.account or f"somebody with a token from {found.source}, which does not say whom"


def _permissions(storage: GcsStorage) -> str:
    query = "&".join(f"permissions=storage.objects.{action}" for action in _ACTIONS)
    address = f"{storage.api.bucket}/iam/testPermissions?{query}"
    held = storage.api.ask("find the permissions on", "", "GET", address, read_json).get("permissions", ())
    lacking = [action for action in _ACTIONS if f"storage.objects.{action}" not in held]
    return f"may not {', '.join(lacking)} objects" if lacking else f"may {', '.join(_ACTIONS)} objects"


def _region(storage: GcsStorage) -> str:
    address = f"{storage.api.bucket}?fields=location,locationType"
    answer = storage.api.ask("find the region of", "", "GET", address, read_json)
    return f"{answer.get('location', 'unknown')} ({answer.get('locationType', 'of unknown type')})"


def _cors(storage: GcsStorage) -> str:
    answer = storage.api.ask("get the CORS rules of", "", "GET", f"{storage.api.bucket}?fields=cors", read_json)
    origins = sorted({origin for rule in answer.get("cors", ()) for origin in rule.get("origin", ())})
    if not origins:
        return "no rules: web pages cannot read the bucket by themselves (this notebook needs none)"
    return f"pages of {', '.join(origins)} may read it"
