"""A service account of Google that the hub may act as, its rights, and the key of encrypted buckets."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import CredentialsError, MissingCredentialsError
from deeplake_nb.hub.provisioning.script import comment
from deeplake_nb.hub.provisioning.script import script as whole
from deeplake_nb.hub.vending.gcs import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from deeplake_nb.hub.provisioning.identity import HubIdentity
    from deeplake_nb.urls import Url

_SUFFIX = ".iam.gserviceaccount.com"


def script(fields: Mapping[str, Any], places: Sequence[Url], hub: HubIdentity | None, external_id: str | None) -> str:
    """Makes the service account, or brings it up to date."""
    del external_id  # of AWS
    if hub is None:
        raise MissingCredentialsError("the hub has no identity on Google's cloud: give it a service account")
    account = str(fields["service_account"])
    name, _, domain = account.partition("@")
    if not domain.endswith(_SUFFIX):
        raise CredentialsError(f"{account} is none of a project's own accounts: expected name@project{_SUFFIX}")
    project = f"--project={quote(domain.removesuffix(_SUFFIX))}"
    accounts = "gcloud iam service-accounts"
    commands = [
        f"gcloud services enable iamcredentials.googleapis.com sts.googleapis.com {project}",
        "",
        comment("The account, and that the hub may act as it."),
        f"{accounts} describe {quote(account)} {project} > /dev/null 2>&1 ||",
        f"    {accounts} create {quote(name)} {project} --display-name='Deep Lake hub'",
        f"{accounts} add-iam-policy-binding {quote(account)} {project} \\",
        f"    --member={quote(f'serviceAccount:{hub.name}')} --role=roles/iam.serviceAccountTokenCreator",
    ]
    member = f"--member={quote(f'serviceAccount:{account}')}"
    for bucket in dict.fromkeys(place.authority for place in places):
        commands += ["", *_rights(bucket, [place.path for place in places if place.authority == bucket], member)]
        commands += ["", *_encryption(bucket, project)]
    return whole(
        [
            f"Lets the hub act as {account} for:",
            *(f"  {place}" for place in places),
            f"The hub is {hub.name}.",
            "Run this once, signed in to that project with rights on IAM and on the buckets. Running it again does no",
            "harm. What the hub lends on is narrower: one folder, for an hour.",
        ],
        commands,
    )


def _rights(bucket: str, folders: Sequence[str], member: str) -> list[str]:
    place = quote(f"gs://{bucket}")
    bind = f"gcloud storage buckets add-iam-policy-binding {place} {member}"
    lines = [
        comment(f"What it may do in bucket {bucket}. Keys that are lent need uniform access there."),
        f"uniform=\"$(gcloud storage buckets describe {place} --format='value(uniform_bucket_level_access)')\"",
        'if [ "$uniform" != True ]; then',
        f"    echo 'switch on uniform bucket-level access first: gcloud storage buckets update' {place} \\",
        "        '--uniform-bucket-level-access (its objects then have no ACLs of their own)' >&2",
        "    exit 1",
        "fi",
    ]
    if not all(folders):
        return [*lines, f"{bind} --role=roles/storage.objectUser --condition=None"]
    starts = (quoted(f"projects/_/buckets/{bucket}/objects/{folder}/") for folder in folders)
    expression = " || ".join(f"resource.name.startsWith({start})" for start in starts)
    return [
        *lines,
        comment("Names are listed by bucket, objects are opened by folder."),
        f"{bind} --role=roles/storage.legacyBucketReader --condition=None",
        f"{bind} --role=roles/storage.objectUser \\",
        f"    --condition={quote(_flags({'title': 'deeplake-nb', 'expression': expression}))}",
    ]


def _flags(parts: Mapping[str, Any]) -> str:
    """A dictionary as gcloud reads it, with a mark between its parts that is in none of them."""
    text = "".join(f"{name}={value}" for name, value in parts.items())
    mark = next(mark for mark in (",", "~", "|||", "^^^", ":::::") if mark.replace("^", "") and mark not in text)
    between = mark.join(f"{name}={value}" for name, value in parts.items())
    return between if mark == "," else f"^{mark}^{between}"


def _encryption(bucket: str, project: str) -> list[str]:
    """Objects are encrypted by the storage's own agent in the project: it needs the key, not the account."""
    place = quote(f"gs://{bucket}")
    return [
        comment(f"Where bucket {bucket} is encrypted with a key of KMS, the storage itself may use that."),
        f"key=\"$(gcloud storage buckets describe {place} --format='value(default_kms_key)')\"",
        'if [ -n "$key" ]; then',
        f'    gcloud storage service-agent {project} --authorize-cmek="$key"',
        "fi",
    ]
