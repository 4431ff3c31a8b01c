"""The form without a page: what it asks, what it does, and that what is typed stays in no place but the session."""

from __future__ import annotations

import gc
import json
import logging
import traceback
from typing import get_args

import pytest

from deeplake_nb.diagnosis.report import Step
from deeplake_nb.errors import MissingCredentialsError
from deeplake_nb.widgets.key_panel import KeyPanel
from deeplake_nb.widgets.key_table import KeyTablePanel, keys
from deeplake_nb.widgets.providers import PROVIDERS
from tests.fakes import moto
from tests.fakes.cars import cars
from tests.widgets.form_page import Page

CANARY = "cAnArY/5ecret+KeYthatNobodyMaySee1234567"
SECONDS = 60


@pytest.fixture(scope="module")
def store():
    """Who may do everything in ``bucket``, and who may only read ``bucket/cars``; signatures count."""
    reads = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"], "Resource": "*"}
    with moto.closed("bucket", cars, owner=moto.EVERYTHING, reader=[reads]) as users:
        yield users


def test_every_provider_asks_for_what_it_needs_and_no_more(session, open_page):
    content = open_page(KeyPanel(session)).ask("open")["content"]
    assert [choice["label"] for choice in content["choices"]] == [provider.label for provider in PROVIDERS.values()]
    fields = {choice["name"]: [f["name"] for f in choice["fields"] if not f["more"]] for choice in content["choices"]}
    assert fields["aws-role"] == ["url", "role_arn", "aws_region", "keep", "name"]
    assert fields["azure-principal"] == ["url", "tenant_id", "client_id", "client_secret", "keep", "name"]
    assert fields["gcs-browser"] == ["url"]
    assert fields["http-token"] == ["url", "token", "keep", "name"]
    kinds = {f["name"]: f["kind"] for choice in content["choices"] for f in choice["fields"]}
    secret = {name for name, kind in kinds.items() if kind in ("secret", "file")}
    assert secret == {
        "aws_secret_access_key", "aws_session_token", "account_key", "sas_token", "client_secret", "key", "token",
    }  # fmt: skip


def test_a_place_leaves_only_its_own_clouds_choices(session, open_page):
    content = open_page(KeyPanel(session, "gcs://bucket/x")).ask("open")["content"]
    assert [choice["name"] for choice in content["choices"]] == ["gcs-account", "gcs-browser"]
    assert content["choices"][0]["fields"][0]["value"] == "gcs://bucket/x"


@pytest.mark.parametrize(
    ("choice", "name", "value", "says"),
    [
        ("s3-compatible", "url", "gcs://b", "expected s3://…"),
        ("s3-compatible", "url", "s3://", ""),
        ("s3-compatible", "endpoint_url", "nonsense", "expected http"),
        ("s3-compatible", "endpoint_url", "http://h:1", None),
        ("aws-role", "role_arn", "role", "expected arn:aws:iam::123456789012:role/name"),
        ("aws-role", "role_arn", "arn:aws:iam::123456789012:role/name", None),
        ("aws-role", "role_arn", "", "fill this in"),
        ("aws-keys", "expires_at", "tomorrow", "Invalid isoformat"),
        ("aws-keys", "keep", "nowhere", "choose one of those offered"),
    ],
)
def test_fields_are_checked_as_one_types_by_their_own_readers(  # noqa: PLR0917
    session, open_page, choice, name, value, says
):
    problem = open_page(KeyPanel(session)).ask("check", {name: value}, choice=choice, name=name)["problem"]
    assert (says in problem and problem) if says is not None else not problem


def test_a_secret_is_never_looked_at_early(session, open_page):
    reply = open_page(KeyPanel(session)).ask("check", {"token": CANARY}, choice="http-token", name="token")
    assert reply["error"] == {"code": "request", "message": "no such field"}


def test_what_is_missing_is_told_by_field_and_nothing_is_kept(session, open_page):
    page = open_page(KeyPanel(session))
    outcome = page.act("save", "aws-keys", {"url": "gs:/x", "keep": "session"})
    assert set(outcome["problems"]) == {"url", "aws_access_key_id", "aws_secret_access_key"}
    assert not outcome["done"]
    assert session.keyring.kept() == ()


def test_half_a_key_that_only_the_whole_can_tell(session, open_page):
    page = open_page(KeyPanel(session))
    outcome = page.act("save", "gcs-account", {"url": "gcs://b", "key": "no json", "keep": "session"})
    assert "key is no JSON object" in outcome["said"]
    assert not outcome["good"]


def typed(keys, **more):
    return {"url": "s3://bucket/cars", "keep": "session", **keys, **more}


def test_a_tested_key_need_not_be_typed_again_to_be_saved_and_is_used_by_the_next_load(session, open_page, store):
    with pytest.raises(MissingCredentialsError):
        session.load("s3://bucket/cars")
    page = open_page(KeyPanel(session, "s3://bucket/cars"))
    outcome = page.act("test", "s3-compatible", typed(store["owner"]))
    assert outcome["good"], outcome
    assert {line[1] for line in outcome["lines"] if line[0] == "ok"} == set(get_args(Step)) - {""}
    assert page.sent[-1]["kept"] == ["aws_secret_access_key"]
    rest = {name: value for name, value in typed(store["owner"]).items() if name != "aws_secret_access_key"}
    outcome = page.act("save", "s3-compatible", rest)
    assert outcome["done"]
    assert page.sent[-1]["kept"] == []
    assert page.form._kept == {}
    assert len(session.load("s3://bucket/cars")) == 3
    assert session.explain("s3://bucket/cars")["session key"].state == "in force"


def test_the_steps_say_what_a_reader_may_not_and_the_right_it_needs(session, open_page, store):
    outcome = open_page(KeyPanel(session)).act("test", "s3-compatible", typed(store["reader"]))
    lines = {line[1]: line for line in outcome["lines"]}
    assert outcome["said"] == "This fails at: write. What works: list, read."
    assert lines["list"][0] == lines["read"][0] == "ok"
    assert lines["write"][0] == "failed"
    assert "s3:PutObject on the bucket's objects" in lines["write"][3]


def test_a_wrong_secret_says_so_and_is_shown_nowhere(session, open_page, store, caplog):
    caplog.set_level(logging.DEBUG)
    page = open_page(KeyPanel(session))
    for action in ("save", "save"):
        outcome = page.act(action, "s3-compatible", typed({**store["owner"], "aws_secret_access_key": CANARY}))
        if session.keyring.kept() == ():
            assert outcome["said"].startswith("Nothing was kept. This fails at: signed. Save once more")
    assert "signature" in json.dumps(page.sent[0]).lower()
    assert outcome["done"], "a key that fails is kept if one wants it so"
    failed = session.doctor("s3://bucket/cars")
    assert CANARY not in json.dumps(page.sent + page.told) + caplog.text + repr(failed) + repr(page.form.get_state())
    assert CANARY[:12] not in repr(vars(page.form)) + repr(session.keyring._kept)


def test_what_was_not_tested_is_tested_before_it_is_kept(session, open_page, store):
    page = open_page(KeyPanel(session))
    outcome = page.act("save", "s3-compatible", typed({**store["owner"], "aws_secret_access_key": CANARY}))
    assert (outcome["good"], outcome["done"], session.keyring.kept()) == (False, False, ())
    assert [line[1] for line in outcome["lines"] if line[0] == "failed"] == ["signed"]
    outcome = page.act("save", "s3-compatible", typed({**store["owner"], "aws_secret_access_key": f"{CANARY}2"}))
    assert not outcome["done"], "another key is another matter"
    outcome = page.act("save", "s3-compatible", typed(store["reader"]))
    assert outcome["done"], "a key for reading is a key"
    assert [line[1] for line in outcome["lines"] if line[0] == "failed"] == ["write"]
    assert len(session.load("s3://bucket/cars")) == 3


def test_a_key_for_an_organisation_is_managed_from_then_on(session, open_page, store):
    session.hub().create_org("team")
    page = open_page(KeyPanel(session))
    fields = next(c for c in page.ask("open")["content"]["choices"] if c["name"] == "s3-compatible")["fields"]
    options = next(f["options"] for f in fields if f["name"] == "keep")
    assert [value for value, _ in options] == ["session", "me", "team"]
    assert page.act("save", "s3-compatible", typed(store["owner"], keep="team"))["problems"] == {"name": "fill this in"}
    outcome = page.act("save", "s3-compatible", typed(store["owner"], keep="team", name="cars_key"))
    assert outcome["done"], outcome
    (key,) = session.hub().keys("team")
    assert (key.name, key.kind, key.prefixes) == ("cars_key", "aws-keys", ("s3://bucket/cars",))
    assert len(session.load("s3://bucket/cars")) == 3
    refused = open_page(KeyPanel(session)).act("save", "s3-compatible", typed(store["owner"], keep="others", name="x"))
    assert refused["problems"] == {"keep": "choose one of those offered"}


def test_the_manager_tests_rotates_renames_and_deletes(session, open_page, store):
    session.hub().add_key("me", "k", "aws-keys", store["reader"], prefixes=["s3://bucket/cars"])
    session.keep_creds("s3://other", store["owner"])
    page = open_page(KeyTablePanel(session))
    shown = page.ask("open")["content"]["table"]["rows"]
    rows = {name: cells for name, cells, _ in shown}
    assert {name: [one["name"] for one in actions] for name, _, actions in shown} == {
        "s3://other": ["test", "rotate", "delete"],  # it has no name
        "me/k": ["test", "rotate", "rename", "delete"],
    }
    assert list(rows) == ["s3://other", "me/k"]
    assert store["reader"]["aws_secret_access_key"][-4:] in rows["me/k"][2]
    assert store["reader"]["aws_secret_access_key"] not in json.dumps(rows)
    outcome = page.act("test", "me/k")
    assert outcome["said"] == "me/k: This fails at: write. What works: list, read."
    steps = {name: (state, advice) for state, name, _, advice in outcome["lines"]}
    assert tuple(steps) == tuple(get_args(Step))[1:]
    assert steps["write"][0] == "failed"
    assert "s3:PutObject" in steps["write"][1]
    assert store["reader"]["aws_secret_access_key"] not in json.dumps(page.sent + page.told)
    page.act("rotate", "me/k")
    content = page.sent[-1]["content"]
    assert (content["title"], content["back"]) == ("Rotate k of me", True)
    fresh = {name: store["owner"][name] for name in ("aws_access_key_id", "aws_secret_access_key", "endpoint_url")}
    assert "has new secrets" in page.act("rotate", "aws-keys", fresh)["said"]
    assert page.act("test", "me/k")["good"]
    page.act("rename", "me/k")
    assert page.act("go", "only", {"name": "cars"})["good"]
    assert [row.id for row in keys(session)] == ["s3://other", "me/cars"]
    assert "no other name" in page.act("rename", "s3://other")["said"]
    page.act("delete", "s3://other")
    page.act("delete", "me/cars")
    assert page.sent[-1]["content"]["table"]["rows"] == []
    assert len(keys(session)) == 0


def test_a_key_in_use_is_not_deleted_from_under_its_datasets(session, open_page, store):
    session.hub().add_key("me", "k", "aws-keys", store["owner"], prefixes=["s3://bucket/cars"])
    session.connect("s3://bucket/cars", "k", "hub://me/cars")
    page = open_page(KeyTablePanel(session))
    outcome = page.act("delete", "me/k")
    assert not outcome["good"]
    assert "used by hub://me/cars" in outcome["said"]
    assert [row.id for row in keys(session)] == ["me/k"]


def test_back_forgets_what_was_typed(session, open_page):
    page = open_page(KeyTablePanel(session))
    page.act("add", "")
    page.act("test", "http-token", {"token": CANARY, "url": "http://127.0.0.1:9/x", "keep": "session"})
    assert page.sent[-1]["kept"] == ["token"]
    page.act("back", "http-token")
    assert page.sent[-1]["content"]["title"] == "Keys"
    assert page.form._kept == {}


def test_another_choice_forgets_what_was_typed_for_the_first(session, open_page, store):
    page = open_page(KeyPanel(session))
    page.act("save", "http-token", {"token": CANARY})
    assert page.sent[-1]["kept"] == ["token"]
    page.act("save", "aws-keys", {})
    assert page.sent[-1]["kept"] == []


def test_a_form_that_has_served_takes_nothing_more(session, open_page, store):
    page = open_page(KeyPanel(session))
    page.act("save", "s3-compatible", typed(store["owner"]))
    reply = page.ask("act", typed(store["owner"]), action="save", choice="s3-compatible")
    assert reply["error"]["message"] == "this form has served: ask for a new one"
    assert page.ask("open")["content"]["choices"] == []


@pytest.mark.parametrize("raw", [b"", b"[1]", b"\xff\xfe", b'{"a":', b'{"token": 5}'])
def test_what_is_no_fields_is_refused(session, open_page, raw):
    page = open_page(KeyPanel(session))
    page._arrived.clear()
    message = {"v": 1, "id": 9, "kind": "act", "action": "save", "choice": "http-token"}
    page.form._handle_custom_msg(message, [memoryview(raw)])
    assert page._arrived.wait(SECONDS)
    reply = page.sent[-1]
    wrong = reply.get("error", {}).get("message") or reply["outcome"]["said"]
    assert wrong in ("what was typed came as something else than fields", "Some fields need another look.")


def test_a_secret_in_the_content_of_a_message_is_not_read(session, open_page):
    reply = open_page(KeyPanel(session)).ask("act", None, action="save", choice="http-token", typed={"token": CANARY})
    assert reply["kept"] == []
    assert "token" in reply["outcome"]["problems"]


def test_the_widget_has_no_state_of_its_own(session, open_page):
    state = open_page(KeyPanel(session)).form.get_state()
    ours = {name for name in state if not name.startswith("_")} - {"layout", "tabbable", "tooltip"}
    assert ours == set()


def test_nothing_that_was_typed_is_left_when_the_form_is_closed(session):
    page = Page(KeyPanel(session))
    page.act("save", "http-token", {"token": CANARY})
    page.close()
    assert page.form._kept == {}
    gc.collect()
    assert CANARY not in "".join(traceback.format_stack())
