"""What Google Cloud Storage answers when it refuses or breaks: one typed error each. The answers are canned."""

from __future__ import annotations

import json
import os
import socket

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.errors import (
    KeyExistsError,
    KeyNotFoundError,
    PermissionDeniedError,
    RefusedCredentialsError,
    StorageError,
)
from deeplake_nb.storage import gcs_errors
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import ByteRange
from deeplake_nb.urls import parse
from tests.fakes import gcs, tls
from tests.fakes.canned import Answer, canned_server


@pytest.fixture
def server():
    with canned_server() as server:
        yield server


@pytest.fixture
def open_gcs(server, monkeypatch):
    monkeypatch.setattr("deeplake_nb.storage.retries._FIRST_SECONDS", 0.0)

    def open_gcs(creds=None, **more):
        url = parse("gcs://bucket/x")
        creds = {"token": "t", "endpoint_url": server.endpoint} if creds is None else creds
        return open_storage(url, credentials_from(url, creds, environ=os.environ | more))

    return open_gcs


@pytest.fixture
def storage(open_gcs):
    return open_gcs()


def refusal(status, reason, message="said by the server"):
    error = {"code": status, "message": message, "errors": [{"message": message, "domain": "global", "reason": reason}]}
    return Answer(status, json.dumps({"error": error}).encode(), {"Content-Type": "application/json"})


def newer(status, reason):
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    error = {"code": status, "message": "m", "status": "PERMISSION_DENIED", "details": [{"@type": "other"}, detail]}
    return Answer(status, json.dumps({"error": error}).encode(), {"Content-Type": "application/json"})


@pytest.mark.parametrize(
    ("status", "reason", "kind", "advice"),
    [
        (400, "required", StorageError, "pass creds={'user_project': …} with the project to bill"),
        (400, "userProjectMissing", StorageError, "whoever asks pays here"),
        (400, "userProjectInvalid", StorageError, "check user_project and GOOGLE_CLOUD_QUOTA_PROJECT"),
        (400, "invalid", StorageError, "check the bucket's name"),
        (401, "authError", RefusedCredentialsError, "the token is wrong, was revoked, or its time is over"),
        (401, "AuthenticationRequiredRequesterPays", StorageError, "whoever asks pays here"),
        (403, "forbidden", PermissionDeniedError, "ask for the permission on this bucket"),
        (403, "insufficientPermissions", PermissionDeniedError, "the token's scope does not cover this"),
        (403, "accountDisabled", StorageError, "billing account of its project is closed"),
        (403, "UserProjectAccessDenied", PermissionDeniedError, "the project to bill refuses you"),
        (403, "UserProjectAccountProblem", StorageError, "billing account"),
        (403, "retentionPolicyNotMet", PermissionDeniedError, "retention policy or a hold"),
        (403, "rateLimitExceeded", StorageError, "overloaded: try again"),
        (404, "notFound", KeyNotFoundError, "no object gcs://bucket/x/k"),
        (412, "orgPolicyConstraintFailed", StorageError, "see the cause"),
        (418, "teapot", StorageError, "see the cause"),
        (429, "rateLimitExceeded", StorageError, "overloaded: try again"),
        (500, "internalError", StorageError, "overloaded: try again"),
        (503, "backendError", StorageError, "overloaded: try again"),
    ],
)
def test_a_refusal_is_one_typed_error(server, storage, status, reason, kind, advice):  # noqa: PLR0917
    storage.api._is_bucket_known = True
    server.answers = [refusal(status, reason)]
    with pytest.raises(kind) as caught:
        storage.size("k")
    assert type(caught.value) is kind
    message = str(caught.value)
    assert advice in message
    if kind is not KeyNotFoundError:
        where = f"({status} {reason} from {server.endpoint}, credentials: argument)"
        assert message.startswith(f"cannot size gcs://bucket/x/k {where}: ")
    assert str(caught.value.__cause__) == f"{status} {reason}: said by the server"


@pytest.mark.parametrize(
    ("reason", "kind", "advice"),
    [
        ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", PermissionDeniedError, "scope does not cover this"),
        ("BILLING_DISABLED", StorageError, "billing account"),
        ("USER_PROJECT_DENIED", PermissionDeniedError, "the project to bill refuses you"),
        ("SERVICE_DISABLED", PermissionDeniedError, "ask for the permission"),
    ],
)
def test_a_refusal_in_the_newer_form(server, storage, reason, kind, advice):
    server.answers = [newer(403, reason)]
    with pytest.raises(kind, match=advice):
        storage.size("k")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(404, b"No such object: bucket/x/k"), KeyNotFoundError),
        (Answer(403, b"somebody does not have storage.objects.get access"), PermissionDeniedError),
        (Answer(401, b"Anonymous caller"), RefusedCredentialsError),
        (Answer(400, b"Bucket is a requester pays bucket but no user project provided."), StorageError),
        (Answer(502, b"<html>a proxy's page"), StorageError),
        (Answer(400, b'{"error": "text"}'), StorageError),
        (Answer(400, b'{"error": {"errors": []}}'), StorageError),
        (Answer(400, b"[1]"), StorageError),
        (Answer(302, b"", {"Location": "https://elsewhere.example/"}), StorageError),
    ],
)
def test_a_download_is_refused_in_plain_text(server, storage, answer, kind):
    storage.api._is_bucket_known = True
    server.answers = [answer]
    with pytest.raises(kind, match="gcs://bucket/x/k") as caught:
        storage.get("k")
    assert type(caught.value) is kind


def test_nobody_is_told_to_give_credentials(server, open_gcs):
    server.answers = [refusal(401, "required", "Anonymous caller does not have storage.objects.get access")]
    with pytest.raises(PermissionDeniedError) as caught:
        open_gcs("anonymous", STORAGE_EMULATOR_HOST=server.endpoint).get("k")
    assert str(caught.value) == (
        f"cannot get gcs://bucket/x/k (401 required from {server.endpoint}, credentials: anonymous):"
        " anonymous requests are refused here: pass creds="
    )
    assert "Authorization" not in server.requests[0][2]


def test_throttling_is_survived(server, storage):
    server.answers = [refusal(429, "rateLimitExceeded")] * 6 + [Answer(200, b"fine")]
    assert bytes(storage.get("k")) == b"fine"
    assert len(server.requests) == 7
    server.requests.clear()
    server.answers = [Answer(503)] * 7 + [Answer(200, b"{}")]
    storage.put("k", b"x")
    assert len(server.requests) == 8


def test_a_condition_that_does_not_hold(server, storage):
    server.answers = [refusal(412, "conditionNotMet")]
    with pytest.raises(KeyExistsError, match="gcs://bucket/x/k exists already"):
        storage.put("k", b"x", if_absent=True)
    with pytest.raises(StorageError, match=r"cannot list gcs://bucket/x \(412 conditionNotMet"):
        list(storage.list())


def test_a_404_for_a_put_is_no_missing_key(server, storage):
    storage.api._is_bucket_known = True
    server.answers = [refusal(404, "notFound")]
    with pytest.raises(StorageError, match=r"cannot put gcs://bucket/x/k \(404 notFound"):
        storage.put("k", b"x")


def test_a_missing_object_where_the_bucket_may_not_be_listed(server, storage):
    server.answers = [refusal(404, "notFound"), refusal(403, "forbidden"), refusal(404, "notFound")]
    for _ in range(2):
        with pytest.raises(KeyNotFoundError):
            storage.get("k")
    assert len(server.requests) == 3


def test_a_body_that_breaks_off_is_read_again(server, storage):
    broken, whole = Answer(200, b"0123", declared=10), Answer(200, b"0123456789")
    server.answers = [broken, broken, whole]
    assert bytes(storage.get("k")) == b"0123456789"
    assert len(server.requests) == 3
    server.answers = [broken]
    with pytest.raises(StorageError, match=r"cannot get gcs://bucket/x/k \(.* from .*the connection broke") as caught:
        storage.get("k")
    assert type(caught.value) is StorageError
    assert len(server.requests) == 3 + gcs_errors.ATTEMPTS


def test_ranges(server, storage):
    server.answers = [refusal(416, "requestedRangeNotSatisfiable")]
    assert bytes(storage.get("k", ByteRange(5, 9))) == b""
    assert server.requests[0][2]["Range"] == "bytes=5-8"
    server.answers = [Answer(200, b"0123456789")]  # a server that knows no ranges
    assert bytes(storage.get("k", ByteRange(5, 9))) == b"5678"
    buffer = bytearray(4)
    assert storage.get_into("k", buffer, 8) == 2
    assert bytes(buffer) == b"89\0\0"
    server.answers = [Answer(206, b"0123", {"Content-Range": "bytes 0-3/10"})]  # others than were asked for
    with pytest.raises(StorageError, match=r"'bytes 0-3/10' in answer to bytes 5-8"):
        storage.get("k", ByteRange(5, 9))


@pytest.mark.parametrize("body", [b"<html>no such service", b"[]", b'{"kind": "other"}', b'{"size": "many"}', b""])
def test_a_server_that_is_no_google(server, storage, body):
    server.answers = [Answer(200, body)]
    with pytest.raises(StorageError, match=r"cannot size gcs://bucket/x/k \(\w+ from .*: .*check endpoint_url"):
        storage.size("k")


def test_a_listing_that_is_none(server, storage):
    server.answers = [Answer(200, b"<html>no such service")]
    with pytest.raises(StorageError, match=r"cannot list gcs://bucket/x \(JSONDecodeError"):
        list(storage.list())


# the way there


def test_a_name_that_is_not_known(open_gcs, monkeypatch):
    def getaddrinfo(host, *_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with pytest.raises(StorageError) as caught:
        open_gcs({"token": "t"}).get("k")
    assert str(caught.value) == (
        "cannot get gcs://bucket/x/k (NameResolutionError from https://storage.googleapis.com, credentials: argument):"
        " the name is not known: check the network and endpoint_url"
    )


def test_a_certificate_that_is_not_trusted(open_gcs, tmp_path, monkeypatch):
    certificate = tls.certificate(tmp_path)
    with gcs.emulator(certificate=certificate) as service:
        service.write("bucket", "x/k", b"x")
        creds = {"token": service.issue(), "endpoint_url": service.endpoint}
        with pytest.raises(
            StorageError, match=r"\(SSLError from https://.*its certificate is not trusted: .*REQUESTS_CA"
        ):
            open_gcs(creds).get("k")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        assert bytes(open_gcs(creds).get("k")) == b"x"


def test_a_proxy_that_is_not_there(open_gcs, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://me:c4nary@127.0.0.1:9")
    with pytest.raises(StorageError, match=r"\(ProxyError from .*: check the proxy in HTTPS_PROXY") as caught:
        open_gcs({"token": "t"}).get("k")
    assert "c4nary" not in repr(caught.value.__cause__)


def test_a_proxy_is_used_with_its_password_and_not_for_hosts_that_are_excepted(server, open_gcs, monkeypatch):
    server.answers = [Answer(200, b"x")]
    monkeypatch.setenv("http_proxy", server.endpoint.replace("//", "//me:p%40ss@"))
    elsewhere = open_gcs({"token": "t", "endpoint_url": "http://storage.localhost:1"})
    assert bytes(elsewhere.get("k")) == b"x"
    ours = "http://storage.localhost:1/download/"  # the variable holds for the threads of earlier tests, too
    [headers] = [headers for _, path, headers in server.requests if path.startswith(ours)]
    assert headers["proxy-authorization"] == "Basic bWU6cEBzcw=="
    monkeypatch.setenv("no_proxy", "storage.localhost")
    with pytest.raises(StorageError, match=r"NewConnectionError|NameResolutionError"):
        open_gcs({"token": "t", "endpoint_url": "http://storage.localhost:1"}).get("k")


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "ftp://x", "http://[::"])
def test_a_proxy_that_cannot_be_read(open_gcs, monkeypatch, proxy):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(StorageError, match=r"check endpoint_url, STORAGE_EMULATOR_HOST and HTTPS_PROXY"):
        open_gcs({"token": "t"}).get("k")


def test_every_listed_class_is_one_the_library_has():
    import requests.exceptions
    import urllib3.exceptions

    for name in gcs_errors._BY_CLASS:
        home = requests.exceptions if name == "RequestException" else urllib3.exceptions
        assert name in ("ValueError", "LookupError") or issubclass(getattr(home, name), Exception)
