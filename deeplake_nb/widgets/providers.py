"""The ways to say who one is to a storage, as choices of a form: a table over the kinds of managed keys. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deeplake_nb.hub.kinds import KINDS
from deeplake_nb.widgets.fields import Choice, Field, declared, place

if TYPE_CHECKING:
    from deeplake_nb.hub.protocol import KeyKind

BROWSER = "gcs-browser"
_SCHEMES = {"https": ("https", "http")}


@dataclass(frozen=True, slots=True)
class Provider:
    """One choice.

    Attributes:
        label: what it is called.
        kind: the kind of key that it makes; None: nothing is kept but a sign-in.
        required: fields that may not be left empty.
        optional: fields that may.
        more: fields that few need.
        scheme: of the places it opens.
        variables: what to set in the environment instead, where nobody can fill in a form.
        help: one sentence, where the kind's own does not fit.
    """

    label: str
    kind: KeyKind | None
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    more: tuple[str, ...] = ()
    scheme: str = ""
    variables: str = ""
    help: str = ""


_AWS = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
_KEY_PAIR = ("aws_access_key_id", "aws_secret_access_key")
PROVIDERS: dict[str, Provider] = {
    "aws-keys": Provider(
        "AWS keys", "aws-keys", _KEY_PAIR, ("aws_session_token", "aws_region"), ("expires_at",), "s3", _AWS,
        "A key pair of AWS; with a session token, a temporary one.",
    ),
    "aws-role": Provider(
        "AWS role", "aws-role", ("role_arn",), ("aws_region",), ("endpoint_url", "sts_endpoint_url"), "s3",
        "AWS_PROFILE",
        "A role that this machine's own AWS identity assumes; there is no secret to type.",
    ),
    "s3-compatible": Provider(
        "S3-compatible", "aws-keys", ("endpoint_url", *_KEY_PAIR), ("aws_region",), ("sts_endpoint_url",), "s3",
        f"{_AWS}, and AWS_ENDPOINT_URL",
        "MinIO, Ceph, R2 and other storages that speak S3 at an address of their own.",
    ),
    "azure-key": Provider(
        "Azure key", "azure-key", ("account_key",), (), ("account_name", "endpoint_url"), "azure",
        "AZURE_STORAGE_KEY",
    ),
    "azure-sas": Provider(
        "Azure SAS", "azure-sas", ("sas_token",), (), ("account_name", "endpoint_url"), "azure",
        "AZURE_STORAGE_SAS_TOKEN", "A shared access signature, as sv=…&sig=….",
    ),
    "azure-principal": Provider(
        "Azure service principal", "azure-principal", ("tenant_id", "client_id", "client_secret"), (),
        ("account_name", "endpoint_url"), "azure", "AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET",
        "An application of your tenant, with its client secret.",
    ),
    "gcs-account": Provider(
        "GCS service account", "gcs-account", ("key",), (), ("user_project", "endpoint_url"), "gcs",
        "GOOGLE_APPLICATION_CREDENTIALS, to the path of a key file",
        "The JSON key of a service account: choose its file, or paste it.",
    ),
    BROWSER: Provider(
        "GCS browser", None, (), (), (), "gcs", "GOOGLE_APPLICATION_CREDENTIALS, to the path of a key file",
        "Sign in to Google in a browser, on this machine or another.",
    ),
    "http-token": Provider(
        "HTTP token", "http-token", ("token",), (), (), "https", "",
        "A bearer token for files on a web server; it is sent to that server only.",
    ),
}  # fmt: skip


def provider_fields(name: str) -> tuple[Field, ...]:
    """The fields that one choice needs."""
    chosen = PROVIDERS[name]
    if chosen.kind is None:
        return ()
    known = KINDS[chosen.kind].fields
    return (
        *(declared(one, known[one], is_required=True) for one in chosen.required),
        *(declared(one, known[one]) for one in chosen.optional),
        *(declared(one, known[one], is_more=True) for one in chosen.more),
    )


def schemes_of(name: str) -> tuple[str, ...]:
    """The schemes of the places that one choice opens."""
    scheme = PROVIDERS[name].scheme
    return _SCHEMES.get(scheme, (scheme,))


def choices(url: str, after: tuple[Field, ...] = (), *, scheme: str = "") -> tuple[Choice, ...]:
    """The choices with a field for the place.

    Args:
        url: what the place is at first.
        after: fields that stand after those of a choice that makes a key.
        scheme: of the only storage that is asked for; empty for all.
    """
    found = []
    for name, provider in PROVIDERS.items():
        schemes = schemes_of(name)
        if scheme and scheme not in schemes:
            continue
        where = Field(
            "url",
            "Place",
            f"As {EXAMPLES[provider.scheme]}; used for it and all below.",
            is_required=True,
            value=url if url.partition("://")[0] in (*schemes, "") else "",
            read=place(*schemes),
        )
        fields = (where, *provider_fields(name), *(after if provider.kind is not None else ()))
        actions = ("sign_in", "paste", "wait", "cancel") if provider.kind is None else ("test", "save")
        about = provider.help or (KINDS[provider.kind].help if provider.kind else "")
        found.append(Choice(name, provider.label, fields, about, actions))
    return tuple(found)


EXAMPLES = {
    "s3": "s3://bucket/folder",
    "azure": "azure://account/container/folder",
    "gcs": "gcs://bucket/folder",
    "https": "https://host/folder",
}


def unattended(scheme: str) -> str:
    """What to set or pass where nobody can fill in a form, as the end of a sentence."""
    named: dict[str, str] = {}
    for provider in PROVIDERS.values():
        if provider.variables:
            named.setdefault(provider.scheme, provider.variables)
    if scheme in named:
        return f"set {named[scheme]}, or pass creds= to deeplake_nb.load"
    if scheme in ("http", "https"):
        return "pass creds={'token': …} to deeplake_nb.load"
    each = "; ".join(f"for {place_of}:// {variables}" for place_of, variables in named.items())
    return f"set its variables ({each}), or pass creds= to deeplake_nb.load"
