"""Long objects in pieces, on a real server: whole or not at all, and nothing left behind."""

from __future__ import annotations

import hashlib
import os
import threading
import tracemalloc

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import KeyExistsError, KeyNotFoundError, PermissionDeniedError, StorageError
from deeplake_nb.storage import s3_parts
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import put_parts
from deeplake_nb.storage.wrappers import Counting
from deeplake_nb.urls import parse
from tests.fakes import moto
from tests.fakes.canned import Answer, canned_server, refusal

MB = 1 << 20
PART = 8 * MB


def open_s3(url, endpoint):
    url = parse(url)
    return open_storage(url, credentials_from(url, {"endpoint_url": endpoint, **moto.ADMIN}, environ={}))


@pytest.fixture
def storage(s3_endpoint, s3_url):
    return open_s3(s3_url, s3_endpoint)


@pytest.fixture
def left_behind(s3_behind, storage):
    """Uploads begun and neither completed nor aborted, below this test's place."""

    def left_behind():
        found = s3_behind.list_multipart_uploads(Bucket="bucket", Prefix=storage.url.path)
        return [upload["Key"] for upload in found.get("Uploads", ())]

    return left_behind


@pytest.fixture(scope="module")
def content():
    return os.urandom(20 * MB + 12345)


def pieces(content, nbytes=3 * MB + 7):
    return (memoryview(content)[start : start + nbytes] for start in range(0, len(content), nbytes))


class Watching:
    """Notes the operations of a storage, and breaks the ones it is told to."""

    def __init__(self, storage, monkeypatch, **broken):
        self.made = []
        request = type(storage).request
        lock = threading.Lock()

        def noted(itself, verb, key, operation, **parameters):
            with lock:
                self.made.append(operation)
                count = self.made.count(operation)
            error = broken.get(operation)
            if error is not None and count >= error[0]:
                raise error[1]
            return request(itself, verb, key, operation, **parameters)

        monkeypatch.setattr(type(storage), "request", noted)


def test_pieces_of_any_size_become_one_object(storage, content, left_behind, s3_behind, monkeypatch):
    watching = Watching(storage, monkeypatch)
    told = []
    put_parts(storage, "long", pieces(content), len(content), progress=told.append)
    assert watching.made.count("upload_part") == 3
    assert storage.get("long") == content
    assert sorted(told) == sorted([PART, PART, len(content) - 2 * PART])
    found = s3_behind.head_object(Bucket="bucket", Key=f"{storage.url.path}/long")
    assert found["ETag"].endswith('-3"')
    assert left_behind() == []
    assert [stored.md5 for stored in storage.list_digests()] == [None]


def test_what_fits_into_one_part_is_one_put(storage, monkeypatch):
    watching = Watching(storage, monkeypatch)
    told = []
    put_parts(storage, "short", [b"one", b"", b"two"], 6, progress=told.append)
    put_parts(storage, "none", [], 0)
    assert watching.made == ["put_object", "put_object"]
    assert (bytes(storage.get("short")), bytes(storage.get("none")), told) == (b"onetwo", b"", [6])
    digests = {stored.key: stored.md5 for stored in storage.list_digests()}
    assert digests["short"] == hashlib.md5(b"onetwo").digest()


def test_a_put_goes_in_parts_only_when_it_is_long(storage, content, monkeypatch, left_behind):
    monkeypatch.setattr(s3_parts, "WHOLE_NBYTES", 12 * MB)
    watching = Watching(storage, monkeypatch)
    storage.put("a", content[: 12 * MB])
    assert watching.made == ["put_object"]
    storage.put("b", [content[:MB], content[MB:]])
    assert watching.made.count("upload_part") == 3
    assert storage.get("b") == content
    watching.made.clear()
    storage.put("lock", content, if_absent=True)
    assert watching.made == ["put_object"]
    assert left_behind() == []


def test_beyond_what_one_request_takes_the_completion_is_conditional(storage, content, monkeypatch, left_behind):
    monkeypatch.setattr(s3_parts, "LARGEST_PUT_NBYTES", 12 * MB)
    storage.put("lock", content, if_absent=True)
    with pytest.raises(KeyExistsError, match="/lock exists already"):
        storage.put("lock", content[::-1], if_absent=True)
    assert storage.get("lock") == content
    assert left_behind() == []


@pytest.mark.parametrize("nbytes", [-1, 1])
def test_pieces_that_are_not_what_was_announced(storage, content, left_behind, nbytes):
    with pytest.raises(StorageError, match=rf"came in pieces of {len(content)} bytes instead of"):
        put_parts(storage, "long", pieces(content), len(content) + nbytes)
    with pytest.raises(StorageError, match="came in pieces of 3 bytes instead of"):
        put_parts(storage, "short", [b"123"], 3 + nbytes)
    assert list(storage.list()) == []
    assert left_behind() == []


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_part_that_fails_leaves_the_old_object_and_no_part(storage, content, left_behind, at, monkeypatch):
    storage.put("long", b"old")
    Watching(storage, monkeypatch, upload_part=(at, StorageError("injected")))
    with pytest.raises(StorageError, match="injected"):
        put_parts(storage, "long", pieces(content), len(content))
    assert bytes(storage.get("long")) == b"old"
    assert left_behind() == []


def test_pieces_that_break_off_and_an_impatient_user_leave_no_part(storage, content, left_behind):
    def breaking(error):
        yield from pieces(content[: 17 * MB])
        raise error

    for error in (KeyNotFoundError("the source is gone"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            put_parts(storage, "long", breaking(error), len(content))
        assert left_behind() == []

    def told(_):
        raise ZeroDivisionError("a bug of the caller's")

    with pytest.raises(ZeroDivisionError):
        put_parts(storage, "long", pieces(content), len(content), progress=told)
    assert left_behind() == []
    assert list(storage.list()) == []


def test_parts_that_cannot_be_removed_are_told_of(storage, content, left_behind, monkeypatch, caplog):
    denied = PermissionDeniedError("you may not")
    Watching(storage, monkeypatch, upload_part=(2, StorageError("injected")), abort_multipart_upload=(1, denied))
    with pytest.raises(StorageError, match="injected") as caught:
        put_parts(storage, "long", pieces(content), len(content))
    [note] = caught.value.__notes__
    assert "its parts could not be removed and may be left in the bucket (upload " in note
    assert "you may not" in note
    assert note in caplog.text
    assert len(left_behind()) == 1


def test_memory_is_bounded(storage, monkeypatch):
    monkeypatch.setattr(s3_parts, "_AT_ONCE", 4)
    monkeypatch.setattr(s3_parts, "_PART_NBYTES", 5 * MB)
    nbytes, block = 100 * MB, bytes(MB)
    tracemalloc.start()
    try:
        put_parts(storage, "long", (block for _ in range(100)), nbytes)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert storage.size("long") == nbytes
    assert most < 3 * 4 * 5 * MB  # four parts are under way


# what only a server that lies can show


def upload_answers(*completions):
    created = b"<R><Bucket>bucket</Bucket><Key>x/k</Key><UploadId>u1</UploadId></R>"
    tags = [Answer(200, b"", {"ETag": f'"{hashlib.md5(bytes([n])).hexdigest()}"'}) for n in range(2)]
    return [Answer(200, created, {"Content-Type": "application/xml"}), *tags, *completions]


@pytest.fixture
def lying(monkeypatch):
    monkeypatch.setattr(s3_parts, "_AT_ONCE", 1)
    with canned_server() as server:
        yield server, open_s3("s3://bucket/x", server.endpoint)


def put_two_parts(storage):
    put_parts(storage, "k", [bytes(PART), b"end"], PART + 3)


def test_a_completion_whose_answer_was_lost_has_worked(lying):
    server, storage = lying
    tags = b"".join(hashlib.md5(bytes([n])).digest() for n in range(2))
    whole = Answer(200, b"", {"ETag": f'"{hashlib.md5(tags).hexdigest()}-2"'})
    server.answers = upload_answers(refusal(404, "NoSuchUpload"), whole)
    put_two_parts(storage)
    assert [method for method, *_ in server.requests] == ["POST", "PUT", "PUT", "POST", "HEAD"]


def test_an_upload_that_is_gone_is_an_error(lying):
    server, storage = lying
    other = Answer(200, b"", {"ETag": '"another"'})
    server.answers = upload_answers(refusal(404, "NoSuchUpload"), other, refusal(404, "NoSuchUpload"))
    with pytest.raises(StorageError, match=r"cannot put s3://bucket/x/k \(NoSuchUpload .*write it again") as caught:
        put_two_parts(storage)
    assert not hasattr(caught.value, "__notes__")
    assert server.requests[-1][0] == "DELETE"


def test_a_completion_that_fails_in_its_body_is_tried_again(lying):
    server, storage = lying
    error = b"<Error><Code>InternalError</Code><Message>sorry</Message></Error>"
    done = b"<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"
    server.answers = upload_answers(Answer(200, error), Answer(200, done))
    put_two_parts(storage)
    assert [method for method, *_ in server.requests] == ["POST", "PUT", "PUT", "POST", "POST"]


def test_wrappers_pass_parts_on_and_count_them(storage, content, monkeypatch):
    watching = Watching(storage, monkeypatch)
    counting = Counting(storage)
    put_parts(counting, "long", pieces(content), len(content))
    assert (counting.requests["put"], counting.nbytes["put"]) == (1, len(content))
    assert watching.made.count("upload_part") == 3
