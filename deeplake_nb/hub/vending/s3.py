"""Lending on AWS and what speaks S3: a session under a policy, or requests signed one by one."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import Secret, read_time
from deeplake_nb.credentials.s3 import S3Credentials, aws_sdk
from deeplake_nb.errors import CredentialsError, PermissionDeniedError, StorageError
from deeplake_nb.hub.vending.grant import Cloud, Grant, Method, Vended, lent
from deeplake_nb.hub.vending.policies import policy
from deeplake_nb.hub.vending.sts import ask_sts
from deeplake_nb.storage import s3_listing

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)
_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_PLACE = ("aws_region", "endpoint_url")
_SHORTEST_SECONDS = 900
_LONGEST_ROLE_SECONDS = 3600  # what one role gives to another
_LONGEST_FEDERATION_SECONDS = 12 * 3600
_LONGEST_URL_SECONDS = 7 * 24 * 3600
_SESSION = "deeplake-nb"  # as it is seen in the account's own records
_HOME = {"aws": "us-east-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
_DOMAINS = {"aws-cn": "amazonaws.com.cn"}


def vend(grant: Grant) -> Vended:
    """Keys of a session that a policy restricts, of the role, or of the user whose keys the hub has.

    For keys without a role this needs the permission ``sts:GetFederationToken``; without it, and on storages that
    lend no keys, there are presigned requests only.
    """
    fields = grant.fields
    if "role_arn" in fields:
        return _session(grant, _assumed(grant))
    is_narrowed = "aws_session_token" not in fields and ("sts_endpoint_url" in fields or "endpoint_url" not in fields)
    if is_narrowed:
        try:
            return _session(grant, _federated(grant))
        except PermissionDeniedError as error:
            _log.warning("keys for %s cannot be narrowed: allow their user sts:GetFederationToken: %s",
                         grant.places[0], error)  # fmt: skip
    if not grant.lends_itself:
        return Vended(None)
    ends = fields.get("expires_at")
    return lent(grant.chosen(*_KEYS, *_PLACE), read_time(str(ends)) if ends else None, grant.clock())


def presign(grant: Grant, method: Method, key: str) -> str:
    """One signed address, made without a request for keys; for a role it costs one."""
    place = grant.places[0]
    creds = _session(grant, _assumed(grant)).creds if "role_arn" in grant.fields else grant.chosen(*_KEYS)
    provider = credentials_from(place, creds, environ={}, clock=grant.clock)
    found = provider() if provider else None
    assert isinstance(found, S3Credentials)  # the chain of this scheme gives no other
    prefix = f"{place.path}/" if place.path else ""
    if method == "LIST":
        asked = s3_listing.asked(key)
        query = {"list-type": "2", "encoding-type": "url", **asked, "prefix": prefix + asked.get("prefix", "")}
        address = f"{_base(grant)}?{urlencode(sorted(query.items()), quote_via=quote, safe='')}"
    else:
        address = f"{_base(grant)}/{quote(prefix + key, '/~')}"
    return _signed("GET" if method == "LIST" else method, address, _region(grant), found, grant.ttl_seconds)


CLOUD = Cloud(vend, presign)


def _session(grant: Grant, answer: Mapping[str, Any]) -> Vended:
    made = answer["Credentials"]
    keys: dict[str, Secret | str] = {
        "aws_access_key_id": str(made["AccessKeyId"]),
        "aws_secret_access_key": Secret(made["SecretAccessKey"]),
        "aws_session_token": Secret(made["SessionToken"]),
    }
    return lent(keys | grant.chosen(*_PLACE), made["Expiration"], grant.clock())


def _assumed(grant: Grant) -> Mapping[str, Any]:
    """The role, under the policy; asked for with the keys of the managed key, or as the hub itself."""
    arn = str(grant.fields["role_arn"])
    wanted = {
        "RoleArn": arn,
        "RoleSessionName": _SESSION,
        "Policy": _policy(grant),
        "DurationSeconds": min(max(grant.ttl_seconds, _SHORTEST_SECONDS), _LONGEST_ROLE_SECONDS),
        **({"ExternalId": grant.external_id} if grant.external_id else {}),
    }
    try:
        return _ask(grant, "assume_role", wanted)
    except PermissionDeniedError as error:
        cause, said = error.__cause__, str(error)
    raise PermissionDeniedError(
        f"the hub may not assume {arn}: run what its provisioning prints, in the account of the role ({said})"
    ) from cause


def _federated(grant: Grant) -> Mapping[str, Any]:
    return _ask(
        grant,
        "get_federation_token",
        {
            "Name": _SESSION,
            "Policy": _policy(grant),
            "DurationSeconds": min(max(grant.ttl_seconds, _SHORTEST_SECONDS), _LONGEST_FEDERATION_SECONDS),
        },
    )


def _ask(grant: Grant, operation: str, wanted: dict[str, Any]) -> Mapping[str, Any]:
    """One request to the service that lends keys: AWS's own, or that of the storage."""
    own = grant.chosen(*_KEYS) | grant.chosen("aws_region")
    return ask_sts(
        grant.places[0], own, grant.fields, operation, wanted,
        verb="lend a key for", region=_HOME.get(_partition(grant)), environ=grant.environ, clock=grant.clock,
    )  # fmt: skip


def _policy(grant: Grant) -> str:
    return policy(grant.places, grant.mode, _partition(grant), has_kms="endpoint_url" not in grant.fields)


def _partition(grant: Grant) -> str:
    """The part of AWS it is about: the world, China, or the government's."""
    arn = str(grant.fields.get("role_arn", ""))
    if arn:
        return arn.split(":")[1]
    region = str(grant.fields.get("aws_region", ""))
    return next((name for name in _HOME if name != "aws" and region.startswith(f"{name.removeprefix('aws-')}-")), "aws")


# ------------------------------------------------------------------ addresses


def _base(grant: Grant) -> str:
    """The address of the bucket."""
    bucket = quote(grant.places[0].authority, "")
    if "endpoint_url" in grant.fields:
        return f"{str(grant.fields['endpoint_url']).rstrip('/')}/{bucket}"
    host = f"s3.{_region(grant)}.{_DOMAINS.get(_partition(grant), 'amazonaws.com')}"
    return f"https://{host}/{bucket}" if "." in bucket else f"https://{bucket}.{host}"  # certificates know no dots


def _region(grant: Grant) -> str:
    """The bucket's, as the key says, or as AWS does: one request per bucket."""
    if region := grant.fields.get("aws_region"):
        return str(region)
    return _HOME["aws"] if "endpoint_url" in grant.fields else _found_region(grant.places[0].authority)


@lru_cache(maxsize=1024)
def _found_region(bucket: str) -> str:
    from deeplake_nb.credentials.transport import connections, urllib3

    address = f"https://s3.amazonaws.com/{quote(bucket, '')}"
    try:
        with connections(address) as pool:
            answer = pool.request("HEAD", address, redirect=False, retries=False)
    except urllib3().exceptions.HTTPError as error:
        raise StorageError(
            f"cannot find the region of bucket {bucket!r} ({type(error).__name__}): check the network"
        ) from None
    if region := answer.headers.get("x-amz-bucket-region"):  # also of a bucket that refuses us
        return str(region)
    raise CredentialsError(
        f"the region of bucket {bucket!r} is unknown: give the managed key aws_region, or correct the name"
    )


def _signed(method: str, address: str, region: str, found: S3Credentials, ttl_seconds: int) -> str:
    from botocore.auth import S3SigV4QueryAuth  # type: ignore[import-untyped]
    from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]

    logging.getLogger("botocore.auth").addFilter(_no_debug)  # where the SDK prints what it signs, and the signature
    request = AWSRequest(method, address)
    S3SigV4QueryAuth(
        aws_sdk().credentials.ReadOnlyCredentials(
            found.aws_access_key_id,
            found.aws_secret_access_key.reveal(),
            found.aws_session_token.reveal() if found.aws_session_token else None,
            None,
        ),
        "s3",
        region,
        expires=min(ttl_seconds, _LONGEST_URL_SECONDS),
    ).add_auth(request)
    return str(request.url)


def _no_debug(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG
