"""Which credentials are in force for a url, and what the other sources said."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from deeplake_nb.credentials.chain import Chain, utc_now
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.diagnosis.report import Line, Report, Step
from deeplake_nb.errors import ExpiredCredentialsError, LakeError, PartialCredentialsError, PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from deeplake_nb.credentials.chain import Clock, Finding
    from deeplake_nb.credentials.provider import CredentialProvider, Credentials
    from deeplake_nb.urls import Url


def explain(url: Url, provider: CredentialProvider | None, clock: Clock = utc_now) -> Report:
    """The chain, source by source; asks them and nobody else, and shows no secret.

    Args:
        url: what the credentials are for.
        provider: as `deeplake_nb.credentials.chain.credentials_from` gives it.
        clock: gives the time, aware of its zone.
    """
    return Inquiry(url, provider).report(clock)


class Inquiry:
    """What the sources for a url said; each is asked once.

    Attributes:
        findings: source by source; none where no credentials are needed.
    """

    def __init__(self, url: Url, provider: CredentialProvider | None) -> None:
        self._url = url
        if isinstance(provider, Chain) or provider is None:
            self._chain = provider
        else:
            self._chain = Chain(str(url), [provider], settings={}, advice="Pass creds=")
        self.findings = [] if self._chain is None else self._chain.findings()

    @property
    def in_force(self) -> Credentials | None:
        """The credentials that are used; also those of nobody, by which one asks anonymously."""
        return next((found.found for found in self.findings if found.state == "in force"), None)

    def report(self, clock: Clock) -> Report:
        """A line for each source."""
        if self._chain is None:
            return Report(f"credentials for {self._url}", (Line("ok", "credentials", "none are needed"),))
        return Report(f"credentials for {self._url}", tuple(_lines(self._chain, self.findings, clock)))

    def expiry(self, clock: Clock) -> Line:
        """Until when the credentials in force are good."""
        end = None if self.in_force is None else self.in_force.expires_at
        said = "no end is known" if end is None else f"{_moment(end)} ({_rest(end, clock)})"
        return Line("ok", "expiry", said, step="expiry")


def _lines(chain: Chain, findings: Sequence[Finding], clock: Clock) -> list[Line]:
    decisive = next((found.source for found in findings if found.state in ("in force", "failed")), "")
    lines = [_line(found, decisive, clock) for found in findings]
    settings = ", ".join(f"{name}={value}" for name, value in sorted(chain.settings.items()))
    if settings:
        lines.append(Line("ok", "settings", f"{settings} (these hold whatever the source)"))
    if not decisive:
        lines.append(Line("failed", "credentials", "no source has any", chain.advice, "found"))
    return lines


def _line(finding: Finding, decisive: str, clock: Clock) -> Line:
    if finding.found is not None:
        said = _shown(finding.found, clock)
        if finding.state == "overridden":
            said += f"; {decisive!r} comes before it"
        elif finding.found.expires_at is not None and finding.found.expires_at <= clock():
            return Line("failed", finding.source, said, _OVER, "expiry")
        return Line(finding.state, finding.source, said, step="found" if finding.state == "in force" else "")
    if finding.state == "failed":
        kind = finding.failure or LakeError
        step: Step = next((step for known, step in _STEPS if issubclass(kind, known)), "found")
        return Line(
            "failed", finding.source, finding.said, "this ends the search: mend it, or use other credentials", step
        )
    said = f"{decisive!r} decided it" if finding.state == "not asked" else finding.said
    return Line(finding.state, finding.source, said)


def _shown(found: Credentials, clock: Clock) -> str:
    """What there is of them, secrets as ``***``, with their end in words."""
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    source, end = values.pop("source"), values.pop("expires_at")
    there = [f"{name}={value}" for name, value in values.items() if value not in _NOTHING]
    until = "" if end is None else f"; until {_moment(end)} ({_rest(end, clock)})"
    return f"{source}: {', '.join(there) or 'nothing'}{until}"


def _moment(end: datetime) -> str:
    return f"{end:%Y-%m-%d %H:%M:%S %Z}"


def _rest(end: datetime, clock: Clock) -> str:
    seconds = int((end - clock()).total_seconds())
    if seconds <= 0:
        return "over"
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes} min left" if hours else f"{minutes} min left" if minutes else f"{seconds} s left"


_OVER = "they are past their time: sign in again, or get new ones"
_STEPS: tuple[tuple[type[LakeError], Step], ...] = (
    (ExpiredCredentialsError, "expiry"),
    (PermissionDeniedError, "signed"),  # somebody was asked for a token
    (PartialCredentialsError, "parsed"),
)
_NOTHING: tuple[object, ...] = (None, "", Secret(""))
