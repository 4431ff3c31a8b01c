"""What an AWS session may do: the policy document, made from places and a mode. Pure."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from deeplake_nb.hub.protocol import Mode
    from deeplake_nb.urls import Url

_LONGEST = 2048  # characters; https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
_ESCAPES = str.maketrans({"$": "${$}", "*": "${*}", "?": "${?}"})
_NOTHING = {"Effect": "Deny", "Action": "*", "Resource": "*"}
_ACTIONS: Mapping[Mode, tuple[str, ...]] = {
    "r": ("s3:GetObject",),
    "a": ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"),
    "w": ("s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"),
}
# A put that makes an object must be one that only makes new ones; storages that know no such writes let it pass.
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
_ONLY_NEW = {"Bool": {"s3:ObjectCreationOperation": "true"}, "Null": {"s3:if-none-match": "true"}}


def literal(text: str) -> str:
    """Text as a policy takes it literally: ``*``, ``?`` and ``$`` mean something there."""
    return text.translate(_ESCAPES)


def policy(places: Iterable[Url], mode: Mode, partition: str = "aws", *, has_kms: bool = False) -> str:
    """The policy that allows this mode below these places (folders, or whole buckets), and nothing else, as JSON.

    It has no blanks: some storages that speak S3 do not read them. Without places it denies everything: an empty
    policy would be no restriction. With ``has_kms`` the storage may use keys of KMS for the caller, as far as the role
    or user itself may: objects may be encrypted with one.

    Raises:
        CredentialsError: it is longer than AWS takes.
    """
    found = statements(places, mode, partition)
    if found and has_kms:
        actions = ["kms:Decrypt"] if mode == "r" else ["kms:Decrypt", "kms:GenerateDataKey"]
        by_storage = {"StringLike": {"kms:ViaService": "s3.*"}}
        found.append({"Effect": "Allow", "Action": actions, "Resource": "*", "Condition": by_storage})
    document = {"Version": "2012-10-17", "Statement": found or [_NOTHING]}
    text = json.dumps(document, separators=(",", ":"))
    if len(text) > _LONGEST:
        raise CredentialsError(
            f"the policy has {len(text)} characters and AWS takes {_LONGEST}:"
            " lend the key for fewer places, or with shorter names"
        )
    return text


def statements(places: Iterable[Url], mode: Mode, partition: str = "aws") -> list[dict[str, Any]]:
    """What the policy says; none for no places."""
    buckets: dict[str, list[str]] = {}
    for place in places:
        buckets.setdefault(place.authority, []).append(f"{place.path}/" if place.path else "")
    objects = [
        f"arn:{partition}:s3:::{literal(name)}/{literal(prefix)}*" for name, ends in buckets.items() for prefix in ends
    ]
    if not objects:
        return []
    found: list[dict[str, Any]] = [{"Effect": "Allow", "Action": list(_ACTIONS[mode]), "Resource": objects}]
    for bucket, prefixes in buckets.items():
        listed: dict[str, Any] = {
            "Effect": "Allow",
            "Action": ["s3:ListBucket"],
            "Resource": [f"arn:{partition}:s3:::{literal(bucket)}"],
        }
        if "" not in prefixes:  # with the slash: a folder's name may begin another's
            listed["Condition"] = {"StringLike": {"s3:prefix": [f"{literal(prefix)}*" for prefix in prefixes]}}
        found.append(listed)
    if mode == "a":
        found.append({"Effect": "Deny", "Action": ["s3:PutObject"], "Resource": "*", "Condition": _ONLY_NEW})
    return found
