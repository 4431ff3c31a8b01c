"""No address that a user gives leads the server into its own network."""

from __future__ import annotations

import json
import socket

import pytest

from deeplake_nb.credentials.provider import Secret
from deeplake_nb.errors import PermissionDeniedError, UrlError
from deeplake_nb.server.outgoing import Outgoing, addresses, check_given

NAMES = {
    "public.example.org": ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946"],
    "half.example.org": ["93.184.216.34", "10.0.0.1"],
    "rebound.example.org": ["127.0.0.1"],
    "minio.internal": ["10.1.2.3"],
}


def resolve(host, port, **_):
    """As the system does, without asking anybody: it takes ``127.1`` and ``2130706433`` for addresses."""
    if host in NAMES:
        return [(0, 0, 0, "", (address, port)) for address in NAMES[host]]
    if ":" in host:
        return [(0, 0, 0, "", (host, port, 0, 0))]
    try:
        return [(0, 0, 0, "", (socket.inet_ntoa(socket.inet_aton(host)), port))]
    except OSError:
        raise socket.gaierror(host) from None


@pytest.fixture
def outgoing():
    return Outgoing(resolve=resolve)


@pytest.mark.parametrize(
    "address", ["https://public.example.org", "http://93.184.216.34:9000/x", "https://oauth2.googleapis.com/token"]
)
def test_a_public_address_passes(outgoing, address):
    outgoing.check(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1.2.3",
        "0.0.0.0",
        "[::1]",
        "[::]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:169.254.169.254]",
        "[2002:7f00:1::]",
        "[64:ff9b::a9fe:a9fe]",
        "224.0.0.1",
        "[ff02::1]",
        "2130706433",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "half.example.org",
        "rebound.example.org",
        "REBOUND.example.org.",
        "minio.internal",
    ],
)
def test_one_that_is_not_public_does_not(outgoing, host):
    with pytest.raises(PermissionDeniedError, match="own network"):
        outgoing.check(f"http://{host}:8080/latest")


@pytest.mark.parametrize(
    "address", ["http://", "http://[::1", "http://host:port", "https:///x", "http://nowhere.invalid"]
)
def test_one_that_cannot_be_read_or_found_does_not(outgoing, address):
    with pytest.raises(UrlError):
        outgoing.check(address)


def test_the_administrator_may_name_hosts_and_networks():
    outgoing = Outgoing(["10.1.0.0/16", "rebound.example.org", "::1/128"], resolve)
    for host in ("minio.internal", "10.1.9.9", "rebound.example.org", "[::1]"):
        outgoing.check(f"https://{host}/")
    for host in ("10.2.0.1", "127.0.0.1", "half.example.org"):
        with pytest.raises(PermissionDeniedError):
            outgoing.check(f"https://{host}/")


KEY_FILE = {"type": "service_account", "token_uri": "http://169.254.169.254/token", "private_key": "x"}
GIVEN = [
    {"endpoint_url": Secret("http://169.254.169.254")},
    {"sts_endpoint_url": "HTTP://169.254.169.254"},
    {"endpoint_url": "  http://169.254.169.254"},
    {"key": Secret(json.dumps(KEY_FILE))},
    {"key": KEY_FILE},
    KEY_FILE,
    {"connection_string": Secret("AccountName=a;AccountKey=k;BlobEndpoint=http://169.254.169.254/a")},
    {"connection_string": "DefaultEndpointsProtocol=http; DfsEndpoint = http://169.254.169.254"},
]


@pytest.mark.parametrize("fields", GIVEN, ids=str)
def test_an_address_anywhere_in_a_key_is_found(outgoing, fields):
    with pytest.raises(PermissionDeniedError) as refused:
        outgoing.guard(fields, [])
    assert "private_key" not in str(refused.value)


def test_the_suffix_of_an_azure_account_is_looked_at():
    text = "AccountName=rebound;EndpointSuffix=example.org"
    assert list(addresses(text)) == ["https://rebound.blob.example.org"]
    assert list(addresses({"a": ["https://x", {"b": "s3://bucket"}], "c": None, "d": 1})) == ["https://x"]


@pytest.mark.parametrize(
    ("method", "values"),
    [
        ("connect", {"url": "http://127.0.0.1/x"}),
        ("set_default_storage", {"url": "https://127.0.0.1/x"}),
        ("try_key", {"url": "http://127.0.0.1"}),
        ("lend", {"url": "http://127.0.0.1"}),
    ],
)
def test_an_http_place_is_checked_too(outgoing, method, values):
    with pytest.raises(PermissionDeniedError):
        check_given(outgoing, method, values)


def test_prefixes_of_a_key_are_checked(outgoing):
    outgoing.guard({}, ["https://public.example.org/a", "s3://127.0.0.1"])
    with pytest.raises(PermissionDeniedError):
        outgoing.guard({}, ["https://public.example.org/a", "https://127.0.0.1/a"])


def test_places_in_clouds_and_other_methods_are_not_asked_about(outgoing):
    check_given(outgoing, "connect", {"url": "s3://127.0.0.1/x"})
    check_given(outgoing, "set_default_storage", {"url": None})
    check_given(outgoing, "create_org", {"org": "http://127.0.0.1"})
