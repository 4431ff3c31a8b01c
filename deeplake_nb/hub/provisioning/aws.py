"""A role of AWS that the hub may assume: its trust, its rights, and the key of encrypted buckets."""

from __future__ import annotations

import json
from shlex import quote
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import CredentialsError, MissingCredentialsError
from deeplake_nb.hub.provisioning.script import comment, document
from deeplake_nb.hub.provisioning.script import script as whole
from deeplake_nb.hub.vending.policies import statements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deeplake_nb.hub.provisioning.identity import HubIdentity
    from deeplake_nb.urls import Url

_NAME = "deeplake-nb"
_LONGEST = 10_240  # characters of all policies in a role
_KEY_QUERY = "'ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.KMSMasterKeyID'"


def script(fields: Mapping[str, Any], places: Sequence[Url], hub: HubIdentity | None, external_id: str | None) -> str:
    """Makes the role, or brings it up to date."""
    if hub is None:
        raise MissingCredentialsError("the hub has no identity on AWS: give it a role or keys of its own")
    partition, account, name = _parts(str(fields["role_arn"]))
    rights = {"Version": "2012-10-17", "Statement": statements(places, "w", partition)}
    if len(json.dumps(rights)) > _LONGEST:
        raise CredentialsError(f"the policy for {len(places)} urls is longer than AWS takes: bind the key to fewer")
    role = f"--role-name {quote(name)}"
    commands = [
        comment(
            "The role, which nobody but the hub may assume. One of this name that is there already gets this trust"
        ),
        comment("policy in place of its own."),
        f"trust={document(_trust(hub, external_id))}",
        f"if aws iam get-role {role} > /dev/null 2>&1; then",
        f'    aws iam update-assume-role-policy {role} --policy-document "$trust"',
        "else",
        f'    aws iam create-role {role} --assume-role-policy-document "$trust"',
        "fi",
        "",
        comment("What it may do: these places, and nothing else."),
        f"rights={document(rights)}",
        f'aws iam put-role-policy {role} --policy-name {_NAME} --policy-document "$rights"',
    ]
    for bucket in dict.fromkeys(place.authority for place in places):
        commands += ["", *_encryption(bucket, role)]
    return whole(
        [
            f"Lets the hub use the role {name} of account {account} for:",
            *(f"  {place}" for place in places),
            f"The hub is {hub.name}.",
            f"Run this once, signed in to account {account} with rights on IAM. Running it again does no harm.",
        ],
        commands,
    )


def _parts(arn: str) -> tuple[str, str, str]:
    """Partition, account and name of a role."""
    _, partition, _, _, account, rest = arn.split(":", 5)
    return partition, account, rest.rpartition("/")[2]


def _trust(hub: HubIdentity, external_id: str | None) -> dict[str, Any]:
    allowed: dict[str, Any] = {"Effect": "Allow", "Principal": {"AWS": hub.name}, "Action": "sts:AssumeRole"}
    if external_id:  # so that nobody else makes the hub assume it for them
        allowed["Condition"] = {"StringEquals": {"sts:ExternalId": external_id}}
    return {"Version": "2012-10-17", "Statement": [allowed]}


def _encryption(bucket: str, role: str) -> list[str]:
    """Rights on the key of a bucket that is encrypted with one of KMS."""
    allowed = {"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "%s"}
    rights = quote(json.dumps({"Version": "2012-10-17", "Statement": [allowed]}))
    name = quote(f"{_NAME}-kms-{bucket}"[:128])
    return [
        comment(f"Where bucket {bucket} is encrypted with a key of KMS, the role may use that."),
        f"query={_KEY_QUERY}",
        f'key="$(aws s3api get-bucket-encryption --bucket {quote(bucket)} --query "$query" --output text || true)"',
        'if [ -n "$key" ] && [ "$key" != None ]; then',
        '    key="$(aws kms describe-key --key-id "$key" --query KeyMetadata.Arn --output text)"',
        f'    rights="$(printf {rights} "$key")"',
        f'    aws iam put-role-policy {role} --policy-name {name} --policy-document "$rights"',
        "fi",
    ]
