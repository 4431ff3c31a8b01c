"""What S3 answers when it refuses or breaks: one typed error each. The answers are canned, the SDK is real."""

from __future__ import annotations

import builtins
import os

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import (
    ExpiredCredentialsError,
    KeyExistsError,
    KeyNotFoundError,
    PermissionDeniedError,
    RefusedCredentialsError,
    StorageError,
)
from deeplake_nb.storage import s3_errors
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import ByteRange, delete_all
from deeplake_nb.storage.retries import ATTEMPTS
from deeplake_nb.urls import parse
from tests.fakes import moto, tls
from tests.fakes.canned import Answer, canned_server, refusal
from tests.fakes.web import web_server


@pytest.fixture
def server():
    with canned_server() as server:
        yield server


@pytest.fixture
def storage(server, monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    url = parse("s3://bucket/x")
    creds = {"endpoint_url": server.endpoint, **moto.ADMIN}
    return open_storage(url, credentials_from(url, creds, environ=os.environ))


@pytest.mark.parametrize(
    ("status", "code", "kind", "advice"),
    [
        (404, "NoSuchKey", KeyNotFoundError, "no object s3://bucket/x/k"),
        (404, "NoSuchVersion", KeyNotFoundError, "no object s3://bucket/x/k"),
        (404, "NoSuchBucket", StorageError, "there is no such bucket"),
        (403, "AccessDenied", PermissionDeniedError, "ask for the permission on this bucket"),
        (403, "AllAccessDisabled", PermissionDeniedError, "ask for the permission on this bucket"),
        (403, "SignatureDoesNotMatch", RefusedCredentialsError, "aws_secret_access_key does not belong"),
        (403, "InvalidAccessKeyId", RefusedCredentialsError, "does not know aws_access_key_id"),
        (403, "RequestTimeTooSkewed", StorageError, "clock of this machine is wrong"),
        (401, "Unauthorized", PermissionDeniedError, "ask for the permission"),
        (400, "InvalidToken", RefusedCredentialsError, "aws_session_token does not belong to these keys"),
        (400, "ExpiredToken", ExpiredCredentialsError, "get new temporary keys"),
        (400, "TokenRefreshRequired", ExpiredCredentialsError, "get new temporary keys"),
        (400, "AuthorizationHeaderMalformed", StorageError, "aws_region"),
        (503, "SlowDown", StorageError, "overloaded: try again"),
        (503, "Whatever", StorageError, "overloaded: try again"),
        (500, "InternalError", StorageError, "overloaded: try again"),
        (418, "Teapot", StorageError, "see the cause"),
    ],
)
def test_a_refusal_is_one_typed_error(server, storage, status, code, kind, advice):  # noqa: PLR0917
    server.answers = [refusal(status, code)]
    with pytest.raises(kind) as caught:
        storage.get("k")
    assert type(caught.value) is kind
    message = str(caught.value)
    assert advice in message
    if kind is not KeyNotFoundError:
        assert message.startswith(f"cannot get s3://bucket/x/k ({code} from {server.endpoint}, credentials: argument)")
    assert "c4nary" not in repr(caught.value.__cause__.response)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, KeyNotFoundError), (403, PermissionDeniedError), (400, StorageError), (500, StorageError)],
)
def test_a_head_has_a_status_only(server, storage, status, kind):
    server.answers = [Answer(status)]
    with pytest.raises(kind, match="s3://bucket/x/k"):
        storage.size("k")


def test_the_region_to_give_is_named(server, storage):
    server.answers = [refusal(301, "PermanentRedirect", **{"x-amz-bucket-region": "eu-west-3"})]
    with pytest.raises(StorageError, match=r"PermanentRedirect .*pass creds=\{'aws_region': 'eu-west-3'\}"):
        storage.put("k", b"x")


def test_a_listing_and_a_deletion_are_refused_alike(server, storage):
    server.answers = [refusal(403, "AccessDenied")]
    with pytest.raises(PermissionDeniedError, match=r"cannot list s3://bucket/x/a \("):
        list(storage.list("a"))
    with pytest.raises(PermissionDeniedError, match=r"cannot list s3://bucket/x \("):
        list(storage.list())
    with pytest.raises(PermissionDeniedError, match=r"cannot delete s3://bucket/x/k \("):
        storage.delete("k")


def test_one_refused_deletion_among_many(server, storage):
    listing = "<ListBucketResult><Contents><Key>x/k</Key><Size>1</Size></Contents></ListBucketResult>"
    failed = "<DeleteResult><Error><Key>x/k</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    server.answers = [Answer(200, listing.encode()), Answer(200, failed.encode())]
    with pytest.raises(PermissionDeniedError, match=r"cannot delete s3://bucket/x/k \(AccessDenied"):
        delete_all(storage)


def test_a_404_for_a_put_is_no_missing_key(server, storage):
    server.answers = [Answer(404)]
    with pytest.raises(StorageError, match=r"cannot put s3://bucket/x/k \(404"):
        storage.put("k", b"x")


def test_a_collision_is_tried_again(server, storage):
    collision = refusal(409, "ConditionalRequestConflict")
    server.answers = [collision, collision, Answer(200)]
    storage.put("k", b"x", if_absent=True)
    assert [method for method, *_ in server.requests] == ["PUT"] * 3
    server.answers = [collision, refusal(412, "PreconditionFailed")]
    with pytest.raises(KeyExistsError, match="s3://bucket/x/k exists already"):
        storage.put("k", b"x", if_absent=True)
    server.answers = [collision]
    with pytest.raises(StorageError, match="others are writing it") as caught:
        storage.put("k", b"x", if_absent=True)
    assert type(caught.value) is StorageError


def test_a_body_that_breaks_off_is_read_again(server, storage):
    broken, whole = Answer(200, b"0123", declared=10), Answer(200, b"0123456789")
    server.answers = [broken, broken, whole]
    assert bytes(storage.get("k")) == b"0123456789"
    assert len(server.requests) == 3
    server.answers = [broken]
    with pytest.raises(StorageError, match=r"cannot get s3://bucket/x/k \(4 of 10 bytes from .*the connection broke"):
        storage.get("k")
    assert len(server.requests) == 3 + ATTEMPTS


def test_throttling_is_survived(server, monkeypatch):
    monkeypatch.delenv("AWS_MAX_ATTEMPTS", raising=False)
    url = parse("s3://bucket/x")
    creds = {"endpoint_url": server.endpoint, **moto.ADMIN}
    storage = open_storage(url, credentials_from(url, creds, environ=os.environ))
    server.answers = [refusal(503, "SlowDown"), Answer(200, b"fine")]
    assert bytes(storage.get("k")) == b"fine"


def test_a_range_past_the_end_is_empty(server, storage):
    server.answers = [refusal(416, "InvalidRange")]
    assert bytes(storage.get("k", ByteRange(5, 9))) == b""
    assert server.requests[0][2]["Range"] == "bytes=5-8"


def test_a_server_that_is_no_s3(server, storage):
    server.answers = [Answer(200, b"<html>not S3", {"Content-Type": "text/html"})]
    with pytest.raises(StorageError, match=r"cannot list s3://bucket/x "):
        list(storage.list())


def test_a_certificate_that_is_not_trusted(tmp_path, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    certificate = tls.certificate(tmp_path)
    url = parse("s3://bucket/x")
    with web_server(certificate) as web:
        web.files["bucket/x/k"] = b"stored"

        def read():
            creds = {"endpoint_url": web.endpoint, **moto.ADMIN}
            return bytes(open_storage(url, credentials_from(url, creds, environ=os.environ)).get("k"))

        with pytest.raises(StorageError) as caught:
            read()
        assert str(caught.value) == (
            f"cannot get s3://bucket/x/k (SSLError from {web.endpoint}, credentials: argument): its certificate is not"
            " trusted: check endpoint_url, or set AWS_CA_BUNDLE"
        )
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        assert read() == b"stored"


def test_every_listed_class_is_one_the_sdk_has():
    import botocore.exceptions
    import botocore.parsers

    for name in s3_errors._BY_CLASS:
        places = (botocore.exceptions, botocore.parsers, builtins)
        assert issubclass(next(getattr(place, name) for place in places if hasattr(place, name)), Exception)
