"""The unmodified original, pointed at our server: everything it asks of a hub, on S3."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import urllib3
from PIL import Image

from tests.fakes import moto
from tests.fakes.hub import hub_server
from tests.interop.original import Original, OriginalError

PEER = Path(__file__).with_name("hub_peer.py")
ROLE = "arn:aws:iam::123456789012:role/hub"


@pytest.fixture(scope="module")
def s3():
    with moto.moto_server() as endpoint:
        client = moto.client(endpoint)
        for bucket in ("team", "owned"):
            client.create_bucket(Bucket=bucket)
        yield endpoint


@pytest.fixture(scope="module")
def owned(s3):
    """Credentials of the owner of a bucket, as they are given to ``creds=``."""
    return {"aws_access_key_id": "AKIAOPENMODE", "aws_secret_access_key": "any", "endpoint_url": s3}


@pytest.fixture(scope="module")
def hub(s3, owned):
    """A hub with an organisation whose datasets lie in a bucket, opened by keys that STS lends."""
    with hub_server() as server:
        root = server.client()
        root.create_org("acme")
        fields = owned | {"role_arn": ROLE, "sts_endpoint_url": s3, "aws_region": "us-east-1"}
        root.add_key("acme", "bucket", "aws-keys", fields, prefixes=["s3://team", "s3://owned"])
        root.set_default_storage("acme", "s3://team/hub", "bucket")
        yield server


@pytest.fixture(scope="module")
def tokens(hub):
    """The original's tokens, by name."""
    root, made = hub.client(), {}
    for name, role in (("ann", "admin"), ("bob", "writer"), ("cat", "reader"), ("dan", None)):
        user = hub.user(name)
        if role:
            root.set_member("acme", name, role)
        made[name] = user.create_token("original", as_jwt=True)[0]
    return made


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    running = Original(tmp_path_factory.mktemp("original"), PEER)
    yield running
    running.close()


@pytest.fixture
def do(original, tmp_path, hub, tokens):
    """Calls the original as ``bob``, or as who is named by ``who``."""

    def do(call, *, who="bob", **arguments):
        if who != do.who:
            original.do("sign_in", tmp_path, url=hub.url, token=tokens.get(who, who))
            do.who = who
        return original.do(call, tmp_path, **arguments)

    do.who = None
    return do


@pytest.fixture
def name(request):
    """A dataset's name of the test's own."""
    return "ds-" + request.node.name.removeprefix("test_").replace("_", "-")[:40]


def test_it_logs_in(original, tmp_path, hub, tokens):
    assert original.do("sign_in", tmp_path, url=hub.url, token=tokens["bob"]) == ["bob", ["acme"]]
    assert original.do("sign_in", tmp_path, url=hub.url, token=tokens["dan"]) == ["dan", []]
    assert original.do("sign_in", tmp_path, url=hub.url, token="") == ["public", ["public"]]


def test_it_creates_writes_reads_and_deletes(do, name, hub):
    path = f"hub://acme/{name}"
    assert do("exists", path=path) is False
    assert do("write", path=path, rows=3) == f"s3://team/hub/{name}/"
    assert do("exists", path=path) is True
    assert do("add", path=path, rows=2) == 5
    assert do("read", path=path)[:2] == [[0, 1, 2, 0, 1], False]
    assert do("read", path=path, who="cat")[:2] == [[0, 1, 2, 0, 1], True]
    assert hub.client().dataset("acme", name).created_by == "bob"
    assert do("overwrite", path=path) == ["y"]
    do("delete", path=path)
    assert do("exists", path=path) is False
    assert name not in [entry.name for entry in hub.client().datasets("acme").entries]


def test_who_may_not_is_told_so(do, name):
    path = f"hub://acme/{name}"
    do("write", path=path, rows=3)
    assert do("exists", path=path, who="dan") is False
    for call, who, options in (
        ("read", "dan", {}),
        ("write", "cat", {"rows": 1}),
        ("add", "cat", {"rows": 1}),
        ("delete", "cat", {}),
    ):
        with pytest.raises(OriginalError) as refused:
            do(call, who=who, path=path, **options)
        assert refused.value.kind in {"TokenPermissionError", "ReadOnlyModeError"}, (call, who)
    assert do("read", path=path)[0] == [0, 1, 2]


def test_a_token_that_is_refused(original, tmp_path, hub):
    with pytest.raises(OriginalError) as refused:
        original.do("sign_in", tmp_path, url=hub.url, token="eyJhbGciOiJIUzI1NiJ9.eyJpZCI6ImV2ZSJ9.AAAA")
    assert refused.value.kind == "AuthenticationException"


def test_it_makes_public_and_private(do, name):
    path = f"hub://acme/{name}"
    do("write", path=path, rows=3)
    do("publish", path=path)
    assert do("read", path=path, who="dan")[:2] == [[0, 1, 2], True]
    do("hide", path=path)
    assert do("exists", path=path, who="dan") is False


def test_it_renames_and_writes_on_under_the_old_name(do, name):
    path = f"hub://acme/{name}"
    do("write", path=path, rows=3)
    assert do("rename", path=path, name=f"{name}-2") == f"{path}-2"
    assert do("read", path=f"{path}-2")[0] == [0, 1, 2, 99]
    assert do("read", path=path)[0] == [0, 1, 2, 99]


@pytest.mark.parametrize("form", ["org_id", "dest_path"])
def test_it_connects(do, name, hub, owned, form):
    place = f"s3://owned/{name.replace('[', '-').replace(']', '')}"
    named = place.rpartition("/")[2]
    do("write", path=place, rows=4, creds=owned)
    there = {"org_id": "acme"} if form == "org_id" else {"dest_path": f"hub://acme/{named}"}
    path, values = do("connect", path=place, creds=owned, creds_key="bucket", **there)
    assert (path, values) == (f"hub://acme/{named}", [0, 1, 2, 3])
    entry = hub.client().dataset("acme", named)
    assert (entry.url, entry.creds_key, entry.is_connected) == (place, "bucket", True)
    assert do("read", path=path, who="cat")[0] == [0, 1, 2, 3]  # who has no key of the cloud


def test_it_connects_by_path(do, name, owned):
    do("write", path=f"s3://owned/{name}", rows=4, creds=owned)
    assert do("connect_by_path", src=f"s3://owned/{name}", org_id="acme", creds_key="bucket", ds_name=f"{name}-b") == [
        f"hub://acme/{name}-b",
        [0, 1, 2, 3],
    ]


def test_connecting_what_cannot_be(do, name, owned):
    place = f"s3://owned/{name}"
    do("write", path=place, rows=1, creds=owned)
    for options, kind in (
        ({"org_id": "acme", "creds_key": "nokey"}, "ManagedCredentialsNotFoundError"),
        ({"org_id": "elsewhere", "creds_key": "bucket"}, "TokenPermissionError"),
    ):
        with pytest.raises(OriginalError) as refused:
            do("connect", path=place, creds=owned, **options)
        assert refused.value.kind in {kind, "ResourceNotFoundException"}, refused.value


def test_a_managed_key_opens_a_place_without_a_name(do, name, owned):
    do("write", path=f"s3://owned/{name}", rows=4, creds=owned)
    assert do("managed", path=f"s3://owned/{name}", org="acme", key="bucket") == [0, 1, 2, 3]


def pictures(s3, folder):
    """Two pictures in the owner's bucket; their urls, shapes and means."""
    urls, seen = [], []
    for number in range(2):
        data = io.BytesIO()
        Image.fromarray(np.full((4 + number, 6, 3), 50 * (number + 1), np.uint8)).save(data, "jpeg")
        moto.client(s3).put_object(Bucket="owned", Key=f"{folder}/{number}.jpeg", Body=data.getvalue())
        urls.append(f"s3://owned/{folder}/{number}.jpeg")
        seen.append([[4 + number, 6, 3], 50.0 * (number + 1)])
    return urls, seen


def test_it_links_with_a_managed_key(do, name, s3):
    path = f"hub://acme/{name}"
    urls, seen = pictures(s3, name)
    do("write", path=path, rows=0)
    do("link", path=path, key="bucket", urls=urls)
    assert do("managed_keys", path=path) == ["bucket"]
    assert do("linked", path=path, who="cat") == seen


def test_a_managed_key_that_is_gone_leaves_the_rest(do, name, s3, hub, owned):
    path = f"hub://acme/{name}"
    hub.client().add_key("acme", "leaves", "aws-keys", owned, prefixes=["s3://owned"], lends_itself=True)
    urls, seen = pictures(s3, name)
    do("write", path=path, rows=2)
    do("link", path=path, key="leaves", urls=urls)
    assert do("linked", path=path) == seen
    hub.client().rename_key("acme", "leaves", "left")
    assert do("linked", path=path) == seen  # by the name that the dataset knows
    hub.client().delete_key("acme", "left", force=True)
    assert do("read", path=path)[0] == [0, 1]
    with pytest.raises(OriginalError) as failed:
        do("linked", path=path)
    assert failed.value.kind != "DatasetCorruptError"


def test_credentials_are_renewed(do, name):
    path = f"hub://acme/{name}"
    do("write", path=path, rows=3)
    assert do("refreshed", path=path) == [True, [True], True]


def test_it_saves_and_loads_views(do, name):
    path = f"hub://acme/{name}"
    do("write", path=path, rows=5)
    assert do("view", path=path) == [1, 2]


def test_it_branches_and_copies(do, name):
    path = f"hub://acme/{name}"
    do("write", path=path, rows=3)
    assert do("branches", path=path) == ["side", 4]
    assert do("copied", path=path, target=f"{path}-copy") == [0, 1, 2]


def test_the_default_storage_is_where_new_datasets_go(do, name, hub):
    do("write", path=f"hub://acme/{name}-before", rows=1)
    hub.client().set_default_storage("acme", "s3://owned/moved", "bucket")
    try:
        assert do("write", path=f"hub://acme/{name}", rows=3) == f"s3://owned/moved/{name}/"
    finally:
        hub.client().set_default_storage("acme", "s3://team/hub", "bucket")
    assert do("read", path=f"hub://acme/{name}")[0] == [0, 1, 2]
    assert do("read", path=f"hub://acme/{name}-before")[2] == f"s3://team/hub/{name}-before/"


def test_a_vector_store(do, name):
    texts = ["banana", "fig", "avocado pear"]
    assert do("vectors", path=f"hub://acme/{name}", texts=texts) == [3, ["banana"]]


def test_a_url_for_one_object(do, name):
    path = f"hub://acme/{name}"
    do("write", path=path, rows=3)
    url = do("presigned", path=path, chunk="dataset_meta.json")
    answer = urllib3.request("GET", url)
    assert answer.status == 200
    assert b"tensors" in answer.data


def test_a_local_folder_stays_the_callers_own(do, tmp_path, hub):
    do("write", path=str(tmp_path / "ds"), rows=3)
    assert do("local_entry", path=str(tmp_path / "ds"), org="acme") == [0, 1, 2]
    assert not any("local-managed" in entry.name for entry in hub.client().datasets("acme").entries)


def test_nothing_secret_is_in_the_servers_log(hub, tokens):
    text = hub.log.read_text()
    assert "/api/user/profile" in text
    for secret in (*tokens.values(), hub.token.reveal(), "Signature"):
        assert secret not in text
    assert "?" not in text.replace("DeprecationWarning", "")
