"""Objects in a bucket of Google Cloud Storage, through its JSON API."""

from __future__ import annotations

import base64
import contextlib
import json
import secrets
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote, urlencode

from deeplake_nb.errors import KeyNotFoundError, LakeError, PermissionDeniedError, UrlError
from deeplake_nb.storage import gcs_checksum
from deeplake_nb.storage.bodies import Body, BodyReads
from deeplake_nb.storage.gcs_api import DONE, Answer, Api, drain, read_json
from deeplake_nb.storage.provider import Entry, Stored, check_key, check_prefix, in_parallel, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from typing_extensions import Buffer

    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.storage.provider import Check
    from deeplake_nb.storage.ranges import ByteRange
    from deeplake_nb.urls import Url

R = TypeVar("R")

_FORBIDDEN, _PAST_END = 403, 416
_FEW = 8
_SMALL_NBYTES = 1 << 20


class GcsStorage(BodyReads):
    """``gcs://bucket/folder``, over connections that are made when they are first needed.

    Requests are tried again, after pauses, on throttling and broken connections. The log has one line per request.
    """

    concurrency = 32

    def __init__(self, url: Url, credentials: CredentialProvider | None = None) -> None:
        self.url = url
        self._prefix = f"{url.path}/" if url.path else ""
        self.api = Api(url, credentials, self.concurrency)

    # ------------------------------------------------------------------ reading

    def _get(self, key: str, asked: ByteRange | None, read: Callable[[Body], R], nothing: R) -> R:
        headers = {"Accept-Encoding": "gzip"}  # or the storage unpacks what is stored compressed
        if asked is not None:
            headers["Range"] = asked.header

        def answered(answer: Answer) -> R:
            if answer.status == _PAST_END:
                drain(answer)
                return nothing
            length, ranged = answer.headers.get("content-length"), answer.headers.get("content-range")
            kept = answer.headers.get("x-goog-hash", "")
            nbytes = int(length) if length is not None else None
            return read(Body(answer.body, nbytes, ranged, lambda data: gcs_checksum.check(data, kept)))

        address = f"/download{self._object(key)}?alt=media"
        return self._ask("get", key, address, answered, headers=headers, accept=DONE | {_PAST_END})

    def size(self, key: str) -> int:
        """Bytes of the object; one GET, of its metadata."""
        return self._ask("size", key, f"{self._object(key)}?fields=size", lambda answer: int(read_json(answer)["size"]))

    def _ask(self, verb: str, key: str, address: str, take: Callable[[Answer], R], **more: Any) -> R:
        """One GET of an object; one more, if it is refused and may be missing."""
        try:
            return self.api.ask(verb, key, "GET", address, take, **more)
        except PermissionDeniedError as refused:  # a token that nobody knows may not list either
            if getattr(refused.__cause__, "status", _FORBIDDEN) != _FORBIDDEN or not self._is_missing(key):
                raise
        raise KeyNotFoundError(f"no object {self.url}/{key}")

    def _is_missing(self, key: str) -> bool:
        """Whether there is no such object, for who may list its folder but not the bucket: they may not be told."""
        name = self._name(key)
        query = urlencode({"prefix": name, "maxResults": 1, "fields": "items(name)"})
        try:
            page = self.api.ask("list", key, "GET", f"{self.api.bucket}/o?{query}", read_json)
        except LakeError:
            return False
        return all(item["name"] != name for item in page.get("items", ()))

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Objects in key order; one GET per 1,000. Empty objects that stand for folders are left out."""
        skip = len(self._prefix)
        for page in self._pages(check_prefix(prefix), "items(name,size),prefixes", delimiter):
            found = [Entry(item["name"][skip:], int(item["size"])) for item in page.get("items", ())]
            folders = [Entry(name[skip:], None) for name in page.get("prefixes", ())]
            yield from sorted(folders + [entry for entry in found if entry.key and not entry.key.endswith("/")])

    def list_digests(self, prefix: str = "") -> Iterator[Stored]:
        """Objects with the MD5 that the storage keeps of all but composed ones."""
        skip = len(self._prefix)
        for page in self._pages(check_prefix(prefix), "items(name,size,md5Hash)"):
            for item in page.get("items", ()):
                key, digest = item["name"][skip:], item.get("md5Hash")
                if key and not key.endswith("/"):
                    yield Stored(key, int(item["size"]), base64.b64decode(digest) if digest else None)

    def _pages(self, prefix: str, fields: str, delimiter: str = "") -> Iterator[dict[str, Any]]:
        query = {"prefix": self._prefix + prefix, "fields": f"nextPageToken,{fields}"}
        query |= {"delimiter": delimiter} if delimiter else {}
        while True:
            page = self.api.ask("list", prefix, "GET", f"{self.api.bucket}/o?{urlencode(query)}", read_json)
            yield page
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]

    # ------------------------------------------------------------------ writing

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object; one POST, checked by the storage. Above 32 MB, a POST and a PUT per 16 MB.

        Should the answer to a conditional put be lost on the way, its repetition finds the object there and raises
        `KeyExistsError`: a caller that must know reads the object back.
        """
        from deeplake_nb.storage import gcs_parts

        pieces = parts(data)
        nbytes = sum(map(len, pieces))
        if nbytes > gcs_parts.WHOLE_NBYTES:
            gcs_parts.upload(self, key, pieces, nbytes, if_absent=if_absent)
            return
        if len(pieces) > _FEW or nbytes <= _SMALL_NBYTES:
            pieces = [memoryview(b"".join(pieces))]
        checksum = gcs_checksum.Checksum().update(*pieces).text
        boundary = secrets.token_hex(16)
        head = (
            f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{self.description(key, checksum)}\r\n"
            f"--{boundary}\r\nContent-Type: application/octet-stream\r\n\r\n"
        ).encode()
        tail = f"\r\n--{boundary}--".encode()
        body = [head, *pieces, tail] if nbytes > _SMALL_NBYTES else b"".join([head, *pieces, tail])
        headers = {
            "Content-Type": f"multipart/related; boundary={boundary}",
            "Content-Length": str(len(head) + nbytes + len(tail)),
        }
        self.api.ask("put", key, "POST", self.upload_address("multipart", if_absent), drain, headers=headers, body=body)

    def put_parts(
        self, key: str, data: Iterable[Buffer], nbytes: int, *, progress: Callable[[int], None] | None = None
    ) -> None:
        """Replace the object by pieces; a POST, and a PUT per 16 MB, one after the other."""
        from deeplake_nb.storage import gcs_parts

        gcs_parts.upload(self, key, data, nbytes, progress=progress)

    def delete(self, key: str) -> None:
        """Remove the object; one DELETE."""
        check_key(key)
        self._delete(key)

    def delete_all(self, folder: str = "", *, progress: Callable[[int], None] | None = None) -> None:
        """Remove every object below the folder; a GET per 1,000, and a DELETE for each, many at once."""
        skip = len(self._prefix)
        for page in self._pages(check_prefix(folder), "items(name)"):
            keys = [item["name"][skip:] for item in page.get("items", ())]
            for _ in in_parallel(self._delete, keys, min(self.concurrency, len(keys))):
                if progress is not None:
                    progress(1)

    def _delete(self, key: str) -> None:
        with contextlib.suppress(KeyNotFoundError):
            self.api.ask("delete", key, "DELETE", f"{self.api.bucket}/o/{quote(self._name(key), safe='')}", drain)

    def description(self, key: str, checksum: str | None) -> str:
        """What goes along with an object that is written, as JSON."""
        metadata = {"name": self._name(check_key(key)), "contentType": "application/octet-stream"}
        metadata["cacheControl"] = "no-store"  # or public objects are served as they were an hour ago
        return json.dumps(metadata | ({"crc32c": checksum} if checksum else {}))

    def upload_address(self, kind: str, if_absent: bool) -> str:
        """Where objects are written to."""
        condition = "&ifGenerationMatch=0" if if_absent else ""
        return f"/upload{self.api.bucket}/o?uploadType={kind}&fields=generation{condition}"

    # ------------------------------------------------------------------ about itself

    def endpoint(self) -> str:
        """Where requests go."""
        return self.api.endpoint()

    def checks(self) -> Sequence[Check]:
        """Who we are, what we may do, the bucket's place, its rules for browsers."""
        from deeplake_nb.storage import gcs_checks

        return gcs_checks.checks(self)

    # ------------------------------------------------------------------ addresses

    def _object(self, key: str) -> str:
        return f"{self.api.bucket}/o/{quote(self._name(check_key(key)), safe='')}"

    def _name(self, key: str) -> str:
        name = self._prefix + key
        try:
            name.encode()
        except UnicodeEncodeError:
            raise UrlError(f"{key!r} is no key here: expected text that UTF-8 can write") from None
        return name
