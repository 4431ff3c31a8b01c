r"""The whole grammar of paths: where a dataset or a file lives, as one frozen value.

==========================================  =============  ===================  =========================
written                                     ``scheme``     ``authority``        ``path``
==========================================  =============  ===================  =========================
``cars``, ``/data/cars``, ``~/cars``        ``file``       empty                the text as written
``file:///data/my%20cars``                  ``file``       empty                ``/data/my cars``
``mem://scratch/cars``                      ``mem``        ``scratch``          ``cars``
``s3://bucket/cars``                        ``s3``         ``bucket``           ``cars``
``gcs://``, ``gs://``, ``gcp://``           ``gcs``        bucket               prefix
``azure://``, ``az://account/box/cars``     ``azure``      ``account``          ``box/cars``
``abfss://box@account.dfs.core…/cars``      ``azure``      ``account``          ``box/cars``
``hub://org/name``                          ``hub``        ``org``              ``name``
``https://user@host:80/a%20b?x=1``          ``https``      ``user@host:80``     ``a%20b``, query ``x=1``
==========================================  =============  ===================  =========================

``az://`` is read as Deep Lake reads it (account first); adlfs puts the container first. Parsing is pure: ``~`` and
relative paths stay as written, and the local storage resolves them when it is opened. Object names are taken
literally: only ``http`` and ``file://`` paths know percent-encoding. Windows drives (``C:\data``) are local.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace

from deeplake_nb.errors import UrlError, did_you_mean

_CANONICAL = {
    "file": "file",
    "mem": "mem",
    "s3": "s3",
    "gcs": "gcs",
    "gs": "gcs",
    "gcp": "gcs",
    "azure": "azure",
    "az": "azure",
    "abfss": "azure",
    "abfs": "azure",
    "hub": "hub",
    "http": "http",
    "https": "https",
}
_FORMS = {  # how each is written, for messages
    "mem": "mem://name",
    "s3": "s3://bucket/folder",
    "gcs": "gcs://bucket/folder",
    "azure": "azure://account/container/folder",
    "hub": "hub://organisation/name",
    "http": "http://host/path",
    "https": "https://host/path",
}
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]+):(//)?")  # two letters at least: one is a drive
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_HOST = re.compile(r"([^\s:@\\\[\]]+|\[[0-9A-Fa-f:.]+\])(:\d+)?")
_BUCKET = re.compile(r"[^\s?#:\\]+")
_AZURE_HOST = re.compile(r"\.(dfs|blob)\.core\.windows\.net$")
_USERINFO = re.compile(r"(?<=://)[^/?#]*@")
_QUERY_VALUE = re.compile(r"([?&;#][^?=&;#]*=)[^&;#]*")


@dataclass(frozen=True, slots=True, repr=False)
class Url:
    """Where something lives. ``str()`` is safe to show; `reveal` is the exact text.

    Attributes:
        scheme: ``file``, ``mem``, ``s3``, ``gcs``, ``azure``, ``hub``, ``http`` or ``https``.
        authority: bucket, account, organisation, name of the memory store, or host (with user and port).
        path: below the authority, without a leading slash; a local path as written.
        query: of http(s) only, without the ``?``.

    Example:
        >>> url = parse("gs://bucket/cars/")
        >>> url, url.name, url.join("images", "0001.jpg"), url.parent
        (Url('gcs://bucket/cars'), 'cars', Url('gcs://bucket/cars/images/0001.jpg'), Url('gcs://bucket'))
    """

    scheme: str
    authority: str = ""
    path: str = ""
    query: str = ""

    def join(self, *keys: str) -> Url:
        """The url of something below this one. Keys are relative, ``/`` between folders; a query is dropped.

        Raises:
            UrlError: a key is absolute, empty, or climbs with ``..``.
        """
        path = self.path
        for key in keys:
            if not key.strip("/") or key.startswith("/") or "\0" in key or ".." in key.split("/"):
                raise UrlError(f"cannot join {key!r} to {self}: expected a relative path without '..'")
            below = self._escape(key.rstrip("/"))
            path = f"{path.rstrip('/')}/{below}" if path else below
        return replace(self, path=path, query="")

    def _escape(self, key: str) -> str:
        if not self.scheme.startswith("http"):
            return key
        from urllib.parse import quote

        return quote(key, safe="/~")

    @property
    def parent(self) -> Url:
        """One folder up; the top (a bucket, a host, ``/``) is its own parent. Lexical: links are not followed."""
        path = self.path.rstrip("/")
        folder, slash, last = path.rpartition("/")
        if self.scheme != "file":
            return replace(self, path=folder, query="")
        if not path or _DRIVE.fullmatch(self.path):
            return self
        if last in (".", "..") or (path.startswith("~") and not slash):
            return replace(self, path=".." if path == "." else f"{path}/..")
        return replace(self, path=_trimmed(folder + slash) if slash else ".")

    @property
    def name(self) -> str:
        """The last part of the path; of a bare bucket, host or store its own name."""
        last = self.path.rstrip("/").rpartition("/")[2]
        if self.scheme.startswith("http"):
            from urllib.parse import unquote

            last = unquote(last)
        return last or self.authority.rpartition("@")[2]

    def reveal(self) -> str:
        """The exact text, secrets of an http url included; ``parse(url.reveal()) == url``."""
        if self.scheme == "file":
            return self.path
        text = f"{self.scheme}://{self.authority}"
        text += f"/{self.path}" if self.path else ""
        return f"{text}?{self.query}" if self.query else text

    def __str__(self) -> str:
        return self.path if self.scheme == "file" else redact(self.reveal())

    def __repr__(self) -> str:
        return f"Url({str(self)!r})"


class DiscreetText(str):
    """Text whose ``repr`` has no secrets of a url: for variables that a traceback may show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(_QUERY_VALUE.sub(r"\1***", _USERINFO.sub("***@", str(self))))


def redact(text: str) -> str:
    """A url without its user and password, and without the values of its query; any other text as it is.

    Example:
        >>> redact("https://me:pw@host/cat.jpg?X-Amz-Signature=f00")
        'https://***@host/cat.jpg?X-Amz-Signature=***'
    """
    if "://" not in text:
        return text
    return _QUERY_VALUE.sub(r"\1***", _USERINFO.sub("***@", text))


def addressed(path: str | os.PathLike[str] | Url) -> tuple[str | os.PathLike[str] | Url, str | None]:
    """A path without its version, and the version after its last ``@``, if that can be one."""
    text = path.reveal() if isinstance(path, Url) else str(path)
    place, at, address = text.rpartition("@")
    if not at or not place or not address or ("/" in address.partition(".")[0] and ":" in address):
        return path, None
    authority = place.partition("://")[2]
    if place.endswith("://") or ("://" in place and "/" not in authority and ("/" in address or ":" in authority)):
        return path, None  # the user (and a password) or container of a url, not a version
    return DiscreetText(place), address


def parse(path: str | os.PathLike[str] | Url) -> Url:
    """Read what a user wrote as a place.

    Raises:
        UrlError: empty text, an unknown scheme, a missing bucket, credentials where none belong.
    """
    if isinstance(path, Url):
        return path
    if not isinstance(path, str | os.PathLike):
        raise UrlError(f"a path is text or a pathlib.Path, not {type(path).__name__}")
    path = DiscreetText(os.fsdecode(path))
    try:
        return _parsed(path)
    except UrlError as error:
        message = str(error)
    raise UrlError(message)  # out here it drags no frame with pieces of the text along


def _parsed(text: str) -> Url:
    if "\0" in text:
        raise UrlError("the path has a NUL character: remove it")
    match = _SCHEME.match(text)
    written = match[1].lower() if match else ""
    if match and match[2]:
        return _remote(written, text[match.end() :], redact(text.strip()))
    if written in _CANONICAL:
        raise UrlError(
            f"the path has no '//' after '{written}:': write {_form(written)} as text"
            f" (a pathlib.Path loses the slashes), or ./{written}:… for a local file of that name"
        )
    return _local(text)


def _local(text: str) -> Url:
    if _DRIVE.match(text):
        text = text.replace("\\", "/")
    path = _trimmed(text)
    if not path.strip():
        raise UrlError("the path is empty: give a folder, or a url such as s3://bucket/folder")
    return Url("file", path=path)


def _remote(written: str, rest: str, shown: str) -> Url:
    """The url after ``scheme://``; ``shown`` is the redacted text, for messages."""
    if written not in _CANONICAL:
        raise UrlError(f"unknown scheme '{written}://' in {shown!r}{did_you_mean(written, _CANONICAL)}; {_known()}")
    scheme = _CANONICAL[written]
    if scheme == "file":
        return _file(rest, shown)
    if scheme.startswith("http"):
        head, _, query = rest.partition("#")[0].partition("?")
        authority, _, path = head.partition("/")
        if not _HOST.fullmatch(authority.rpartition("@")[2]):
            raise UrlError(f"no valid host after '{written}://': write {_form(written)}")  # may hold half a password
        return Url(scheme, authority, path, query)
    authority, _, path = rest.partition("/")
    path = path.rstrip("/")
    if written.startswith("abfs"):
        container, at, host = authority.partition("@")
        if not (container and at and host):
            raise UrlError(f"{shown!r} needs abfss://container@account.dfs.core.windows.net/folder")
        authority, path = _AZURE_HOST.sub("", host), f"{container}/{path}".rstrip("/")
    if not _BUCKET.fullmatch(authority) or "@" in authority:  # not shown: it may hold a key
        part = _FORMS[scheme].partition("://")[2].partition("/")[0]
        raise UrlError(f"no valid {part} after '{written}://': write {_form(written)}, and pass keys as creds=")
    return Url(scheme, authority, path)


def _file(rest: str, shown: str) -> Url:
    from urllib.parse import unquote

    host, slash, path = rest.partition("/")
    path = unquote(path, errors="surrogateescape")
    if host not in ("", "localhost") or not slash or "\0" in path:
        raise UrlError(f"{shown!r} is no local file url: write file:///folder (three slashes), or the bare path")
    return Url("file", path=_trimmed(path if _DRIVE.match(path) else f"/{path}"))


def _trimmed(path: str) -> str:
    """Without trailing slashes, but ``/`` and ``C:/`` stay."""
    short = path.rstrip("/")
    return f"{short}/" if path and (not short or _DRIVE.fullmatch(f"{short}/")) and path != short else short


def _form(written: str) -> str:
    return _FORMS.get(_CANONICAL[written], "file:///folder")


def _known() -> str:
    return f"known: a local path, {', '.join(f'{name}://' for name in _CANONICAL)}"


def lasting(path: str) -> str:
    """A path that means the same file in whatever folder a program works: a relative one is joined to that of now."""
    if os.path.isabs(path) or "://" in path:  # noqa: PTH117 - three times as fast
        return path
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 - of text
