"""The bearer token of a web server."""
# ruff: noqa: RUF009  # credential() is dataclasses.field()

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deeplake_nb.credentials.chain import Chain, utc_now
from deeplake_nb.credentials.provider import Static, credential, given, read_time
from deeplake_nb.errors import CredentialsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from deeplake_nb.credentials.provider import Secret
    from deeplake_nb.urls import Url


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCredentials:
    """What a web server asks for, sent to its own host only. ``expires_at`` is aware UTC, ``None`` if unknown."""

    token: Secret = credential(
        label="Bearer token",
        help="Sent as 'Authorization: Bearer …' to the host of the address, and to no other.",
        secret=True,
        aliases=("access_token",),
    )
    expires_at: datetime | None = credential(
        label="Expires",
        help="When the token ends, as 2030-01-31T12:00:00Z.",
        role="optional",
        read=read_time,
    )
    source: str = field(default="argument", compare=False)


def chain(
    url: Url, creds: Mapping[str, object] | str, *, environ: Mapping[str, str], clock: Callable[[], datetime] = utc_now
) -> Chain:
    """What was given, and nothing else: no token is looked for, so that none goes to a host it was not meant for.

    Raises:
        CredentialsError: an unknown key, or a word.
    """
    del environ
    if isinstance(creds, str):  # not shown: it may be a token
        raise CredentialsError(f"creds for {url.scheme}:// is a dictionary: {{'token': …}}")
    argument = Static(HttpCredentials, given(HttpCredentials, creds))
    return Chain(str(url), [argument], settings={}, advice="Pass creds={'token': …}", clock=clock)
