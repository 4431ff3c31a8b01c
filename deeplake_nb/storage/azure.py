"""Objects in a container of Azure storage, with or without a hierarchical namespace (Data Lake Storage Gen2)."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import logging
import uuid
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from deeplake_nb.credentials import azure_identity
from deeplake_nb.errors import KeyExistsError, KeyNotFoundError, LakeError, UrlError
from deeplake_nb.storage import azure_errors, azure_listing, bodies
from deeplake_nb.storage.azure_account import Account, Call
from deeplake_nb.storage.bodies import BodyReads
from deeplake_nb.storage.provider import (
    Check,
    Entry,
    Stored,
    check_key,
    check_length,
    check_prefix,
    in_parallel,
    parts,
)
from deeplake_nb.storage.ranges import ByteRange, regrouped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from typing_extensions import Buffer

    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.storage.azure_listing import Listed
    from deeplake_nb.urls import Url

R = TypeVar("R")
_log = logging.getLogger(__name__)
_WHOLE_NBYTES = 64 << 20  # up to here a put is one request
_BLOCK_NBYTES = 8 << 20
_MOST_BLOCKS = 50_000
_AT_ONCE = 8
_PAGE_LENGTH = 5000  # as long as the service makes them


class AzureStorage(BodyReads):
    """``azure://account/container/folder``, through the blob API; folders as a whole through the data lake's.

    Works with and without a hierarchical namespace. Requests are tried again on throttling and broken connections (5
    attempts); the credentials are asked for each of them. The log has one line per request.
    """

    concurrency = 32

    def __init__(self, url: Url, credentials: CredentialProvider | None = None) -> None:
        self.url = url
        self._container, _, path = url.path.partition("/")
        if not self._container:
            raise UrlError(f"{url} names no container: write azure://account/container/folder")
        self._prefix = f"{path}/" if path else ""
        self.account = Account(url, credentials or azure_identity.sdk_default(), self.concurrency)

    # ------------------------------------------------------------------ reading

    def _get(self, key: str, asked: ByteRange | None, receive: Callable[[bodies.Body], R], nothing: R) -> R:
        headers = {} if asked is None else {"Range": asked.header}

        def read(answer: Any) -> R:
            return receive(bodies.Body(answer, self._nbytes(key, answer), answer.headers.get("Content-Range")))

        try:
            return self._ask("get", key, "GET", read, headers=headers)
        except azure_errors.PastEndError:
            self.size(key)  # a folder answers as an empty object does
            return nothing

    def size(self, key: str) -> int:
        """Bytes of the object; one HEAD."""
        return self._ask("size", key, "HEAD", lambda answer: self._nbytes(key, answer) or 0)

    def _nbytes(self, key: str, answer: Any) -> int | None:
        """How long the body is; a folder of a hierarchical namespace answers as an empty object, and is none."""
        if _is_folder(answer):
            raise KeyNotFoundError(f"no object {self.url}/{key}: it is a folder")
        length = answer.headers.get("Content-Length")
        return None if length is None else int(length)

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Objects in key order; one LIST per 5,000, all of them before the first entry.

        A hierarchical namespace answers folder by folder (``a/b`` before ``a-b``), and keeps folders that have become
        empty: with a delimiter these are listed too.
        """
        skip = len(self._prefix)
        pages = self._pages(self._prefix + check_prefix(prefix), delimiter)
        lines = (item for page in pages for item in page if item.is_object or item.nbytes is None)
        yield from sorted(Entry(item.name[skip:], item.nbytes) for item in lines)

    def list_digests(self, prefix: str = "") -> Iterator[Stored]:
        """Objects with the MD5 that the service, or whoever wrote them, made."""
        skip = len(self._prefix)
        lines = (item for page in self._pages(self._prefix + check_prefix(prefix)) for item in page if item.is_object)
        yield from sorted(Stored(item.name[skip:], item.nbytes or 0, item.md5) for item in lines)

    def _pages(self, prefix: str, delimiter: str = "") -> Iterator[Sequence[Listed]]:
        query = {"restype": "container", "comp": "list", "include": "metadata", "maxresults": str(_PAGE_LENGTH)}
        query |= {name: value for name, value in (("prefix", prefix), ("delimiter", delimiter)) if value}
        action = self._action("list", prefix)
        marker = ""
        while True:
            more = {"marker": marker} if marker else {}
            page, marker = self.account.ask(action, Call("GET", self._container, query | more), azure_listing.read)
            yield page
            if not marker:
                return

    # ------------------------------------------------------------------ writing

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Replace the object; one PUT, with ``If-None-Match: *`` for ``if_absent``. Above 64 MB, a PUT per 8 MB.

        Should the answer to a conditional put be lost on the way, its repetition finds the object there and raises
        `KeyExistsError`: a caller that must know reads the object back.
        """
        pieces = parts(data)
        nbytes = sum(map(len, pieces))
        if nbytes > _WHOLE_NBYTES:
            self._put_blocks(key, pieces, nbytes, _condition(if_absent=if_absent), None)
            return
        headers = {"x-ms-blob-type": "BlockBlob", **_condition(if_absent=if_absent)}
        body = data if isinstance(data, bytes) else b"".join(pieces)
        self._ask("put", key, "PUT", _done, headers=headers, body=body)

    def put_parts(
        self, key: str, data: Iterable[Buffer], nbytes: int, *, progress: Callable[[int], None] | None = None
    ) -> None:
        """Replace the object by pieces; a PUT per 8 MB, eight at once.

        Of an upload that fails nothing is to be seen; the service drops its blocks when the object is next written,
        or after a week.
        """
        self._put_blocks(key, data, nbytes, {}, progress)

    def _put_blocks(
        self,
        key: str,
        data: Iterable[Buffer],
        nbytes: int,
        condition: dict[str, str],
        progress: Callable[[int], None] | None,
    ) -> None:
        digest = hashlib.md5(usedforsecurity=False)
        upload = uuid.uuid4().hex  # so that two uploads of one object do not mix

        def hashed() -> Iterator[bytes]:
            for block in regrouped(data, max(_BLOCK_NBYTES, -(-nbytes // _MOST_BLOCKS))):
                digest.update(block)
                yield block

        def name(number: int) -> str:
            return base64.b64encode(f"{upload}{number:06}".encode()).decode()

        def put_block(numbered: tuple[int, bytes]) -> int:
            number, block = numbered
            self._ask("put", key, "PUT", _done, query={"comp": "block", "blockid": name(number)}, body=block)
            if progress is not None:
                progress(len(block))
            return len(block)

        with contextlib.closing(in_parallel(put_block, enumerate(hashed()), _AT_ONCE)) as answers:
            lengths = list(answers)
        check_length(key, sum(lengths), nbytes)
        names = "".join(f"<Latest>{name(number)}</Latest>" for number in range(len(lengths)))
        headers = {"x-ms-blob-content-md5": base64.b64encode(digest.digest()).decode(), **condition}
        body = f"<BlockList>{names}</BlockList>".encode()
        self._ask("put", key, "PUT", _done, query={"comp": "blocklist"}, headers=headers, body=body)

    def delete(self, key: str) -> None:
        """Remove the object; one DELETE."""
        self._delete(self._prefix + check_key(key))

    def delete_all(self, folder: str = "", *, progress: Callable[[int], None] | None = None) -> None:
        """Remove every object below the folder.

        With a hierarchical namespace a HEAD, a DELETE and a LIST (of a whole container, for each folder in it);
        without one a HEAD, a LIST per 5,000 and a DELETE for each object.
        """
        root = self._prefix + check_prefix(folder)
        tops = [root] if root else self._folders()
        for top in tops:
            self._delete_folder(top.rstrip("/"))
        emptied: list[str] = []
        for page in self._pages(root):
            emptied += [item.name for item in page if item.is_folder]
            objects = [item.name for item in page if not item.is_folder]
            for _ in in_parallel(self._delete, objects, min(self.concurrency, len(objects))):
                if progress is not None:
                    progress(1)
        for name in sorted(emptied, reverse=True):  # folders in folders first
            self._delete(name)

    def _delete(self, name: str) -> None:
        """Remove what has this name in the container, if there is anything; a folder only if it is empty."""
        with contextlib.suppress(KeyNotFoundError, azure_errors.FolderError):
            self.account.ask(self._action("delete", name), Call("DELETE", f"{self._container}/{name}"), _done)

    def _folders(self) -> Sequence[str]:
        """The folders in the root of a hierarchical namespace; without one, none. Errors as in `_delete_folder`."""
        action = self._action("list", "")
        try:
            with self.account.sdk("FileSystemClient", self._container) as client:
                paths = self.account.ask_sdk(action, lambda: list(client.get_paths(recursive=False)))
                return [path.name for path in paths if path.is_directory]
        except LakeError as error:
            _log.debug("%s folder by folder: %s", action, error)
            return []

    def _delete_folder(self, name: str) -> None:
        """Remove a folder of a hierarchical namespace in one request, and leave everything else as it is.

        Errors are for those to raise who then delete one by one: marks of folders are found in accounts without
        such a namespace, too, and some networks let only the blob API through.
        """
        action = self._action("delete", f"{name}/")
        try:
            if self.account.ask(action, Call("HEAD", f"{self._container}/{name}"), _is_folder):
                with self.account.sdk("FileSystemClient", self._container) as client:
                    self.account.ask_sdk(action, client.get_directory_client(name).delete_directory)
        except LakeError as error:
            _log.debug("%s as a whole: %s", action, error)

    def rename(self, folder: str, new_folder: str) -> None:
        """Move a folder with all that is in it, at once; one request. Needs a hierarchical namespace.

        Args:
            folder: text that ends in ``/``.
            new_folder: the same; nothing may be there yet.

        Raises:
            KeyNotFoundError: there is no such folder.
            KeyExistsError: something is there already.
            StorageError: the account has no hierarchical namespace.
        """
        from urllib.parse import quote

        from azure.core import MatchConditions

        old, new = (self._prefix + check_key(name.removesuffix("/")) for name in (folder, new_folder))
        missing = {"match_condition": MatchConditions.IfMissing}
        try:
            with self.account.sdk("FileSystemClient", self._container) as client:
                source = client.get_directory_client(quote(old))  # the SDK unquotes what it moves
                target = f"{self._container}/{new}"
                action = self._action("rename", f"{old}/")
                self.account.ask_sdk(action, lambda: source.rename_directory(target, **missing))
        except KeyExistsError as error:
            raise KeyExistsError(f"{self.url}/{new_folder} exists already") from error.__cause__

    # ------------------------------------------------------------------ about itself

    def endpoint(self) -> str:
        """Where requests go."""
        return self.account.endpoint(self.account.credentials())

    def checks(self) -> Sequence[Check]:
        """Who we are, the kind of account, its rules for browsers."""
        from deeplake_nb.storage import azure_checks

        return azure_checks.checks(self)

    # ------------------------------------------------------------------ requests

    def _ask(self, verb: str, key: str, method: str, read: Callable[[Any], R], **more: Any) -> R:
        """One request about one object; ``more`` are fields of `Call`."""
        name = self._prefix + check_key(key)
        return self.account.ask(self._action(verb, name), Call(method, f"{self._container}/{name}", **more), read)

    def _action(self, verb: str, name: str) -> str:
        return f"{verb} {self.url}/{name.removeprefix(self._prefix)}".rstrip("/")


def _condition(*, if_absent: bool) -> dict[str, str]:
    return {"If-None-Match": "*"} if if_absent else {}


def _done(answer: Any) -> None:
    del answer


def _is_folder(answer: Any) -> bool:
    return bool(answer.headers.get("x-ms-meta-hdi_isfolder", "").lower() == "true")
