"""Listings of an S3 bucket as they are asked for and answered, without the SDK."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote_plus

from deeplake_nb.errors import UrlError
from deeplake_nb.storage import bodies
from deeplake_nb.storage.provider import Stored

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_PARTS = ("prefix", "delimiter", "continuation-token", "max-keys")
_MD5 = re.compile(r"[0-9a-f]{32}")


class Page(NamedTuple):
    """A part of a listing, and the mark of the next."""

    objects: tuple[Stored, ...]
    folders: tuple[str, ...]
    more: str | None


def asked(key: str) -> dict[str, str]:
    """What is asked of a listing: the query that stands in place of a key.

    Raises:
        UrlError: it has something else than ``prefix``, ``delimiter``, ``continuation-token`` and ``max-keys``.
    """
    pairs = parse_qsl(key, keep_blank_values=True)
    found = dict(pairs)
    if len(found) != len(pairs) or not set(found) <= set(_PARTS) or (key and not pairs):
        raise UrlError(f"{key!r} is no listing: expected {'=…&'.join(_PARTS)}=…, each at most once")
    return found


def page(skip: int, answer: Any) -> Page:
    """One page of a listing; ``skip`` characters of each name are the folder's.

    Raises:
        BodyError: it is no XML, or not all of it.
    """
    from xml.etree import ElementTree as ET

    length = answer.headers.get("Content-Length", "")
    try:
        root = ET.fromstring(bodies.read(answer, int(length) if length.isdecimal() else None))  # noqa: S314
    except ET.ParseError as error:
        raise bodies.BodyError(f"no XML: {error}") from None
    is_quoted = root.findtext("{*}EncodingType") == "url"

    def name(item: Element, tag: str) -> str:
        text = item.findtext(f"{{*}}{tag}") or ""
        return (unquote_plus(text) if is_quoted else text)[skip:]

    objects = []
    for item in root.iterfind("{*}Contents"):
        tag, key = (item.findtext("{*}ETag") or "").strip('"'), name(item, "Key")
        if key and not key.endswith("/"):
            digest = bytes.fromhex(tag) if _MD5.fullmatch(tag) else None
            size = item.findtext("{*}Size") or ""
            if not size.isdecimal():
                raise bodies.BodyError(f"no size of {key!r}")
            objects.append(Stored(key, int(size), digest))
    folders = tuple(name(item, "Prefix") for item in root.iterfind("{*}CommonPrefixes"))
    is_cut = root.findtext("{*}IsTruncated") == "true"
    return Page(tuple(objects), folders, root.findtext("{*}NextContinuationToken") if is_cut else None)
