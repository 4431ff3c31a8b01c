"""The service of AWS, or of a storage that speaks S3, that says who one is and lends short-lived keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.chain import credentials_from, utc_now
from deeplake_nb.errors import MissingCredentialsError
from deeplake_nb.storage.s3 import S3Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from deeplake_nb.urls import Url


def ask_sts(
    place: Url,
    own: Mapping[str, Any],
    fields: Mapping[str, Any],
    operation: str,
    wanted: Mapping[str, Any],
    *,
    verb: str,
    region: str | None,
    environ: Mapping[str, str],
    clock: Callable[[], datetime] = utc_now,
) -> Mapping[str, Any]:
    """The answer to one request.

    Args:
        place: what it is about.
        own: credentials and region to ask with; without keys, those the hub itself has.
        fields: of the managed key, which may name another endpoint.
        operation: of the SDK's client.
        wanted: its arguments.
        verb: what is done, for messages.
        region: of the service, where it has no endpoint of its own.
        environ: where the hub's own credentials are looked for.
        clock: what time it is.

    Raises:
        MissingCredentialsError: the hub has no identity on AWS.
        PermissionDeniedError: the service refuses.
    """
    storage = S3Storage(place, credentials_from(place, dict(own), environ=environ, clock=clock))
    endpoint = fields.get("sts_endpoint_url") or fields.get("endpoint_url")
    try:
        with storage.our_errors(verb, ""):
            client = storage.connect("sts", endpoint_url=str(endpoint) if endpoint else None, region=region)
            try:
                answer: Mapping[str, Any] = getattr(client, operation)(**wanted)
            finally:
                client.close()
    except MissingCredentialsError as error:
        raise MissingCredentialsError(
            f"the hub has no identity on AWS: run it where it has a role, or give it keys of its own ({error})"
        ) from error
    return answer
