"""What a test of credentials comes to: a line for each of its steps, and a sentence; wherever they are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from deeplake_nb.diagnosis.advice import advice
from deeplake_nb.diagnosis.report import Line, Step
from deeplake_nb.errors import CredentialsError, ExpiredCredentialsError, HubError, LakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deeplake_nb.diagnosis.report import Report
    from deeplake_nb.urls import Url

_WORK = ("list", "read", "write")
_ENDS = ("found", "parsed", "reached", "signed")  # nothing after one of these tells anything more
_BEFORE: tuple[tuple[type[LakeError], Step], ...] = (  # what fails before anything is asked of the storage
    (ExpiredCredentialsError, "expiry"),
    (CredentialsError, "parsed"),
    (HubError, "found"),
    (LakeError, "reached"),
)


class Verdict(NamedTuple):
    """How a test went: the steps that tell something, and a sentence."""

    is_good: bool
    said: str
    steps: tuple[Line, ...]


def tested(found: str, kind: str, url: Url, ask: Callable[[], Report]) -> tuple[Line, ...]:
    """Found, parsed, reached, clock, signed, identity, list, read, write, expiry, as far as it went.

    Args:
        found: where the credentials are.
        kind: what they are, if the report does not show them.
        url: where they are tried.
        ask: the doctor's report; costs its requests.
    """
    there = Line("ok", "found", found)
    try:
        steps = ask().steps
    except LakeError as error:
        step = next(step for known, step in _BEFORE if isinstance(error, known))
        return (there, Line("failed", step, str(error), advice(step, url, error)))
    masked = steps[0].said.partition(": ")[2] if steps[0].state == "in force" else kind
    rest = [line for line in steps if line.name != "found" or line.state == "failed"]
    # A role is found on this machine, not in the key; what is no whole key was not parsed.
    before = {"found": [], "parsed": [there]}.get(rest[0].name, [there, Line("ok", "parsed", masked)])
    return (*before, *rest)


def verdict(steps: Sequence[Line]) -> Verdict:
    """The steps up to the one after which no other tells anything, with one sentence."""
    end = next((place for place, line in enumerate(steps) if line.state == "failed" and line.name in _ENDS), len(steps))
    lines = tuple(steps[: end + 1])
    works = ", ".join(line.name for line in lines if line.state == "ok" and line.name in _WORK)
    failed = ", ".join(line.name for line in lines if line.state == "failed")
    if not failed:
        return Verdict(True, f"This works: {works}." if works else "This works.", lines)
    does = f" What works: {works}." if works else ""
    return Verdict(False, f"This fails at: {failed}.{does}", lines)
