"""A managed key is tried out by the server that keeps it, and what comes back has no secret in it."""

from __future__ import annotations

import urllib.request
from typing import get_args

import pytest

from deeplake_nb.diagnosis.report import Step
from deeplake_nb.session import Session
from deeplake_nb.widgets.key_table import KeyTablePanel
from tests.fakes import moto
from tests.fakes.hub import hub_server

ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"]


@pytest.fixture(scope="module")
def store():
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        may = {"reader": [ACTIONS[0], ACTIONS[3]], "owner": ACTIONS}
        allowed = {name: [{"Effect": "Allow", "Action": actions, "Resource": "*"}] for name, actions in may.items()}
        users = {name: moto.user(endpoint, name, said) | {"endpoint_url": endpoint} for name, said in allowed.items()}
        moto.close_doors(endpoint)
        yield users


def asked(server, path):
    """What the server answers, byte for byte."""
    headers = {"Authorization": f"Bearer {server.token.reveal()}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{server.url}/api/v1{path}", b"{}", headers, method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def test_the_ten_steps_come_from_the_server_and_no_secret_comes_with_them(store, tmp_path):
    with hub_server() as server:
        root = server.client()
        root.create_org("acme")
        for name, key in store.items():
            root.add_key("acme", name, "aws-keys", key, prefixes=["s3://bucket/tried"])
        good, bad = (root.try_key("acme", name) for name in ("owner", "reader"))
        assert [step.name for step in good.steps] == list(get_args(Step))[1:]
        assert (good.is_good, good.said) == (True, "This works: list, read, write.")
        assert bad.said == "This fails at: write. What works: list, read."
        assert {step.name: step for step in bad.steps}["write"].advice.startswith("ask its owner for s3:PutObject")
        assert {key.name: key.trial for key in root.keys("acme")} == {"owner": good, "reader": bad}
        raw = asked(server, "/orgs/acme/keys/owner/trial")
        assert b"kept by the hub as 'owner'" in raw
        outcome = KeyTablePanel(Session(hub=root)).act("test", "acme/reader", {})
        assert (outcome.said, outcome.lines) == (f"acme/reader: {bad.said}", root.keys("acme")[1].trial.steps)
        writer = server.user("wil")
        root.set_member("acme", "wil", "writer")
        offered = {
            role: [[one.name for one in row.actions] for row in KeyTablePanel(Session(hub=client)).content().table.rows]
            for role, client in {"admin": root, "writer": writer}.items()
        }
        assert offered == {"admin": [["test", "rotate", "rename", "delete"]] * 2, "writer": [[], []]}, "what works"
        said = raw + server.log.read_bytes() + repr((good, bad, root.keys("acme"), outcome)).encode()
        for key in store.values():
            assert key["aws_secret_access_key"].encode() not in said
