"""Lending for web servers: their token, which nothing can narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.errors import CredentialsError, UnsupportedError
from deeplake_nb.hub.vending.grant import Cloud, Grant, Method, Vended

if TYPE_CHECKING:
    from typing import NoReturn


def vend(grant: Grant) -> Vended:
    """The token as it is, for reading; it has no end that anybody knows.

    Raises:
        CredentialsError: it is asked for to write.
    """
    if grant.mode != "r":
        raise CredentialsError(f"{grant.places[0]} is on a web server, which is for reading: ask for mode 'r'")
    return Vended(dict(grant.chosen("token")))


def presign(grant: Grant, method: Method, key: str) -> NoReturn:
    """Refused."""
    del key
    raise UnsupportedError(f"cannot sign a {method} below {grant.places[0]}: web servers know no signed addresses")


CLOUD = Cloud(vend, presign)
