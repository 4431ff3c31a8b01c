"""The same forms in a terminal, and where nobody can be asked."""

from __future__ import annotations

import pytest

from deeplake_nb.errors import CredentialsError, MissingCredentialsError
from deeplake_nb.session import Session
from deeplake_nb.widgets import asking, keys
from deeplake_nb.widgets.key_panel import KeyPanel
from deeplake_nb.widgets.prompts import Prompts

CANARY = "cAnArY-thatNobodyMaySee-1234567890"


@pytest.fixture
def session(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path / "data"))
    return Session()


class Terminal:
    """Somebody who answers in order; what was asked and shown is kept."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.said = []
        self.prompts = Prompts(self.said.append, self.ask, self.ask_secretly)
        self.secretly = []

    def ask(self, question):
        self.said.append(question)
        if not self.answers:
            raise EOFError
        return self.answers.pop(0)

    def ask_secretly(self, question):
        self.secretly.append(question)
        return self.ask(question)


def test_a_token_is_asked_for_without_an_echo_and_kept(session):
    terminal = Terminal("9", "https://files.example/data", CANARY, "1", "n")
    said = terminal.prompts.fill_in(KeyPanel(session))
    assert said == "Kept for https://files.example/data in this session."
    assert terminal.secretly == ["Bearer token: "]
    assert [str(url) for url in session.keyring.kept()] == ["https://files.example/data"]
    assert CANARY not in "".join(terminal.said)


def test_a_mistake_is_asked_again_and_usual_answers_are_offered(session):
    terminal = Terminal("nonsense", "", "gcs://b", "", "AKIA", CANARY, "", "", "", "n")
    said = terminal.prompts.fill_in(KeyPanel(session, "s3://bucket/x"))
    assert "a number from 1 to 3, please" in terminal.said
    assert "Place: expected s3://…" in terminal.said
    assert said == "Kept for s3://bucket/x in this session."


def test_a_failed_test_keeps_nothing_unless_one_insists(session):
    token = ("9", "http://127.0.0.1:9/x", CANARY, "1", "y")
    with pytest.raises(CredentialsError, match="nothing was kept"):
        Terminal(*token, "").prompts.fill_in(KeyPanel(session))
    assert session.keyring.kept() == ()
    insistent = Terminal(*token, "y")
    insistent.prompts.fill_in(KeyPanel(session))
    assert len(session.keyring.kept()) == 1
    assert any("failed" in line for line in insistent.said)


def test_a_terminal_that_is_closed_ends_it(session):
    with pytest.raises(CredentialsError, match="not answered to the end, and nothing was kept"):
        Terminal("9", "https://files.example/data").prompts.fill_in(KeyPanel(session))
    assert session.keyring.kept() == ()


def test_a_key_is_read_from_its_file(session, tmp_path):
    (tmp_path / "key.json").write_text("{}")
    with pytest.raises(CredentialsError, match="key has no 'type'"):
        Terminal("7", "gcs://b", str(tmp_path / "key.json"), "1", "n").prompts.fill_in(KeyPanel(session))
    with pytest.raises(CredentialsError, match=r"nope\.json cannot be read: No such file"):
        Terminal("7", "gcs://b", str(tmp_path / "nope.json")).prompts.fill_in(KeyPanel(session))


def test_nobody_here_is_an_error_at_once_that_says_what_to_set(session, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    assert asking.where() == "nowhere"
    for url, says in (
        ("s3://b", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or pass creds="),
        ("azure://a/c", "set AZURE_STORAGE_KEY"),
        ("gcs://b", "GOOGLE_APPLICATION_CREDENTIALS"),
        ("https://h/x", r"pass creds=\{'token': …\}"),
        ("", r"for s3:// AWS_ACCESS_KEY_ID.*for azure:// AZURE_STORAGE_KEY"),
    ):
        with pytest.raises(CredentialsError, match=says):
            keys.add(session, url)
    with pytest.raises(CredentialsError, match="needs no credentials"):
        keys.add(session, "./folder")
    session.hub().add_key("me", "k", "http-token", {"token": "x" * 20}, prefixes=["https://h"])
    with pytest.raises(CredentialsError, match=r"use deeplake_nb\.hub\(\)"):
        keys.change(session, "rotate", "k")
    with pytest.raises(CredentialsError, match=r"there is no key 'q': me/k"):
        keys.change(session, "test", "q")


def test_a_refused_load_says_what_was_tried_where_nobody_can_be_asked(session, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(MissingCredentialsError, match="tried argument"):
        session.load("s3://bucket/x")
