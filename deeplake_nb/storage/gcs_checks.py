"""What a Google Cloud Storage bucket can find out about itself, for the doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.storage import gcs_sdk
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
    wanted = {f"storage.objects.{action}": action for action in _ACTIONS}
    held = gcs_sdk.ask(
        storage.api, "find the permissions on", lambda bucket: bucket.test_iam_permissions(list(wanted), retry=None)
    )
    lacking = [action for permission, action in wanted.items() if permission not in held]
    return f"may not {', '.join(lacking)} objects" if lacking else f"may {', '.join(_ACTIONS)} objects"


def _region(storage: GcsStorage) -> str:
    bucket = gcs_sdk.ask(storage.api, "find the region of", _loaded)
    return f"{bucket.location or 'unknown'} ({bucket.location_type or 'of unknown type'})"


def _cors(storage: GcsStorage) -> str:
    bucket = gcs_sdk.ask(storage.api, "get the CORS rules of", _loaded)
    origins = sorted({origin for rule in bucket.cors for origin in rule.get("origin", ())})
    if not origins:
        return "no rules: web pages cannot read the bucket by themselves (this notebook needs none)"
    return f"pages of {', '.join(origins)} may read it"


def _loaded(bucket: Any) -> Any:
    bucket.reload(retry=None)
    return bucket
