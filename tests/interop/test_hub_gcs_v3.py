"""The unmodified original on our hub, with datasets on Google Cloud Storage.

It asks for the bucket itself before it asks for any object, which a token that is narrowed to a folder may not: the
key lends itself here, as its administrator decides.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.fakes import gcs, oauth
from tests.fakes.hub import hub_server
from tests.interop.original import Original, OriginalError

GOOGLE = ("google-cloud-storage~=2.4.0", "google-auth~=2.0.1", "google-auth-oauthlib~=0.4.5")  # as the original asks
PEER = Path(__file__).with_name("hub_peer.py")


@pytest.fixture(scope="module")
def google():
    """A storage, and who gives tokens out for it."""
    with gcs.emulator() as storage, oauth.google(storage) as service:
        storage.buckets["team"] = gcs.Bucket()
        yield storage, service


@pytest.fixture(scope="module")
def hub(google):
    storage, service = google
    fields = {"key": service.service_account(), "endpoint_url": storage.endpoint}
    with hub_server() as server:
        root = server.client()
        root.create_org("acme")
        root.add_key("acme", "bucket", "gcs-account", fields, prefixes=["gcs://team"], lends_itself=True)
        fields |= {"sts_endpoint_url": service.endpoint}
        root.add_key("acme", "narrow", "gcs-account", fields, prefixes=["gcs://team"])
        root.set_default_storage("acme", "gcs://team/hub", "bucket")
        yield server


@pytest.fixture(scope="module")
def original(tmp_path_factory, google):
    running = Original(tmp_path_factory.mktemp("original"), PEER, GOOGLE, STORAGE_EMULATOR_HOST=google[0].endpoint)
    yield running
    running.close()


@pytest.fixture(scope="module")
def do(original, tmp_path_factory, hub):
    folder = tmp_path_factory.mktemp("work")
    token = hub.client().create_token("original", as_jwt=True)[0]
    original.do("sign_in", folder, url=hub.url, token=token)

    def do(call, **arguments):
        return original.do(call, folder, **arguments)

    return do


def test_it_creates_writes_reads_and_deletes(do):
    path = "hub://acme/cars"
    assert do("exists", path=path) is False
    assert do("write", path=path, rows=3).startswith("gcs://team/hub/cars")
    assert do("add", path=path, rows=2) == 5
    assert do("read", path=path)[:2] == [[0, 1, 2, 0, 1], False]
    do("delete", path=path)
    assert do("exists", path=path) is False


def test_it_links_with_a_managed_key(do, google):
    storage, _ = google
    data = io.BytesIO()
    Image.fromarray(np.full((4, 6, 3), 50, np.uint8)).save(data, "jpeg")
    storage.write("team", "raw/0.jpeg", data.getvalue())
    do("write", path="hub://acme/linked", rows=0)
    do("link", path="hub://acme/linked", key="bucket", urls=["gcs://team/raw/0.jpeg"])
    assert do("linked", path="hub://acme/linked") == [[[4, 6, 3], 50.0]]


def test_a_narrowed_token_is_not_enough_for_it_and_no_more_is_given(do, hub):
    hub.client().connect("gcs://team/hub/narrow", "acme", "narrow", "narrow")
    with pytest.raises(OriginalError) as refused:
        do("read", path="hub://acme/narrow")
    assert refused.value.kind == "Forbidden"
