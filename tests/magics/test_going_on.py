"""A load that is refused: in a terminal it asks and goes on; where that is not wished or nobody is there it fails."""

from __future__ import annotations

import re

import pytest

import deeplake_nb
from deeplake_nb.errors import LakeError, MissingCredentialsError
from deeplake_nb.widgets import asking, prompts
from deeplake_nb.widgets.prompts import Prompts
from tests.fakes import moto
from tests.fakes.cars import cars


@pytest.fixture(scope="module")
def store():
    with moto.closed("bucket", cars, owner=moto.EVERYTHING) as users:
        yield users["owner"]


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Answers to come, in order, as of somebody at a terminal; and what was shown."""
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(asking, "where", lambda: "terminal")
    answers, shown = [], []

    def answer(question):
        shown.append(question)
        if not answers:
            raise EOFError
        return answers.pop(0)

    monkeypatch.setattr(prompts, "Prompts", lambda: Prompts(shown.append, answer, answer))
    yield answers, shown
    for url in deeplake_nb.load.__self__.keyring.kept():
        deeplake_nb.forget_creds(url)


def answers_of(store, secret):
    return ["3", "", store["endpoint_url"], store["aws_access_key_id"], secret, "", "1", "y"]


def test_a_refused_load_asks_says_what_was_tried_and_goes_on(shell, store, asked):
    answers, shown = asked
    answers += answers_of(store, store["aws_secret_access_key"])
    value = shell.value("%lake load s3://bucket/cars as cars")
    assert value is shell.user_ns["cars"]
    assert len(value) == 3
    assert any(re.search(r"What was tried:\n +none +argument.*\n +none +session key", line) for line in shown)
    assert store["aws_secret_access_key"] not in "".join(shown)
    assert len(shell.value("%lake load s3://bucket/cars")) == 3, "it is asked for once"


def test_wrong_answers_bind_nothing(shell, store, asked):
    answers, _ = asked
    answers += [*answers_of(store, "wrong" * 8), "y"]
    with pytest.raises(LakeError, match=r"SignatureDoesNotMatch|does not belong"):
        shell.value("%lake load s3://bucket/cars as cars")
    assert "cars" not in shell.user_ns


def test_a_setting_switches_the_asking_off(shell, asked):
    shell.value("%config Lake.ask = False")
    with pytest.raises(MissingCredentialsError, match="tried argument"):
        shell.value("%lake load s3://bucket/cars as cars")
    assert asked[1] == []


def test_what_is_no_matter_of_credentials_is_not_asked(shell, asked, tmp_path):
    with pytest.raises(LakeError, match="no dataset at"):
        shell.value(f"%lake load {tmp_path}/none as cars")
    assert asked[1] == []


def test_nobody_there_is_the_error_as_it_was(shell, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(MissingCredentialsError, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        shell.value("%lake load s3://bucket/cars as cars")
