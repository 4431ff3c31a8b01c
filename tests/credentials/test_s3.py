"""S3's chain, and what the AWS SDK finds in files, roles and programs."""

from __future__ import annotations

import json
import os
import sys
import textwrap
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deeplake_nb.credentials.chain import credentials_from
from deeplake_nb.credentials.provider import without_frames
from deeplake_nb.credentials.s3 import S3Credentials, aws_sdk, sdk_profile
from deeplake_nb.errors import (
    CredentialsError,
    ExpiredCredentialsError,
    MissingCredentialsError,
    MissingDependencyError,
    PartialCredentialsError,
)
from deeplake_nb.urls import parse

CANARY = "c4naryC4NARY"
KEYS = {"aws_access_key_id": "AKIA", "aws_secret_access_key": CANARY}


def found(creds=None, environ=None):
    """What the chain answers; the SDK reads this process's environment."""
    return credentials_from(parse("s3://bucket/x"), creds, environ=os.environ if environ is None else environ)()


def configure(credentials="", config=""):
    folder = Path(os.environ["HOME"], ".aws")
    folder.mkdir(exist_ok=True)
    (folder / "credentials").write_text(textwrap.dedent(credentials))
    (folder / "config").write_text(textwrap.dedent(config))


def test_argument_then_environment_then_profile(monkeypatch):
    configure(f"[default]\naws_access_key_id = FILE\naws_secret_access_key = {CANARY}\n")
    assert found().aws_access_key_id == "FILE"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    assert found().aws_access_key_id == "ENV"
    assert found(KEYS).aws_access_key_id == "AKIA"
    assert found(KEYS).source == "argument"


def test_half_a_set_stops_the_chain(monkeypatch):
    configure(f"[default]\naws_access_key_id = FILE\naws_secret_access_key = {CANARY}\n")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENV")
    with pytest.raises(PartialCredentialsError, match="the environment has aws_access_key_id but not"):
        found()
    with pytest.raises(PartialCredentialsError, match="argument has aws_access_key_id but not"):
        found({"aws_access_key_id": "AKIA"})


def test_the_environment_is_an_argument():
    answer = found(environ={"AWS_ACCESS_KEY_ID": "MINE", "AWS_SECRET_ACCESS_KEY": CANARY, "AWS_REGION": "eu-west-1"})
    assert (answer.aws_access_key_id, answer.aws_region) == ("MINE", "eu-west-1")


def test_region_and_endpoint_hold_for_keys_found_elsewhere():
    environ = {"AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": CANARY, "AWS_REGION": "eu-west-1"}
    answer = found({"endpoint_url": "http://localhost:9000"}, environ)
    assert (answer.aws_access_key_id, answer.endpoint_url) == ("ENV", "http://localhost:9000")
    assert answer.aws_region == "eu-west-1"
    assert found({"aws_region": "us-west-2"}, environ).aws_region == "us-west-2"
    configure(f"[default]\naws_access_key_id = FILE\naws_secret_access_key = {CANARY}\n")
    answer = found({"endpoint_url": "http://localhost:9000"})
    assert (answer.aws_access_key_id, answer.endpoint_url) == ("FILE", "http://localhost:9000")


def test_a_profile_that_is_named_stands_alone(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    configure(
        f"[work]\naws_access_key_id = WORK\naws_secret_access_key = {CANARY}\naws_session_token = {CANARY}t\n",
        "[profile empty]\nregion = eu-west-1\n",
    )
    answer = found({"profile_name": "work"})
    assert (answer.aws_access_key_id, answer.profile_name) == ("WORK", "work")
    assert answer.aws_session_token.reveal() == f"{CANARY}t"
    with pytest.raises(MissingCredentialsError, match=r"tried profile 'empty' \(absent or without keys\)"):
        found({"profile_name": "empty"})
    with pytest.raises(MissingCredentialsError) as caught:
        found({"profile_name": "wrk"})
    assert str(caught.value) == (
        "no profile 'wrk' (did you mean 'work'?) in the files of `aws configure`; known: empty, work"
    )
    with pytest.raises(CredentialsError, match="creds has both keys and profile_name: give one of the two"):
        found({"profile_name": "work", **KEYS})


def test_anonymous_only_when_asked_for(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    for creds in ("anonymous", {"anonymous": "yes"}):
        nobody = found(creds)
        assert (nobody.anonymous, nobody.aws_access_key_id, nobody.source) == (True, "", "anonymous")
        assert nobody.aws_region == "eu-west-1"
    assert found({"anonymous": "true", "endpoint_url": "http://localhost:9000"}).endpoint_url == "http://localhost:9000"
    assert found({"anonymous": ""}).aws_access_key_id == "ENV"
    with pytest.raises(CredentialsError, match="expected 'yes', or leave it out"):
        found({"anonymous": "no"})
    for more in (KEYS, {"profile_name": "work"}):
        with pytest.raises(CredentialsError, match="creds is anonymous and has keys or profile_name"):
            found({"anonymous": "yes", **more})


def test_half_a_profile_is_an_error():
    configure("[default]\naws_access_key_id = FILE\n")
    with pytest.raises(PartialCredentialsError, match="profile 'default' has no aws_secret_access_key"):
        found()


def test_files_that_cannot_be_read_are_an_error():
    configure("this is no profile")
    with pytest.raises(CredentialsError, match=r"profile 'default' cannot be used \(ConfigParseError\)"):
        found()


def test_a_program_that_gives_keys(tmp_path):
    answer = {"Version": 1, "AccessKeyId": "PROGRAM", "SecretAccessKey": CANARY, "SessionToken": "t"}
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    configure(config=f"[default]\ncredential_process = cat {tmp_path}/answer.json\n")
    keys = found()
    assert (keys.aws_access_key_id, keys.source) == ("PROGRAM", "profile 'default' (custom-process)")


@pytest.mark.parametrize("program", ["/no/such/program", "false", "echo no json"])
def test_a_program_that_fails(program):
    configure(config=f"[default]\ncredential_process = {program}\n")
    with pytest.raises(CredentialsError, match=r"profile 'default' cannot be used \(\w+\): check the files of"):
        found()


def test_an_sso_login_that_is_over():
    configure(
        config="""
        [default]
        sso_start_url = https://sso.localhost/start
        sso_region = eu-west-1
        sso_account_id = 123456789012
        sso_role_name = reader
        """
    )
    with pytest.raises(ExpiredCredentialsError, match="the login of profile 'default' is over: run `aws sso login`"):
        found()


class Container(BaseHTTPRequestHandler):
    """The endpoint an ECS task or an EKS pod asks."""

    asked = 0

    def do_GET(self):
        type(self).asked += 1
        allowed = self.headers.get("Authorization") == "let-me-in"
        answer = {"Token": "t", "Expiration": "2099-01-01T00:00:00Z"}
        answer |= {"AccessKeyId": "ROLE", "SecretAccessKey": CANARY} if allowed else {}
        body = json.dumps(answer).encode()
        self.send_response(200 if allowed else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def container(monkeypatch):
    Container.asked = 0
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    with HTTPServer(("127.0.0.1", 0), Container) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://127.0.0.1:{server.server_port}/keys")
        yield server
        server.shutdown()
        thread.join()


def test_the_role_of_the_machine_comes_last(container, monkeypatch):
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "let-me-in")
    chain = credentials_from(parse("s3://bucket/x"), environ=os.environ)
    keys = [chain() for _ in range(20)][-1]
    assert (keys.aws_access_key_id, keys.source) == ("ROLE", "role of this machine (container-role)")
    assert Container.asked == 1
    assert chain.explain()[-1].outcome.startswith("in force: S3Credentials(aws_access_key_id='ROLE'")
    configure(f"[default]\naws_access_key_id = FILE\naws_secret_access_key = {CANARY}\n")
    assert found().aws_access_key_id == "FILE"


def test_a_role_that_is_refused_is_an_error(container, monkeypatch):
    monkeypatch.setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "wrong")
    with pytest.raises(CredentialsError, match=r"role of this machine cannot be used \(CredentialRetrievalError\)"):
        found()


def test_no_sdk_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    with pytest.raises(MissingDependencyError, match="run `pip install boto3`"):
        sdk_profile()()


def test_a_cause_without_frames_keeps_its_words():
    def fails():
        key = CANARY
        try:
            int(key)
        except ValueError as error:
            raise KeyError("outer") from error

    with pytest.raises(KeyError) as caught:
        fails()
    bare = without_frames(caught.value)
    assert (repr(bare), type(bare.__cause__)) == ("KeyError('outer')", ValueError)
    assert bare.__traceback__ is bare.__cause__.__traceback__ is None


def test_the_declared_fields_are_the_classes():
    assert S3Credentials(aws_access_key_id="a", aws_secret_access_key=None).source == "argument"
    assert aws_sdk().__name__ == "botocore"
