"""Which credentials are in force for a url, and what the other sources said."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from deeplake_nb.credentials.chain import Chain, Finding, utc_now
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.diagnosis.report import Line, Report

if TYPE_CHECKING:
    from datetime import datetime

    from deeplake_nb.credentials.chain import Clock
    from deeplake_nb.credentials.provider import CredentialProvider, Credentials
    from deeplake_nb.urls import Url


def explain(url: Url, provider: CredentialProvider | None, clock: Clock = utc_now) -> Report:
    """The chain, source by source; asks them and nobody else, and shows no secret.

    Args:
        url: what the credentials are for.
        provider: as `deeplake_nb.credentials.chain.credentials_from` gives it.
        clock: gives the time, aware of its zone.
    """
    if provider is None:
        return Report(f"credentials for {url}", (Line("ok", "credentials", "none are needed"),))
    chain = provider if isinstance(provider, Chain) else Chain(str(url), [provider], settings={}, advice="Pass creds=")
    findings = chain.findings()
    decisive = next((found.source for found in findings if found.state in ("in force", "failed")), "")
    lines = [_line(found, decisive, clock) for found in findings]
    settings = ", ".join(f"{name}={value}" for name, value in sorted(chain.settings.items()))
    if settings:
        lines.append(Line("ok", "settings", f"{settings} (these hold whatever the source)"))
    if not decisive:
        lines.append(Line("failed", "credentials", "no source has any", chain.advice))
    return Report(f"credentials for {url}", tuple(lines))


def _line(finding: Finding, decisive: str, clock: Clock) -> Line:
    if finding.found is not None:
        said = _shown(finding.found, clock)
        if finding.state == "overridden":
            said += f"; {decisive!r} comes before it"
        elif finding.found.expires_at is not None and finding.found.expires_at <= clock():
            return Line("failed", finding.source, said, "they are past their time: sign in again, or get new ones")
        return Line(finding.state, finding.source, said)
    if finding.state == "failed":
        return Line("failed", finding.source, finding.said, "this ends the search: mend it, or pass other creds=")
    said = f"{decisive!r} decided it" if finding.state == "not asked" else finding.said
    return Line(finding.state, finding.source, said)


def _shown(found: Credentials, clock: Clock) -> str:
    """What there is of them, secrets as ``***``, with their end in words."""
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    source, end = values.pop("source"), values.pop("expires_at")
    there = [f"{name}={value}" for name, value in values.items() if value not in _NOTHING]
    until = "" if end is None else f"; until {end:%Y-%m-%d %H:%M:%S %Z} ({_rest(end, clock)})"
    return f"{source}: {', '.join(there) or 'nothing'}{until}"


def _rest(end: datetime, clock: Clock) -> str:
    seconds = int((end - clock()).total_seconds())
    if seconds <= 0:
        return "over"
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes} min left" if hours else f"{minutes} min left" if minutes else f"{seconds} s left"


_NOTHING: tuple[object, ...] = (None, "", Secret(""))
