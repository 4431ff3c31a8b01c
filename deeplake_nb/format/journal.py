"""A journal: what is about to be written to several objects at once, in one object that is written before.

Whoever dies while writing them leaves the journal, from which readers take the new objects, and the next writer
finishes the work. It says of each object what it was before, so that a journal is known to be out of date when
somebody who knows nothing of journals has written since.
Layout, little-endian: ``b"DLNBJ1"``, then for each object: length of the key (u4), key, digest of what was before
(32 bytes, zeros for nothing), length of the new content (i8, -1 for an object that goes), content.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING, NamedTuple

from deeplake_nb.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typing_extensions import Buffer

_MAGIC = b"DLNBJ1"
_NOTHING = bytes(32)


class Entry(NamedTuple):
    """One object: digest of what it was, and what it becomes (None: it goes)."""

    key: str
    before: bytes
    data: bytes | None


def entry(key: str, before: bytes, data: Buffer | None) -> Entry:
    """The entry of an object; ``before`` is the digest of what it was."""
    return Entry(key, before, None if data is None else bytes(data))


def digest(data: Buffer | None) -> bytes:
    """What stands for a content, or for its absence."""
    return _NOTHING if data is None else hashlib.sha256(data).digest()


def encode(entries: Sequence[Entry]) -> bytes:
    """The object's bytes."""
    out = [_MAGIC]
    for one in entries:
        key = one.key.encode()
        out += [struct.pack("<I", len(key)), key, one.before]
        out += [struct.pack("<q", -1 if one.data is None else len(one.data)), one.data or b""]
    return b"".join(out)


def decode(data: Buffer, what: str) -> list[Entry]:
    """Read the object.

    Raises:
        FormatError: not a journal, or cut off.
    """
    raw = bytes(data)
    if not raw.startswith(_MAGIC):
        raise FormatError(f"{what}: not a journal")
    out, at = [], len(_MAGIC)
    while at < len(raw):
        try:
            (length,) = struct.unpack_from("<I", raw, at)
            key, before = raw[at + 4 : at + 4 + length].decode(), raw[at + 4 + length : at + 36 + length]
            (size,) = struct.unpack_from("<q", raw, at + 36 + length)
        except (struct.error, UnicodeDecodeError) as error:
            raise FormatError(f"{what}: the journal is cut off ({error})") from error
        at += 44 + length
        if not -1 <= size <= len(raw) - at:
            raise FormatError(f"{what}: the journal is cut off ({size} bytes of {len(raw) - at})")
        out.append(Entry(key, before, None if size < 0 else raw[at : at + size]))
        at += max(size, 0)
    return out


def is_current(entries: Sequence[Entry], stored: Mapping[str, Buffer | None]) -> bool:
    """Whether every object is what it was before, or what it becomes: nobody else has written since."""
    return all(digest(stored[one.key]) in {one.before, digest(one.data)} for one in entries)
