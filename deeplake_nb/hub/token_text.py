"""What a token looks like: ``dlnb_`` and 48 letters and digits, or a JWT for the original client.

Of the 48 the first ten are the token's id, the last six a checksum, so that scanners for secrets recognise a real one.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import re
import secrets
from typing import TYPE_CHECKING

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import HubTokenError

if TYPE_CHECKING:
    from datetime import datetime

PREFIX = "dlnb_"
_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID, _SECRET, _CHECK = 10, 32, 6
_OPAQUE = re.compile(rf"{PREFIX}[0-9A-Za-z]{{{_ID + _SECRET + _CHECK}}}")
_ID_TEXT = re.compile(rf"[0-9A-Za-z]{{{_ID}}}")
_TAIL = 4


def is_id(text: str) -> bool:
    """Whether a text can be a token's id."""
    return bool(_ID_TEXT.fullmatch(text))


def new_id() -> str:
    """A token's id: no secret."""
    return _letters(_ID)


def opaque(token_id: str) -> Secret:
    """A new token of our own form."""
    body = token_id + _letters(_SECRET)
    return Secret(PREFIX + body + _checksum(body))


def jwt(token_id: str, user: str, issued_at: datetime, expires_at: datetime, key: bytes) -> Secret:
    """A new token as the original client reads it: claims ``id``, ``iat``, ``exp``, ``jti``, ``dlnb``; HS256."""
    claims = {"id": user, "iat": int(issued_at.timestamp()), "exp": int(expires_at.timestamp()), "jti": token_id}
    head = _part({"alg": "HS256", "typ": "JWT"}) + "." + _part({**claims, "dlnb": secrets.token_hex(8)})
    return Secret(f"{head}.{_signature(head, key)}")


def id_of(token: Secret, key: bytes) -> str:
    """The id of a token that is in one of the two forms, undamaged.

    Raises:
        HubTokenError: it is in neither; nothing of it is shown.
    """
    text = token.reveal() if token.reveal().isascii() else ""
    if _OPAQUE.fullmatch(text):
        body = text[len(PREFIX) : -_CHECK]
        if hmac.compare_digest(_checksum(body), text[-_CHECK:]):
            return body[:_ID]
    head, _, signature = text.rpartition(".")
    found = ""
    if head and hmac.compare_digest(_signature(head, key), signature):
        with contextlib.suppress(ValueError, KeyError, TypeError, binascii.Error):
            padded = head.partition(".")[2] + "=" * (-len(head.partition(".")[2]) % 4)
            found = str(json.loads(base64.urlsafe_b64decode(padded))["jti"])
    if found:
        return found
    del text, head, signature
    raise HubTokenError("this is no token of the hub, or not all of it: copy it again, or make a new one")


def hashed(token: Secret, key: bytes) -> bytes:
    """What is kept of a token: without the key nobody can try tokens against it."""
    return hmac.digest(key, token.reveal().encode(), hashlib.sha256)


def tail(token: Secret) -> str:
    """The last four characters, to tell tokens apart."""
    text = token.reveal()
    return text[-_TAIL:]


def _letters(count: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(count))


def _checksum(body: str) -> str:
    number, text = binascii.crc32(body.encode()), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_LETTERS))
        text = _LETTERS[digit] + text
    return text


def _part(content: object) -> str:
    return _base64(json.dumps(content, separators=(",", ":")).encode())


def _signature(head: str, key: bytes) -> str:
    return _base64(hmac.digest(key, head.encode(), hashlib.sha256))


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
