"""Letting web pages read a bucket: its rules are shown, added to, and tried out as a browser would."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import StorageError, UnsupportedError, UrlError
from deeplake_nb.registry import Registry
from deeplake_nb.storage.wrappers import innermost
from deeplake_nb.urls import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deeplake_nb.storage.cors_stores import Names, Rule, Store
    from deeplake_nb.storage.provider import StorageProvider

_METHODS = ("GET", "HEAD")
_ORIGIN = re.compile(r"https?://([a-z0-9-]+(\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(:\d{1,5})?")
_PAUSES = (0.0, 0.5, 1.0, 2.0, 4.0)  # a rule may take a while until all of a storage's servers know it
_STORES: Registry[Callable[[Any], Store]] = Registry(
    "storage with rules for web pages",
    {
        "s3": "deeplake_nb.storage.cors_stores:S3Rules",
        "gcs": "deeplake_nb.storage.cors_stores:GcsRules",
        "azure": "deeplake_nb.storage.cors_stores:AzureRules",
    },
)


@dataclass(frozen=True, slots=True)
class Cors:
    """Which pages may read a bucket, what was done about one, and how that came out. ``print`` shows it.

    Attributes:
        scope: what the rules are for, in words: one bucket, or on Azure all containers of the account.
        origin: the pages it is about; None: it was only looked.
        rules: as the cloud has them now, or would have.
        outcome: ``"there already"``, ``"added"``, or ``"missing"`` where nothing was to be changed.
        command: the same change on the cloud's own command line; empty where there is nothing to change.
        preflight: what the storage said to a browser's question, a line for each method; empty if it was not asked.
        is_open: it let the pages read.
    """

    scope: str
    origin: str | None
    rules: tuple[Rule, ...]
    outcome: str
    command: str
    preflight: tuple[str, ...]
    is_open: bool

    def __str__(self) -> str:
        lines = [f"CORS rules of {self.scope}:", json.dumps(list(self.rules), indent=2)]
        if self.origin is not None:
            lines.append(f"A rule for pages of {self.origin} to read: {self.outcome}.")
        if self.outcome == "missing":
            lines.append(f"To add it: {self.command}")
        lines += self.preflight
        if self.preflight and not self.is_open:
            lines.append("The storage does not let them yet: a rule may take some minutes, or a proxy may be between.")
        return "\n".join(lines)

    __repr__ = __str__


def cors(
    storage: StorageProvider,
    origin: str | None = None,
    *,
    apply: bool = False,
    sleep: Callable[[float], None] = time.sleep,
) -> Cors:
    """Look which web pages may read the bucket of a storage; with ``apply`` let those of an origin.

    Rules that are there stay. One of the same kind gets the origin as well; otherwise a rule is added: for GET and
    HEAD, nothing else. Then the storage is asked as a browser would, up to some seconds long. One request to read the
    rules, one to change them, two for the question.

    Args:
        storage: opened with credentials that may see (and change) the settings of the bucket or account.
        origin: of the pages, as ``https://lab.example:8443``.
        apply: change the rules.
        sleep: waits between questions.

    Raises:
        UrlError: no origin.
        UnsupportedError: the storage has no such rules.
        PermissionDeniedError: the credentials may not see or change them.
        StorageError: there are as many rules as the cloud takes, or it lost one.
    """
    inner = innermost(storage)
    if inner.url.scheme not in _STORES:
        raise UnsupportedError(f"{inner.url} has no rules for web pages: only s3://, gcs:// and azure:// have")
    store = _STORES[inner.url.scheme](inner)
    if origin is None:
        return Cors(store.scope, None, tuple(store.read()), "", "", (), is_open=False)
    origin = _checked(origin)
    before = store.read()
    after = merged(before, origin, store.names)
    outcome = "there already" if after == before else "missing"
    command = store.command(after) if after != before else ""
    if apply and after != before:
        store.write(after)
        found = [_plain(rule) for rule in store.read()]
        if lost := [rule for rule in after if _plain(rule) not in found]:
            raise StorageError(
                f"the rules of {store.scope} were set, and {len(lost)} of them are not there: look again"
            )
        outcome = "added"
    preflight: tuple[str, ...] = ()
    is_open = False
    for pause in _PAUSES if outcome == "added" else _PAUSES[:1]:
        sleep(pause)
        answers = [_preflight(store.address(), origin, method) for method in _METHODS]
        preflight, is_open = tuple(said for said, _ in answers), all(is_let for _, is_let in answers)
        if is_open:
            break
    return Cors(store.scope, origin, tuple(after), outcome, command, preflight, is_open)


def merged(rules: Sequence[Rule], origin: str, names: Names) -> list[Rule]:
    """The rules, and that pages of the origin may read. Pure; those that are there are neither changed nor moved.

    Raises:
        StorageError: there is no room for another one.
    """
    if any(_lets(rule, origin, names) for rule in rules):
        return list(rules)
    wanted = {names.origins: [origin], names.methods: list(_METHODS), **names.template}
    for number, rule in enumerate(rules):
        if {**rule, names.origins: None} == {**wanted, names.origins: None}:  # ours, of another time
            return [*rules[:number], {**rule, names.origins: [*rule[names.origins], origin]}, *rules[number + 1 :]]
    if len(rules) >= names.most:
        raise StorageError(f"there are {len(rules)} CORS rules already, and no more may be: remove one first")
    return [*rules, wanted]


def _plain(rule: Rule) -> dict[str, Any]:
    """A rule to compare with: clouds put their lists in order, and leave out what is empty."""
    return {name: frozenset(v) if isinstance(v, list) else str(v) for name, v in rule.items() if v}


def _lets(rule: Rule, origin: str, names: Names) -> bool:
    """Whether one rule by itself lets pages of the origin read pieces of objects."""
    allowed = [name.lower() for name in rule.get(names.allowed, ())]
    origins = "|".join(re.escape(one).replace(r"\*", ".*") for one in rule.get(names.origins, ()))
    return (
        bool(re.fullmatch(origins, origin))
        and set(_METHODS) <= set(rule.get(names.methods, ()))
        and any(re.fullmatch(re.escape(name).replace(r"\*", ".*"), "range") for name in allowed)
    )


def _checked(origin: str) -> str:
    found = origin.strip().lower().rstrip("/")
    if not _ORIGIN.fullmatch(found):
        raise UrlError(
            f"{redact(origin)!r} is no origin of web pages: expected https://host or http://host:port, as a browser"
            " shows it, without a path"
        )
    return found


def _preflight(address: str, origin: str, method: str) -> tuple[str, bool]:
    """What the storage says to a browser's question, and whether that is a yes."""
    from deeplake_nb.credentials.transport import connections, urllib3

    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "range",
    }
    try:
        with connections(address) as pool:
            answer = pool.request("OPTIONS", address, headers=headers, redirect=False, retries=False)
    except urllib3().exceptions.HTTPError as error:
        return f"OPTIONS for {method}: no answer ({type(error).__name__})", False
    said = answer.headers.get("Access-Control-Allow-Origin", "")
    methods = answer.headers.get("Access-Control-Allow-Methods", method)
    is_let = answer.status in (200, 204) and said in (origin, "*") and (method in methods or "*" in methods)
    outcome = f"{said} may" if is_let else "refused"
    return f"OPTIONS for {method}: {answer.status}, {outcome}", is_let
