"""What the owner of a cloud runs once, so that the hub may use a key without holding a secret of theirs.

Each cloud has one file that writes a script of its own command line: ``aws`` (a role with a trust policy), ``azure``
(an application with a federated credential), ``google`` (a service account that the hub may act as). ``identity`` finds
out who the hub itself is there, ``script`` quotes. Scripts are for people to read before they run them: they say what
they do, can be run twice, ask nothing, and hold no secret. Nothing in them is what somebody wrote and the shell reads:
every value is quoted.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from deeplake_nb.credentials.provider import Environment, sealed
from deeplake_nb.errors import CredentialsError
from deeplake_nb.hub import kinds
from deeplake_nb.hub.provisioning.identity import HubIdentity, identity
from deeplake_nb.registry import Registry
from deeplake_nb.urls import Url, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from deeplake_nb.hub.protocol import KeyKind

    Writer = Callable[[Mapping[str, Any], Sequence[Url], HubIdentity | None, str | None], str]

__all__ = ["HubIdentity", "provisioning"]

_WRITERS: Registry[Writer] = Registry(
    "kind of key that is provisioned",
    {
        "aws-role": "deeplake_nb.hub.provisioning.aws:script",
        "azure-principal": "deeplake_nb.hub.provisioning.azure:script",
        "gcs-impersonation": "deeplake_nb.hub.provisioning.google:script",
    },
)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_ENVIRON = Environment(os.environ)


def provisioning(
    kind: KeyKind,
    fields: Mapping[str, Any],
    prefixes: Sequence[Url | str],
    external_id: str | None = None,
    hub_identity: HubIdentity | None = None,
    *,
    environ: Mapping[str, str] = _ENVIRON,
) -> str:
    """A bash script for the owner of the places; asks the cloud who the hub is, unless that is given.

    Args:
        kind: of the managed key.
        fields: what it is made of, as for `deeplake_nb.hub.vending.vend`.
        prefixes: the places it is for; rights are given there and nowhere else.
        external_id: of a role of AWS.
        hub_identity: who the hub is to that cloud.
        environ: where that is looked for otherwise.

    Raises:
        CredentialsError: the kind needs nothing, no place is named, or the hub has no identity there.
    """
    fields = sealed(fields)
    checked = kinds.read(kind, fields)
    if kind not in _WRITERS:
        raise CredentialsError(f"a key of kind {kind} needs nothing to be run: it holds what it takes")
    places = [parse(prefix) for prefix in prefixes]
    if not places:
        raise CredentialsError("the managed key is bound to no urls: say which, so that rights are given only there")
    for place in places:
        if not kinds.reaches(kind, checked, place):
            raise CredentialsError(f"a key of kind {kind} does not open {place}: give urls of that storage and account")
        if not _NAME.fullmatch(place.authority):  # none of a cloud's, and it could be taken for an option
            raise CredentialsError(f"no bucket or account is called {place.authority!r}: correct the url")
    return _WRITERS[kind](checked, places, hub_identity or identity(kind, checked, environ), external_id)
