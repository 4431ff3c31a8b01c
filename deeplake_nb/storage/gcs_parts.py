"""Long objects in pieces: the resumable uploads of Google Cloud Storage, which leave nothing behind."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import LakeError, StorageError
from deeplake_nb.storage.gcs_checksum import Checksum
from deeplake_nb.storage.gcs_errors import ATTEMPTS
from deeplake_nb.storage.provider import check_length, flat
from deeplake_nb.storage.ranges import regrouped
from deeplake_nb.storage.retries import TransientError, retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Buffer

    from deeplake_nb.storage.gcs import GcsStorage
    from deeplake_nb.storage.gcs_api import Answer

_log = logging.getLogger(__name__)
WHOLE_NBYTES = 32 << 20
"""Up to here a put is one request."""

PART_NBYTES = 16 << 20  # a multiple of 256 kB, as the protocol wants it
_GOING_ON = 308
_STEPS = frozenset({200, 201, _GOING_ON})
_OVER = frozenset({204, 404, 410, 499})
_COMMITTED = re.compile(r"bytes=0-(\d+)")


def upload(
    storage: GcsStorage,
    key: str,
    data: Iterable[Buffer],
    nbytes: int,
    *,
    if_absent: bool = False,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Replace the object by ``data``, in parts of 16 MB, one after the other; twice that is held in memory.

    A part that breaks off goes on from the last byte that arrived.

    Raises:
        KeyExistsError: ``if_absent``, and the object is there.
        StorageError: a part failed, or the pieces are not ``nbytes``; nothing is left behind.
    """
    if nbytes <= PART_NBYTES:
        pieces = [flat(piece) for piece in data]
        check_length(key, sum(map(len, pieces)), nbytes)
        storage.put(key, pieces, if_absent=if_absent)
        if progress is not None:
            progress(nbytes)
        return
    session = _Session(storage, key, nbytes, if_absent=if_absent)
    try:
        chunks = regrouped(data, PART_NBYTES)
        checksum, start, is_last = Checksum(), 0, False
        while not is_last:
            chunk = next(chunks, b"")
            stop = start + len(chunk)
            is_last = stop >= nbytes or len(chunk) < PART_NBYTES
            if is_last:
                check_length(key, stop + len(next(chunks, b"")), nbytes)
            checksum.update(chunk)
            session.put(chunk, start, checksum.text if is_last else None)
            if progress is not None:
                progress(len(chunk))
            start = stop
            del chunk  # before the next one is put together
    except BaseException as error:
        session.cancel(error)
        raise


class _Session:
    """One resumable upload. Its address is as good as a key to the object, and is kept like one."""

    def __init__(self, storage: GcsStorage, key: str, nbytes: int, *, if_absent: bool) -> None:
        self._storage, self._key, self._nbytes = storage, key, nbytes
        description = storage.description(key, None).encode()
        self._address = storage.api.ask(
            "put",
            key,
            "POST",
            storage.upload_address("resumable", if_absent),
            lambda answer: Secret(answer.headers["location"]),
            headers={"Content-Type": "application/json", "Content-Length": str(len(description))},
            body=description,
        )

    def put(self, chunk: bytes, start: int, checksum: str | None) -> None:
        """Send a chunk; ``checksum`` is that of the whole object and comes with the last one."""
        stop = start + len(chunk)
        done, is_sure = start, True

        def attempt() -> None:
            nonlocal done, is_sure
            if not is_sure:
                done = self._send(b"", f"bytes */{self._nbytes}", None)  # asks how far it is
            if done < start or done > stop:
                raise StorageError(f"the upload of {self._storage.url}/{self._key} lost its place: write it again")
            is_sure = False
            if done < stop:
                done = self._send(
                    memoryview(chunk)[done - start :], f"bytes {done}-{stop - 1}/{self._nbytes}", checksum
                )
            if done < stop:
                raise TransientError(f"only a part of {self._storage.url}/{self._key} was taken")

        retrying(attempt, attempts=ATTEMPTS)

    def _send(self, body: bytes | memoryview, span: str, checksum: str | None) -> int:
        """How many bytes of the object have arrived by now; all of them, and it is there."""
        headers = {"Content-Range": span, "Content-Length": str(len(body))}
        if checksum is not None:
            headers["x-goog-hash"] = f"crc32c={checksum}"

        def arrived(answer: Answer) -> int:
            answer.body.drain_conn()
            if answer.status != _GOING_ON:
                return self._nbytes
            committed = _COMMITTED.fullmatch(answer.headers.get("range", ""))
            return min(int(committed[1]) + 1, self._nbytes - 1) if committed else 0

        return self._storage.api.ask_once(
            "put", self._key, "PUT", self._address, arrived, headers=headers, body=body, accept=_STEPS
        )

    def cancel(self, reason: BaseException) -> None:
        """Have the storage forget what came; it would do so by itself after a week."""
        try:
            self._storage.api.ask_once(
                "delete", self._key, "DELETE", self._address, lambda answer: answer.body.drain_conn(), accept=_OVER
            )
        except LakeError as error:
            left = f"the upload of {self._storage.url}/{self._key} could not be cancelled, and ends in a week: {error}"
            reason.add_note(left)
            _log.warning(left)
