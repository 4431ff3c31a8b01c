"""Long objects in pieces: S3's multipart upload, which leaves no part behind."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from typing import TYPE_CHECKING

from deeplake_nb.errors import LakeError, StorageError
from deeplake_nb.storage import s3_errors
from deeplake_nb.storage.provider import check_length, in_parallel
from deeplake_nb.storage.ranges import regrouped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Buffer

    from deeplake_nb.storage.s3 import S3Storage

_log = logging.getLogger(__name__)
WHOLE_NBYTES = 64 << 20
"""Up to here a put is one request."""

LARGEST_PUT_NBYTES = 5 << 30
"""Beyond this S3 takes nothing in one request."""

_PART_NBYTES = 8 << 20
_MOST_PARTS = 10_000
_AT_ONCE = 8


def upload(
    storage: S3Storage,
    key: str,
    data: Iterable[Buffer],
    nbytes: int,
    *,
    if_absent: bool = False,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Replace the object by ``data``, in parts of 8 MB, eight at once; twice that is held in memory.

    Should the answer to the beginning be lost, its repetition begins anew, and an upload without parts stays listed:
    it cannot be told from one that another writer has just begun.

    Raises:
        KeyExistsError: ``if_absent``, and the object is there.
        StorageError: a part failed, or the pieces are not ``nbytes``; nothing is left behind.
    """
    report = progress or (lambda _: None)
    part_nbytes = max(_PART_NBYTES, -(-nbytes // _MOST_PARTS))
    if nbytes <= part_nbytes:
        whole = b"".join(data)
        check_length(key, len(whole), nbytes)
        storage.put(key, whole, if_absent=if_absent)
        report(nbytes)
        return
    upload_id = storage.request("put", key, "create_multipart_upload")["UploadId"]

    def put_part(numbered: tuple[int, bytes]) -> tuple[int, str, int]:
        number, part = numbered
        answer = storage.request("put", key, "upload_part", UploadId=upload_id, PartNumber=number, Body=part)
        report(len(part))
        return number, answer["ETag"], len(part)

    try:
        with contextlib.closing(in_parallel(put_part, enumerate(regrouped(data, part_nbytes), 1), _AT_ONCE)) as answers:
            parts = sorted(answers)
        check_length(key, sum(length for *_, length in parts), nbytes)
        _complete(storage, key, upload_id, [tag for _, tag, _ in parts], if_absent=if_absent)
    except BaseException as error:  # no part is under way any more: what is removed now stays removed
        _abort(storage, key, upload_id, error)
        raise


def _complete(storage: S3Storage, key: str, upload_id: str, tags: list[str], *, if_absent: bool) -> None:
    parts = {"Parts": [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(tags, 1)]}
    wanted = {"UploadId": upload_id, "MultipartUpload": parts, **({"IfNoneMatch": "*"} if if_absent else {})}
    try:
        storage.request("put", key, "complete_multipart_upload", **wanted)
    except s3_errors.UploadGoneError as error:  # a lost answer was asked for again, and the first time had worked?
        digest = hashlib.md5(b"".join(bytes.fromhex(tag.strip('"')) for tag in tags), usedforsecurity=False)
        if storage.request("size", key, "head_object")["ETag"] != f'"{digest.hexdigest()}-{len(tags)}"':
            raise StorageError(str(error)) from error.__cause__


def _abort(storage: S3Storage, key: str, upload_id: str, reason: BaseException) -> None:
    try:
        storage.request("delete", key, "abort_multipart_upload", UploadId=upload_id)
    except s3_errors.UploadGoneError:
        return
    except LakeError as error:
        left = f"its parts could not be removed and may be left in the bucket (upload {upload_id}): {error}"
        reason.add_note(left)
        _log.warning("%s/%s: %s", storage.url, key, left)
