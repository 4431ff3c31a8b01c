"""What an S3 storage can find out about itself, for the doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from deeplake_nb.errors import KeyNotFoundError
from deeplake_nb.storage.provider import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from deeplake_nb.storage.s3 import S3Storage

_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def checks(storage: S3Storage) -> Sequence[Check]:
    """Who we are, the bucket's region, its rules for browsers."""
    return (
        Check("identity", lambda: _identity(storage)),
        Check("region", lambda: _region(storage)),
        Check("CORS", lambda: _cors(storage)),
    )


def _identity(storage: S3Storage) -> str:
    found = storage.credentials()
    if found.anonymous:
        return "nobody: asked without keys"
    sts = storage.connect("sts", region=storage.region())
    if _is_aws(sts.meta.endpoint_url) and not _is_aws(storage.endpoint()):  # these keys are none of AWS's business
        return f"access key {found.aws_access_key_id} (this storage is not AWS, and has no service that tells more)"
    with storage.our_errors("ask who we are for", ""):
        answer = sts.get_caller_identity()
    return f"{answer['Arn']} (access key {found.aws_access_key_id})"


def _region(storage: S3Storage) -> str:
    answer = storage.call("find the region of", "", "head_bucket", {})
    headers = answer["ResponseMetadata"].get("HTTPHeaders", {})
    region = answer.get("BucketRegion") or headers.get("x-amz-bucket-region")
    asked = storage.region()
    if not region:
        return f"{asked} (as asked for: this storage names none)"
    return region if region == asked else f"{region}; asked for {asked}, which costs a redirect: give aws_region"


def _cors(storage: S3Storage) -> str:
    try:
        answer = storage.call("get the CORS rules of", "", "get_bucket_cors", {})
    except KeyNotFoundError:
        return "no rules: web pages cannot read the bucket by themselves (this notebook needs none)"
    origins = sorted({origin for rule in answer["CORSRules"] for origin in rule.get("AllowedOrigins", ())})
    return f"pages of {', '.join(origins)} may read it"


def _is_aws(endpoint: str) -> bool:
    return (urlsplit(endpoint).hostname or "").endswith(_AWS)
