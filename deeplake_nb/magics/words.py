r"""The words of a ``%lake`` line, each with its place, and the secrets that must not be among them. Pure.

Quotes group: ``'my photos'``, ``"my photos"``, ``./'my photos'/cats``. A backslash is an ordinary character on every
system: ``C:\data\cars`` needs no doubling, and a notebook means the same everywhere. (IPython's own splitter leaves the
quotes in; the standard library's loses the places, which completion needs.)
"""

from __future__ import annotations

import re
from typing import NamedTuple

from deeplake_nb.errors import CommandError


class Word(NamedTuple):
    """One word: what it means, how it was written, and where (half-open, in characters)."""

    value: str
    raw: str
    start: int
    stop: int
    open_quote: str
    """The quote mark that nothing closes (only the last word of an unfinished line has one), else empty."""


_PIECE = re.compile(r"""[^\s"']+|"([^"]*)("|\Z)|'([^']*)('|\Z)""")


def split(line: str) -> list[Word]:
    """The words of a line, in order."""
    words: list[Word] = []
    start, value, open_quote, place = 0, "", "", 0
    while place < len(line):
        piece = _PIECE.match(line, place)
        if piece is None:  # a space
            if place > start:
                words.append(Word(value, line[start:place], start, place, open_quote))
            place += 1
            start, value = place, ""
        else:
            double, end_double, single, end_single = piece.groups()
            value += next((inside for inside in (double, single) if inside is not None), piece[0])
            open_quote = piece[0][0] if "" in (end_double, end_single) else ""
            place = piece.end()
    if place > start:
        words.append(Word(value, line[start:place], start, place, open_quote))
    return words


_SAFE = re.compile(r"[\w@%+:,./~\\=][\w@%+:,./~\\=-]*")


def quote(value: str) -> str:
    """The value as one word of a line, in quotes only where it needs them."""
    if _SAFE.fullmatch(value):
        return value
    if "'" not in value:
        return f"'{value}'"
    if '"' not in value:
        return f'"{value}"'
    return '"\'"'.join(f"'{part}'" for part in value.split("'"))


_AWS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or a profile in ~/.aws/credentials"
_ANY = "set it in the environment, or read it with getpass and give it as creds= to deeplake_nb.load"
_NAME_ENDS = r"\s*['\"]?\s*[=:]"
_SECRETS = [
    (what, re.compile(pattern, re.IGNORECASE if any_case else 0), instead)
    for what, any_case, pattern, instead in (
        ("an AWS access key", False, r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", _AWS),
        (
            "an AWS secret key",  # 40 characters of base64 that stand alone
            False,
            r"(?<!\S)(?=\S*[a-z])(?=\S*[A-Z])(?=\S*[0-9])[A-Za-z0-9/+]{40}(?!\S)",
            _AWS,
        ),
        ("an AWS key", True, rf"access_?key(?:_?id)?{_NAME_ENDS}|session_?token{_NAME_ENDS}", _AWS),
        ("a signed url", True, r"[?&](?:sig|x-(?:amz|goog)-(?:signature|credential))=", _ANY),
        ("an Azure key", True, rf"(?:account_?key|shared_?access_?\w+|sas_?token|client_?secret){_NAME_ENDS}", _ANY),
        ("a private key", True, rf"-----BEGIN|private_?key(?:_?id)?{_NAME_ENDS}", _ANY),
        ("a token", False, r"\bya29\.|\beyJ[\w-]+\.[\w-]+\.|\bgh[pousr]_\w{20}|\bhf_\w{20}", _ANY),
        ("a token", True, rf"\bbearer\s|(?:access|auth|api|refresh)_?(?:token|key){_NAME_ENDS}", _ANY),
        ("a password", True, rf"(?<!\S)[a-z][a-z0-9+.-]*://[^/@\s]*:[^/@\s]+@|\bpass(?:word|wd){_NAME_ENDS}", _ANY),
        ("a secret", True, r"(?<!\S)--(?:[a-z_-]*[_-])?(?:tokens?|keys?|key-id|secret|passw\w+|sas)(?![\w-])", _ANY),
    )
]


def refuse_secrets(words: list[Word]) -> None:
    """Let no secret into a line: the notebook's file and IPython's history both keep it.

    Raises:
        CommandError: something looks like one. The message never repeats it.
    """
    text = " ".join(word.value for word in words)
    for what, pattern, instead in _SECRETS:
        if pattern.search(text):
            raise CommandError(
                f"this line holds what looks like {what}, and the notebook and the history keep every line: "
                f"delete it (and replace the secret, if it was a real one), then {instead}"
            )
