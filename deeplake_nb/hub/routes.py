"""The hub protocol over HTTP, as one table: the client asks by it, the server answers by it and documents it."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_type_hints

from deeplake_nb.hub.protocol import Hub

BASE = "/api/v1"
ANONYMOUS = "PUBLIC_TOKEN_"
"""How the token of a user of the original client begins who has none."""

_YEARS_SECONDS = 10 * 366 * 86_400
BOUNDS = {
    "limit": (1, 10_000),
    "after": (0, (1 << 63) - 1),
    "ttl_seconds": (1, _YEARS_SECONDS),
    "overlap_seconds": (0, _YEARS_SECONDS),
}
"""Parameters that are whole numbers, and the least and the most that they may be."""


@dataclass(frozen=True, slots=True)
class Route:
    """One method of `Hub` as a request.

    Attributes:
        verb: parameters that are not in the path are in the query of GET and DELETE, in the JSON body of the others.
        path: below `BASE`, with parameters in braces.
        says: what it is for, in a document.
        is_repeatable: asking twice does what asking once does, so that an answer that was lost may be asked for again.
    """

    verb: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    says: str
    is_repeatable: bool = True

    @property
    def in_path(self) -> tuple[str, ...]:
        """Names of the parameters in the path."""
        return tuple(re.findall(r"{(\w+)}", self.path))


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a method: its type, and what it is unless given (``inspect.Parameter.empty``: required)."""

    hint: Any
    default: Any

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is inspect.Parameter.empty


_DATASET = "/orgs/{org}/datasets/{name}"
_KEY = "/orgs/{org}/keys/{name}"

ROUTES: dict[str, Route] = {
    "whoami": Route("GET", "/whoami", "Who the token stands for"),
    "resolve": Route("POST", f"{_DATASET}/credentials", "Where a dataset lies, with credentials for it"),
    "create": Route("PUT", _DATASET, "Enter a dataset at the place that was resolved"),
    "connect": Route("POST", "/orgs/{org}/datasets", "Give a dataset that lies somewhere a name"),
    "dataset": Route("GET", _DATASET, "One dataset"),
    "datasets": Route("GET", "/orgs/{org}/datasets", "Datasets of an organisation, in pages"),
    "rename": Route("PUT", f"{_DATASET}/name", "Give a dataset another name", is_repeatable=False),
    "set_public": Route("PUT", f"{_DATASET}/public", "Let everybody read a dataset, or members only"),
    "delete": Route("DELETE", _DATASET, "Forget a dataset's name", is_repeatable=False),
    "presign": Route("POST", f"{_DATASET}/requests", "A url that allows one request for one object"),
    "orgs": Route("GET", "/orgs", "Organisations of the user"),
    "create_org": Route("POST", "/orgs", "Make an organisation", is_repeatable=False),
    "users": Route("GET", "/users", "Everybody the hub knows"),
    "create_user": Route("POST", "/users", "Make a user, with a first token", is_repeatable=False),
    "delete_user": Route("DELETE", "/users/{user}", "Forget a user", is_repeatable=False),
    "members": Route("GET", "/orgs/{org}/members", "Members of an organisation and their roles"),
    "set_member": Route("PUT", "/orgs/{org}/members/{user}", "Give a user a role, or take it away"),
    "default_storage": Route("GET", "/orgs/{org}/default-storage", "Where new datasets go"),
    "set_default_storage": Route("PUT", "/orgs/{org}/default-storage", "Say where new datasets go"),
    "keys": Route("GET", "/orgs/{org}/keys", "Managed keys, without their secrets"),
    "add_key": Route("POST", "/orgs/{org}/keys", "Keep a key", is_repeatable=False),
    "rotate_key": Route("PUT", f"{_KEY}/fields", "Give a key new secrets", is_repeatable=False),
    "rename_key": Route("PUT", f"{_KEY}/name", "Give a key another name", is_repeatable=False),
    "delete_key": Route("DELETE", _KEY, "Forget a key", is_repeatable=False),
    "try_key": Route("POST", f"{_KEY}/trial", "Try a key out with real requests"),
    "lend": Route("POST", f"{_KEY}/credentials", "Credentials of a key, for linked files"),
    "presign_link": Route("POST", f"{_KEY}/requests", "A url that allows one GET of a linked file"),
    "provisioning": Route("GET", f"{_KEY}/provisioning", "What the owner of the cloud must run once"),
    "create_token": Route("POST", "/tokens", "A new token of the user", is_repeatable=False),
    "tokens": Route("GET", "/tokens", "The user's tokens, without themselves"),
    "revoke_token": Route("DELETE", "/tokens/{token_id}", "Refuse a token from now on", is_repeatable=False),
    "audit": Route("GET", "/audit", "What was done in an organisation, oldest first"),
}
"""Method of `Hub` to its request."""


@cache
def parameters(method: str) -> dict[str, Parameter]:
    """The parameters of a method by name, in order."""
    function = getattr(Hub, method)
    hints = get_type_hints(function)
    declared = list(inspect.signature(function).parameters.values())[1:]
    return {one.name: Parameter(hints[one.name], one.default) for one in declared}


@cache
def answer_of(method: str) -> Any:
    """The type of what a method gives."""
    return get_type_hints(getattr(Hub, method))["return"]
