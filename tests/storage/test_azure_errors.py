"""What Azure answers when it refuses or breaks: one typed error each. The answers are canned, the client is real."""

from __future__ import annotations

import base64
import itertools
import os
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from deeplake_nb.credentials.azure import AzureCredentials
from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import (
    ExpiredCredentialsError,
    KeyExistsError,
    KeyNotFoundError,
    LakeError,
    PermissionDeniedError,
    RefusedCredentialsError,
    StorageError,
    UrlError,
)
from deeplake_nb.storage import azure_errors
from deeplake_nb.storage.open import open_storage
from deeplake_nb.storage.provider import ByteRange, Entry, delete_all, get_into
from deeplake_nb.storage.retries import ATTEMPTS, TransientError
from deeplake_nb.urls import parse
from tests.fakes.canned import Answer, canned_server

KEY = base64.b64encode(b"a key of the account").decode()
KINDS = {
    "account_key": {"account_key": KEY},
    "sas_token": {"sas_token": "sv=1&sig=c4nary"},
    "anonymous": {"anonymous": "yes"},
}


def refusal(status, code, **headers):
    """An error as Azure writes it; its text has signatures in it."""
    body = f"<Error><Code>{code}</Code><Message>The MAC signature 'c4nary' is not ours</Message></Error>"
    return Answer(status, body.encode(), {"x-ms-error-code": code, "x-ms-request-id": "number-7", **headers})


@pytest.fixture
def server():
    with canned_server() as server:
        yield server


@pytest.fixture(autouse=True)
def pauses(monkeypatch):
    """No pause of this thread is waited for; how many there were."""
    waited, here, sleep = [], threading.get_ident(), time.sleep

    def pause(seconds):
        waited.append(seconds) if threading.get_ident() == here else sleep(seconds)

    monkeypatch.setattr("time.sleep", pause)
    monkeypatch.setattr("deeplake_nb.storage.retries.retrying.__defaults__", (pause,))
    return waited


def opened(endpoint, **creds):
    url = parse("azure://lake/box/x")
    creds = {"endpoint_url": f"{endpoint}/lake", **(creds or KINDS["account_key"])}
    return open_storage(url, credentials_from(url, creds, environ=os.environ))


@pytest.fixture
def storage(server):
    return opened(server.endpoint)


@pytest.mark.parametrize(
    ("status", "code", "kind", "advice"),
    [
        (404, "BlobNotFound", KeyNotFoundError, "no object azure://lake/box/x/k"),
        (404, "ResourceNotFound", KeyNotFoundError, "no object azure://lake/box/x/k"),
        (404, "SomethingNotFound", KeyNotFoundError, "no object azure://lake/box/x/k"),
        (404, "ContainerNotFound", StorageError, "there is no such container"),
        (409, "ContainerBeingDeleted", StorageError, "the container is being deleted"),
        (403, "AuthenticationFailed", RefusedCredentialsError, "account_key does not belong to this account"),
        (401, "InvalidAuthenticationInfo", RefusedCredentialsError, "account_key does not belong to this account"),
        (403, "AuthorizationFailure", RefusedCredentialsError, "a network rule of the account forbids it"),
        (403, "KeyBasedAuthenticationNotPermitted", PermissionDeniedError, "the account takes no keys: run `az login`"),
        (403, "AuthorizationSourceIPMismatch", PermissionDeniedError, "for other machines than this one"),
        (403, "AuthorizationProtocolMismatch", PermissionDeniedError, "for https only"),
        (403, "AccountIsDisabled", PermissionDeniedError, "the account is disabled"),
        (409, "PublicAccessNotPermitted", PermissionDeniedError, "nobody without credentials: pass creds="),
        (400, "InvalidResourceName", UrlError, "a container has 3 to 63 of a-z, 0-9 and '-'"),
        (400, "OutOfRangeInput", UrlError, "a container has 3 to 63"),
        (400, "InvalidHeaderValue", StorageError, "endpoint_url leads to something too old"),
        (409, "BlobArchived", StorageError, "rehydrate it"),
        (503, "ServerBusy", StorageError, "overloaded: try again"),
        (500, "OperationTimedOut", StorageError, "overloaded: try again"),
        (500, "Whatever", StorageError, "overloaded: try again"),
        (429, "TooManyRequests", StorageError, "overloaded: try again"),
        (502, "", StorageError, "overloaded: try again"),
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
        where = f"{server.endpoint}/lake, credentials: argument (account_key)"
        assert message.startswith(f"cannot get azure://lake/box/x/k ({code or status} from {where})")
    assert "c4nary" not in message + str(caught.value.__cause__)
    assert str(caught.value.__cause__) == f"HTTP {status}, {code or status}, x-ms-request-id number-7"


@pytest.mark.parametrize(
    ("way", "code", "advice"),
    [
        ("sas_token", "AuthenticationFailed", "sas_token was changed, was revoked, or is for another container"),
        ("sas_token", "AuthorizationPermissionMismatch", "make one with the rights r, w, d and l"),
        ("sas_token", "AuthorizationFailure", "the SAS token is of too little scope or altered"),
        ("sas_token", "UnauthorizedBlobOverwrite", "make one with the rights r, w, d and l"),
        ("anonymous", "NoAuthenticationInformation", "the container is not public: pass creds="),
        ("anonymous", "AuthenticationFailed", "the container is not public: pass creds="),
        ("anonymous", "AuthorizationFailure", "the container is not public: pass creds="),
        ("account_key", "Unheard", "see the cause"),
    ],
)
def test_the_advice_is_for_the_credentials_in_force(server, way, code, advice):
    server.answers = [refusal(403, code)]
    with pytest.raises(PermissionDeniedError, match=advice):
        opened(server.endpoint, **KINDS[way]).put("k", b"x")


def test_a_login_needs_a_role():
    found = AzureCredentials(access_token=Secret("x"))
    refused = azure_errors.Refusal(403, {"x-ms-error-code": "AuthorizationPermissionMismatch"})
    failure = refused.error("get azure://lake/box/k", "here", found)
    assert type(failure) is PermissionDeniedError
    assert "give this login the role Storage Blob Data Contributor (or Reader)" in str(failure)
    found = AzureCredentials(access_token=Secret("x"), expires_at=datetime.now(UTC) - timedelta(minutes=1))
    refused = azure_errors.Refusal(
        401, {"x-ms-error-code": "InvalidAuthenticationInfo", "date": format_datetime(datetime.now(UTC), usegmt=True)}
    )
    assert type(refused.error("get azure://lake/box/k", "here", found)) is ExpiredCredentialsError


@pytest.mark.parametrize("hours", [-2, 3])
def test_a_wrong_clock_is_said(hours):
    """The service refuses requests from more than 15 minutes away, with the code of a wrong key."""
    theirs = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    refused = azure_errors.Refusal(403, {"x-ms-error-code": "AuthenticationFailed", "date": theirs})
    failure = refused.error("get azure://lake/box/k", "here", AzureCredentials(account_key=Secret(KEY)))
    assert type(failure) is StorageError
    assert f"the clock of this machine is {abs(hours) * 60} minutes off: set it" in str(failure)
    expired = AzureCredentials(sas_token=Secret("sig=x"), expires_at=datetime.now(UTC) + timedelta(hours=hours - 1))
    assert type(refused.error("get azure://lake/box/k", "here", expired)) is ExpiredCredentialsError


@pytest.mark.parametrize("date", ["", "now", "Sun, 22 Nov 2026 04:00:00 -0000", "Sun, 22 Nov 2026 04:00:00"])
def test_a_time_that_is_none_tells_nothing(date):
    refused = azure_errors.Refusal(403, {"x-ms-error-code": "AuthenticationFailed", "date": date})
    found = AzureCredentials(sas_token=Secret("sig=x"), expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert type(refused.error("get azure://lake/box/k", "here", found)) is RefusedCredentialsError


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, KeyNotFoundError), (403, PermissionDeniedError), (400, StorageError), (500, StorageError)],
)
def test_a_status_without_a_code(server, storage, status, kind):
    server.answers = [Answer(status)]
    with pytest.raises(kind, match="azure://lake/box/x/k"):
        storage.size("k")


def test_other_verbs_are_refused_alike(server, storage):
    server.answers = [refusal(403, "AuthorizationFailure")]
    with pytest.raises(PermissionDeniedError, match=r"cannot list azure://lake/box/x/a \("):
        list(storage.list("a"))
    with pytest.raises(PermissionDeniedError, match=r"cannot list azure://lake/box/x \("):
        list(storage.list())
    with pytest.raises(PermissionDeniedError, match=r"cannot delete azure://lake/box/x/k \("):
        storage.delete("k")
    with pytest.raises(PermissionDeniedError, match=r"cannot list azure://lake/box/x \("):
        delete_all(storage)
    with pytest.raises(PermissionDeniedError, match=r"cannot rename azure://lake/box/x/a \("):
        storage.rename("a/", "b/")


def test_a_404_for_a_put_or_a_list_is_no_missing_key(server, storage):
    server.answers = [Answer(404)]
    with pytest.raises(StorageError, match=r"cannot put azure://lake/box/x/k \(404 .*no such container"):
        storage.put("k", b"x")
    with pytest.raises(StorageError, match=r"cannot list azure://lake/box/x \(404 .*no such container"):
        list(storage.list())
    storage.delete("k")


def test_what_exists_already(server, storage):
    for answer in (refusal(409, "BlobAlreadyExists"), refusal(412, "ConditionNotMet"), Answer(412)):
        server.answers = [answer]
        with pytest.raises(KeyExistsError, match="azure://lake/box/x/k exists already"):
            storage.put("k", b"x", if_absent=True)
    assert server.requests[0][2]["If-None-Match"] == "*"


def test_a_lease_is_no_lost_race(server, storage):
    server.answers = [refusal(412, "LeaseIdMissing")]
    with pytest.raises(StorageError, match="another program holds a lease on it"):
        storage.put("k", b"x", if_absent=True)


def test_throttling_is_survived(server, storage, pauses):
    server.answers = [refusal(503, "ServerBusy"), refusal(500, "InternalError"), Answer(200, b"fine")]
    assert bytes(storage.get("k")) == b"fine"
    assert len(pauses) == 2
    server.answers = [refusal(503, "ServerBusy"), Answer(201)]
    storage.put("k", b"x")


def test_throttling_that_does_not_end_is_reported(server, storage, pauses):
    server.answers = [refusal(503, "ServerBusy")]
    with pytest.raises(StorageError, match=r"cannot get azure://lake/box/x/k \(ServerBusy") as caught:
        storage.get("k")
    assert type(caught.value) is StorageError
    assert len(server.requests) == ATTEMPTS
    assert len(pauses) == ATTEMPTS - 1


def test_a_body_that_breaks_off_is_read_again(server, storage):
    broken, whole = Answer(200, b"0123", declared=10), Answer(200, b"0123456789")
    server.answers = [broken, broken, whole]
    assert bytes(storage.get("k")) == b"0123456789"
    assert len(server.requests) == 3
    server.answers = [broken]
    with pytest.raises(
        StorageError, match=r"cannot get azure://lake/box/x/k \(ProtocolError from .*the connection broke"
    ):
        storage.get("k")
    assert len(server.requests) == 3 + ATTEMPTS


def test_a_broken_body_is_read_again_into_memory(server, storage):
    headers = {"Content-Range": "bytes 0-9/10"}
    server.answers = [Answer(206, b"01", headers, 10), Answer(206, b"0123456789", headers)]
    memory = bytearray(10)
    assert get_into(storage, "k", memory) == 10
    assert bytes(memory) == b"0123456789"


def test_bytes_that_were_not_asked_for_are_not_taken(server, storage):
    server.answers = [Answer(206, b"56789", {"Content-Range": "bytes 5-9/10"})]
    with pytest.raises(StorageError, match=r"cannot get .*/k \('bytes 5-9/10' in answer to bytes 0-4 from"):
        storage.get("k", ByteRange(0, 5))
    server.answers = [Answer(200, b"0123456789")]  # a server that knows no ranges
    assert bytes(storage.get("k", ByteRange(2, 5))) == b"234"


def test_a_range_past_the_end_is_empty(server, storage):
    server.answers = [refusal(416, "InvalidRange"), Answer(200, b"0123")]
    assert bytes(storage.get("k", ByteRange(5, 9))) == b""
    assert [request[0] for request in server.requests] == ["GET", "HEAD"]
    assert server.requests[0][2]["Range"] == "bytes=5-8"


def test_a_server_that_is_no_azure(server, storage):
    for body in (b"<html>not Azure", b"\x00\x01", b""):
        server.answers = [Answer(200, body, {"Content-Type": "text/html"})]
        with pytest.raises(StorageError, match=r"cannot list azure://lake/box/x \(no XML: "):
            list(storage.list())


def test_a_listing_in_any_order_with_any_names(server, storage):
    """Folder by folder, as a hierarchical namespace lists; names that XML cannot hold are encoded."""
    line = "<Blob><Name{}>x/{}</Name><Properties><Content-Length>3</Content-Length></Properties></Blob>"
    names = [("", "a/b"), ("", "a/c/d"), ("", "a-b"), (' Encoded="true"', "bell%07%25"), ("", "plain%41"), ("", "B")]
    folder = "<Blob><Name>x/a</Name><Properties/><Metadata><hdi_isfolder>true</hdi_isfolder></Metadata></Blob>"

    def page(lines, marker=""):
        text = (
            f"<EnumerationResults><Blobs>{''.join(lines)}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        )
        return Answer(200, text.encode())

    lines = [line.format(*name) for name in names]
    server.answers = [page([folder, *lines[:3]], "more&amp;more"), page(lines[3:])]
    expected = ["B", "a-b", "a/b", "a/c/d", "bell\a%", "plain%41"]
    assert list(storage.list()) == [Entry(key, 3) for key in expected]
    assert "marker=more%26more" in server.requests[1][1]
    assert "prefix=x%2F" in server.requests[1][1]


def test_a_folder_is_no_object(server, storage):
    headers = {"x-ms-meta-hdi_isfolder": "true"}
    server.answers = [Answer(200, b"", headers)]
    for read in (lambda: storage.get("k"), lambda: storage.size("k")):
        with pytest.raises(KeyNotFoundError, match="no object azure://lake/box/x/k: it is a folder"):
            read()


def test_a_folder_that_cannot_go_as_a_whole_goes_object_by_object(server, storage):
    """Marks of folders are found in flat accounts, too, and not every network lets the data lake's API through."""
    mark = Answer(200, b"", {"x-ms-meta-hdi_isfolder": "true"})
    refused = refusal(409, "EndpointUnsupportedAccountFeatures")
    line = "<Blob><Name>x/k</Name><Properties><Content-Length>3</Content-Length></Properties></Blob>"
    listing = Answer(200, f"<EnumerationResults><Blobs>{line}</Blobs><NextMarker/></EnumerationResults>".encode())
    server.answers = [mark, refused, listing, Answer(202)]
    delete_all(storage)
    assert [method for method, *_ in server.requests] == ["HEAD", "DELETE", "GET", "DELETE"]
    assert "recursive=true" in server.requests[1][1]
    assert server.requests[3][1] == "/lake/box/x/k"


def test_an_account_that_is_not_there(monkeypatch):
    resolve = socket.getaddrinfo

    def nowhere(host, *args, **kwargs):
        if host == "nowhere.localhost":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr("socket.getaddrinfo", nowhere)
    storage = opened("http://nowhere.localhost:9")
    for use in (lambda: storage.get("k"), lambda: storage.rename("a/", "b/")):
        with pytest.raises(StorageError) as caught:
            use()
        assert "there is no such account, or no network: check its name and endpoint_url" in str(caught.value)
        assert str(caught.value.__cause__) == "gaierror: [Errno -2] Name or service not known"


def test_a_proxy_that_is_not_there(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"cannot get .*: check the proxy in HTTPS_PROXY"):
        opened("http://storage.localhost:9").get("k")


def test_no_private_error_leaves_the_storage(server, storage):
    private = {azure_errors.PastEndError, azure_errors.FolderError, TransientError}
    uses = {
        "get": lambda: storage.get("k"),
        "size": lambda: storage.size("k"),
        "put": lambda: storage.put("k", b"x"),
        "list": lambda: list(storage.list()),
        "rename": lambda: storage.rename("a/", "b/"),
        "delete": lambda: storage.delete("k"),
        "delete_all": lambda: delete_all(storage),
    }
    outcomes = {}
    codes = [code for code, (kind, _) in azure_errors._BY_CODE.items() if kind in private]
    for code, (name, use) in itertools.product(codes, uses.items()):
        server.answers = [refusal(416 if code == "InvalidRange" else 409, code)]
        try:
            use()
        except LakeError as error:
            outcomes[code, name] = type(error)
        else:
            outcomes[code, name] = None
    assert {what for what, kind in outcomes.items() if kind in private} == set()
    assert {name for (_, name), kind in outcomes.items() if kind is None} == {"delete"}


def test_every_listed_class_is_one_there_is():
    import socket as sockets

    import urllib3.exceptions

    from deeplake_nb.storage import bodies

    places = (urllib3.exceptions, sockets, bodies)
    for name in azure_errors._BY_CLASS:
        assert name == "Exception" or any(hasattr(place, name) for place in places), name
