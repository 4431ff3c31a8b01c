"""What Azure says is in a container."""

from __future__ import annotations

import base64
from typing import Any, NamedTuple
from urllib.parse import unquote
from xml.etree import ElementTree as ET

from deeplake_nb.storage import bodies


class Listed(NamedTuple):
    """One line of a listing as the service gives it.

    Attributes:
        name: below the container.
        nbytes: ``None`` for what a delimiter folded.
        md5: the digest, if there is one.
        is_folder: an object that stands for a folder of a hierarchical namespace.
    """

    name: str
    nbytes: int | None
    md5: bytes | None
    is_folder: bool

    @property
    def is_object(self) -> bool:
        """Whether it is what we call an object; empty ones whose names end in ``/`` stand for folders, too."""
        return self.nbytes is not None and not self.is_folder and not self.name.endswith("/")


def read(answer: Any) -> tuple[list[Listed], str]:
    """One page of a listing, and the marker of the next.

    See https://learn.microsoft.com/rest/api/storageservices/list-blobs.
    """
    root = document(answer)
    return [_line(item) for item in root.iterfind("Blobs/*")], root.findtext("NextMarker") or ""


def document(answer: Any) -> ET.Element:
    """The XML in an answer.

    Raises:
        BodyError: it has none, or not all of it.
    """
    length = answer.headers.get("Content-Length")
    try:
        return ET.fromstring(bodies.read(answer, None if length is None else int(length)))  # noqa: S314
    except ET.ParseError as error:
        raise bodies.BodyError(f"no XML: {error}") from None


def _line(item: ET.Element) -> Listed:
    name = item.findtext("Name") or ""
    if item.find("Name[@Encoded='true']") is not None:  # what XML cannot hold
        name = unquote(name)
    length, digest = (item.findtext(f"Properties/Content-{what}") for what in ("Length", "MD5"))
    return Listed(
        name,
        int(length or 0) if item.tag == "Blob" else None,
        base64.b64decode(digest) if digest else None,
        item.findtext("Metadata/hdi_isfolder") == "true",
    )
