"""Explain and doctor: in Python, as magics and in a shell; on storages that work, refuse, lie and are not there."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import deeplake_nb
from deeplake_nb import cli
from deeplake_nb.credentials import transport
from deeplake_nb.credentials.chain import utc_now
from deeplake_nb.diagnosis.advice import advice
from deeplake_nb.diagnosis.connection import connection
from deeplake_nb.diagnosis.doctor import examine
from deeplake_nb.diagnosis.explain import explain
from deeplake_nb.diagnosis.report import Line, Report
from deeplake_nb.errors import (
    CommandError,
    CredentialsError,
    ExpiredCredentialsError,
    LakeError,
    PermissionDeniedError,
    StorageError,
    UnsupportedError,
)
from deeplake_nb.storage.memory import MemoryStorage
from deeplake_nb.storage.provider import is_empty
from deeplake_nb.storage.wrappers import ReadOnly, Wrapper
from deeplake_nb.urls import parse
from tests.fakes import azurite, gcs, moto, tls
from tests.fakes.web import send, web_server

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"


def states(report):
    return {line.name: line.state for line in report.lines}


# the report


REPORT = Report(
    "doctor s3://bucket/<x>",
    (
        Line("ok", "list", "found 'a'"),
        Line("failed", "write", "cannot put it: " + "because " * 20, "ask for the right & do it"),
        Line("unknown", "CORS", "nobody\nknows"),
    ),
)


def test_a_report_prints_as_lines():
    assert repr(Report("nothing", ())) == "nothing"
    text = repr(REPORT).splitlines()
    assert text[0] == "doctor s3://bucket/<x>"
    assert text[1] == "  ok       list   found 'a'"
    assert text[2].startswith("  failed   write  cannot put it: because because")
    assert text[3].startswith("                  because")
    assert "                  -> ask for the right & do it" in text
    assert text[-2:] == ["  unknown  CORS   nobody", "                  knows"]
    assert max(map(len, text)) <= 110


def test_a_report_shows_as_a_table_that_escapes_what_it_holds():
    html = REPORT._repr_html_()
    assert html.count("<tr>") == 3
    assert "s3://bucket/&lt;x&gt;" in html
    assert "<em>ask for the right &amp; do it</em>" in html
    assert "<x>" not in html


def test_a_report_is_a_value():
    assert not REPORT
    assert [line.name for line in REPORT.failures] == ["write"]
    assert REPORT["CORS"].state == "unknown"
    with pytest.raises(KeyError):
        REPORT["none"]
    assert Report("fine", (Line("ok", "list", ""), Line("unknown", "CORS", "")))


# explain


def configure(**keys):
    folder = Path(os.environ["HOME"], ".aws")
    folder.mkdir(exist_ok=True)
    (folder / "credentials").write_text("[default]\n" + "".join(f"{name} = {value}\n" for name, value in keys.items()))


def test_explain_says_who_is_in_force_and_what_it_overrides(monkeypatch):
    keys = {"aws_access_key_id": "AKIAGIVEN", "aws_secret_access_key": CANARY}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    report = deeplake_nb.explain("s3://bucket/cars", {**keys, "expires_at": "2099-01-01T00:00:00Z"})
    assert report
    assert states(report) == {
        "argument": "in force",
        "environment": "overridden",
        "profile 'default'": "not asked",
        "web identity": "not asked",
        "role of this machine": "not asked",
        "settings": "ok",
    }
    assert report["argument"].said.startswith(
        "argument: aws_access_key_id=AKIAGIVEN, aws_secret_access_key=***; until 2099-01-01 00:00:00 UTC ("
    )
    assert report["environment"].said.endswith("; 'argument' comes before it")
    assert "AKIAENV" in report["environment"].said
    assert report["settings"].said == "aws_region=eu-west-1 (these hold whatever the source)"
    assert CANARY not in repr(report) + report._repr_html_()


def test_explain_finds_a_profile_and_names_how(monkeypatch):
    configure(aws_access_key_id="AKIAFILE", aws_secret_access_key=CANARY)
    report = deeplake_nb.explain("s3://bucket")
    assert report["profile 'default'"].state == "in force"
    assert report["profile 'default'"].said.startswith(
        "profile 'default' (shared-credentials-file): aws_access_key_id="
    )


def test_explain_without_any_says_what_to_do():
    report = deeplake_nb.explain("s3://bucket")
    assert not report
    [failure] = report.failures
    assert failure.said == "no source has any"
    assert failure.advice.startswith("Pass creds={'aws_access_key_id'")


def test_explain_of_half_a_set_and_of_what_is_over(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
    report = deeplake_nb.explain("s3://bucket")
    assert report["environment"].state == "failed"
    assert "but not aws_secret_access_key" in report["environment"].said
    assert report["role of this machine"].state == "not asked"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", "2001-01-01T00:00:00Z")
    report = deeplake_nb.explain("s3://bucket")
    assert report["environment"].state == "failed"
    assert "until 2001-01-01 00:00:00 UTC (over)" in report["environment"].said
    assert "sign in again" in report["environment"].advice


@pytest.mark.parametrize(
    ("life", "said"),
    [(timedelta(hours=2, minutes=5), "2 h 5 min left"), (timedelta(minutes=7), "7 min left"), (timedelta(0), "over")],
)
def test_explain_says_how_long_keys_last(life, said):
    now = datetime(2030, 1, 1, tzinfo=UTC)
    from deeplake_nb.credentials.chain import credentials_from

    url = parse("s3://bucket")
    creds = {"aws_access_key_id": "A", "aws_secret_access_key": CANARY, "expires_at": now + life}
    report = explain(url, credentials_from(url, creds, environ={}), clock=lambda: now)
    assert said in report["argument"].said


@pytest.mark.parametrize("url", ["/data/x", "mem://x", "https://host/x"])
def test_explain_where_none_are_needed(url):
    assert states(deeplake_nb.explain(url)) == {"credentials": "ok"}


def test_explain_of_a_function_and_of_anonymous():
    def vend():
        return {"aws_access_key_id": "AKIAVENDED", "aws_secret_access_key": CANARY}

    assert states(deeplake_nb.explain("s3://bucket", vend)) == {"vend()": "in force"}
    assert deeplake_nb.explain("s3://bucket", "anonymous")["anonymous"].said == "anonymous: anonymous=True"


def test_explain_of_other_clouds():
    report = deeplake_nb.explain("azure://lake/box", {"account_key": azurite.KEY})
    assert report["argument"].state == "in force"
    assert azurite.KEY not in repr(report)
    report = deeplake_nb.explain("gcs://bucket", {"token": CANARY})
    assert next(iter(report.lines)).state == "in force"
    assert CANARY not in repr(report)


# doctor, on storages without a network


def test_doctor_of_a_folder_leaves_no_trace(tmp_path):
    report = deeplake_nb.doctor(tmp_path / "new" / "deep")
    assert report
    assert states(report) == dict.fromkeys(("credentials", "list", "write", "lock", "read", "delete"), "ok")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("x")
    report = deeplake_nb.doctor(tmp_path)
    assert report["list"].said == "found 'file', and maybe more"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


class Grumpy(Wrapper):
    """Refuses some verbs."""

    def __init__(self, inner, error, *verbs):
        super().__init__(inner)
        self.error, self.verbs = error, verbs

    def _refuse(self, verb):
        if verb in self.verbs:
            raise self.error

    def get(self, key, byte_range=None):
        self._refuse("read")
        return super().get(key, byte_range)

    def put(self, key, data, *, if_absent=False):
        self._refuse("lock" if if_absent else "write")
        super().put(key, data, if_absent=if_absent)

    def delete(self, key):
        self._refuse("delete")
        super().delete(key)

    def list(self, prefix="", *, delimiter=""):
        self._refuse("list")
        return super().list(prefix, delimiter=delimiter)


@pytest.fixture
def memory(request):
    return MemoryStorage(parse(f"mem://doctor-{abs(hash(request.node.nodeid))}"))


@pytest.mark.parametrize("verb", ["list", "write", "lock", "read", "delete"])
def test_doctor_names_the_verb_that_fails_and_goes_on(memory, verb):
    denied = PermissionDeniedError("you may not")
    report = examine(Grumpy(memory, denied, verb), None)
    assert not report
    [failure] = report.failures
    assert (failure.name, failure.said) == (verb, "you may not")
    assert failure.advice == "use an identity that may"
    others = {line.state for line in report.lines if line.name not in (verb, "lock", "delete")}
    assert others == {"ok"}
    if verb != "delete":
        assert is_empty(memory)


def test_doctor_where_nothing_may_be_written(memory):
    memory.put("there", b"x")
    report = examine(ReadOnly(memory), None)
    assert report
    assert states(report) == {
        "credentials": "ok",
        "list": "ok",
        "write": "skipped",
        "lock": "skipped",
        "read": "ok",
        "delete": "skipped",
    }
    assert report["read"].said == "read 1 byte of 'there'"


def test_doctor_finds_a_storage_that_knows_no_locks_and_one_that_mangles(memory):
    class Careless(Wrapper):
        def put(self, key, data, *, if_absent=False):
            super().put(key, data)

    report = examine(Careless(memory), None)
    assert [line.name for line in report.failures] == ["lock"]
    assert "this storage ignores conditional writes" in report["lock"].said
    assert is_empty(memory)

    class Mangling(Wrapper):
        def get(self, key, byte_range=None):
            return memoryview(bytes(super().get(key, byte_range))[::-1])

    assert "other bytes came back" in examine(Mangling(memory), None)["read"].said
    assert is_empty(memory)

    class Sticky(Wrapper):
        def delete(self, key):
            pass

    assert "is still there after it was deleted" in examine(Sticky(memory), None)["delete"].said


def test_doctor_cleans_up_when_it_is_interrupted(memory):
    with pytest.raises(KeyboardInterrupt):
        examine(Grumpy(memory, KeyboardInterrupt(), "read"), None)
    assert is_empty(memory)
    with pytest.raises(ZeroDivisionError):
        examine(Grumpy(memory, ZeroDivisionError(), "lock"), None)
    assert is_empty(memory)


# doctor, on S3


@pytest.fixture(scope="module")
def guarded():
    """A server with closed doors, and its users."""

    def allow(*actions):
        return {"Effect": "Allow", "Action": list(actions), "Resource": "*"}

    with moto.moto_server() as endpoint:
        opened = moto.client(endpoint)
        opened.create_bucket(Bucket="bucket")
        opened.put_object(Bucket="bucket", Key="x/k", Body=b"stored")
        users = {
            "writer": moto.user(endpoint, "writer", [allow("s3:*")]),
            "reader": moto.user(endpoint, "reader", [allow("s3:GetObject", "s3:ListBucket")]),
            "nobody": moto.user(endpoint, "nobody", [allow("s3:ListAllMyBuckets")]),
        }
        opened.close()
        moto.close_doors(endpoint)
        yield endpoint, users


def test_doctor_of_a_bucket_with_every_right(guarded, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", guarded[0])
    for name, value in guarded[1]["writer"].items():
        monkeypatch.setenv(name.upper(), value)
    report = deeplake_nb.doctor("s3://bucket/place")
    assert report, report
    found = states(report)
    assert found["environment"] == "in force"
    verbs = ("TLS", "clock", "identity", "region", "CORS", "list", "write", "lock", "read", "delete")
    assert {name: found[name] for name in verbs} == dict.fromkeys(verbs, "ok")
    assert report["identity"].said.startswith("arn:aws:iam::123456789012:user/writer (access key AKIA")
    assert report["CORS"].said.startswith("no rules")
    assert "s behind the server's" in report["clock"].said or "s ahead of the server's" in report["clock"].said
    behind = moto.client(guarded[0], **guarded[1]["writer"])
    assert behind.list_objects_v2(Bucket="bucket", Prefix="place")["KeyCount"] == 0
    assert guarded[1]["writer"]["aws_secret_access_key"] not in repr(report)


def test_doctor_of_a_bucket_to_read(guarded):
    creds = {"endpoint_url": guarded[0], **guarded[1]["reader"]}
    report = deeplake_nb.doctor("s3://bucket/x", creds)
    assert [line.name for line in report.failures] == ["write"]
    assert report["write"].advice == "ask its owner for s3:PutObject on the bucket's objects, or use other credentials"
    assert "AccessDenied" in report["write"].said
    assert "credentials: argument" in report["write"].said
    assert report["read"].said == "read 1 byte of 'k'"
    assert report["identity"].said.endswith("(this storage is not AWS, and has no service that tells more)")
    assert report["CORS"].state == "unknown"
    assert "s3:GetBucketCORS" in report["CORS"].advice


def test_doctor_with_keys_that_are_refused(guarded):
    creds = {"endpoint_url": guarded[0], **guarded[1]["reader"], "aws_secret_access_key": CANARY}
    report = deeplake_nb.doctor("s3://bucket/x", creds)
    assert [line.name for line in report.failures] == ["signed"]
    assert "SignatureDoesNotMatch" in report["signed"].said
    assert report["signed"].advice.startswith("copy them once more")
    assert {states(report)[name] for name in ("list", "write", "lock", "read", "delete")} == {"skipped"}
    assert CANARY not in repr(report)
    creds = {"endpoint_url": guarded[0], **guarded[1]["nobody"]}
    assert {line.name for line in deeplake_nb.doctor("s3://bucket/x", creds).failures} == {"list", "write", "read"}


def test_doctor_of_a_bucket_that_is_not_there(guarded):
    report = deeplake_nb.doctor("s3://no-such-bucket", {"endpoint_url": guarded[0], **guarded[1]["writer"]})
    assert "there is no such bucket" in report["list"].said
    assert report["list"].advice
    assert [line.name for line in report.failures] == ["list"]


def test_doctor_without_credentials_asks_nothing_of_the_storage():
    report = deeplake_nb.doctor("s3://bucket")
    assert states(report)["credentials"] == "failed"
    assert states(report)["storage"] == "skipped"
    assert "list" not in states(report)


def test_doctor_where_nobody_listens(monkeypatch):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    creds = {"endpoint_url": "http://127.0.0.1:9", "aws_access_key_id": "A", "aws_secret_access_key": CANARY}
    report = deeplake_nb.doctor("s3://bucket", creds)
    assert report["connection"].state == "failed"
    assert report["connection"].said == "cannot reach http://127.0.0.1:9 (NewConnectionError)"
    assert "nobody listens there" in report["connection"].advice
    assert {line.name for line in report.failures} == {"connection", "list"}


# doctor, on the other clouds and the web


def test_doctor_of_google_cloud_storage():
    with gcs.emulator() as service:
        service.issue(token=CANARY)
        report = deeplake_nb.doctor("gcs://bucket/x", {"token": CANARY, "endpoint_url": service.endpoint})
        assert report, report
        assert {"identity", "permissions", "region", "CORS", "lock"} <= set(states(report))
        assert CANARY not in repr(report)
        report = deeplake_nb.doctor("gcs://bucket/x", {"token": "other", "endpoint_url": service.endpoint})
        assert [line.name for line in report.failures] == ["signed"]


def test_doctor_of_azure():
    with azurite.azurite() as endpoint:
        azurite.behind(endpoint, "box").close()
        url, creds = f"azure://{azurite.ACCOUNT}/box/x", {"account_key": azurite.KEY, "endpoint_url": endpoint}
        report = deeplake_nb.doctor(url, creds)
        assert report, report
        assert {"identity", "account", "CORS", "lock"} <= set(states(report))
        assert azurite.KEY not in repr(report)
        wrong = base64.b64encode(CANARY.encode()).decode()
        report = deeplake_nb.doctor(url, {**creds, "account_key": wrong})
        assert [line.name for line in report.failures] == ["signed"]
        assert wrong not in repr(report)


def test_doctor_of_a_web_server():
    with web_server() as web:
        report = deeplake_nb.doctor(f"{web.endpoint}/data")
        assert report, report
        assert report["identity"].said == "nobody: no credentials are sent"
        assert states(report)["list"] == states(report)["write"] == "skipped"


# the connection


def lines(endpoint, clock=utc_now):
    return {line.name: line for line in connection(endpoint, clock)}


def test_a_clock_that_is_wrong():
    with web_server() as web:
        now = datetime.now(UTC)

        def page(handler):
            send(handler, 200, b"", {"Date": None})

        web.pages["/"] = page
        assert lines(f"{web.endpoint}/")["clock"].state == "ok"  # http.server names the time by itself
        found = lines(f"{web.endpoint}/", clock=lambda: now + timedelta(minutes=20))["clock"]
        assert found.state == "failed"
        assert "ahead of the server's" in found.said
        assert "set this machine's clock" in found.advice
        found = lines(f"{web.endpoint}/", clock=lambda: now - timedelta(minutes=20))["clock"]
        assert "behind the server's" in found.said
        web.pages["/"] = lambda handler: send(handler, 200, b"", {"Date": "Sun, 22 Nov 2026 04:00:00 -0000"})
        found = lines(f"{web.endpoint}/")["clock"]  # with the server's own these are two times
        assert (found.state, found.said) == ("unknown", "the server names no time to compare with")


def test_a_certificate_is_looked_at(tmp_path, monkeypatch):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    certificate = tls.certificate(tmp_path)
    with web_server(certificate) as web:
        found = lines(web.endpoint)
        assert set(found) == {"connection"}
        assert "(SSLError)" in found["connection"].said
        assert "AWS_CA_BUNDLE" in found["connection"].advice
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        found = lines(web.endpoint)
        assert found["TLS"].said.startswith(f"TLSv1.3 with {web.endpoint}, whose certificate is trusted until ")
        assert found["clock"].state == "ok"


def test_something_that_listens_and_says_nothing(monkeypatch):
    monkeypatch.setattr(transport, "READ_SECONDS", 0.1)
    with web_server() as web:
        web.pages["/"] = lambda handler: time.sleep(0.5)
        found = lines(f"{web.endpoint}/")["connection"]
    assert "is this the right port?" in found.advice


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ExpiredCredentialsError("x"), "sign in again"),
        (CredentialsError("x"), "mend what the line says"),
        (PermissionDeniedError("x"), "ask its owner for s3:PutObject"),
        (StorageError("x"), "then ask the doctor again"),
        (UnsupportedError("x"), "use a storage that can"),
    ],
)
def test_every_failure_has_something_to_do_next(error, words):
    assert words in advice("write", parse("s3://bucket"), error)
    for kind in LakeError.__subclasses__():
        assert advice("list", parse("gcs://bucket"), kind("x"))


# magics and the shell


def test_the_magics_give_the_same_reports(tmp_path, monkeypatch, capsys):
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    from deeplake_nb import magics

    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    magics.register(shell)
    try:
        assert shell.run_cell(f"%lake doctor {tmp_path}", store_history=True).result == deeplake_nb.doctor(tmp_path)
        assert "ok  lock" in capsys.readouterr().out
        explained = shell.run_cell("%lake explain s3://bucket").result
        assert explained == deeplake_nb.explain("s3://bucket")
        refused = shell.run_cell(f"%lake doctor https://host/x?sig={CANARY}")
        assert isinstance(refused.error_in_exec, CommandError)
        assert CANARY not in capsys.readouterr().out
    finally:
        magics.unregister(shell)
        shell.restore_sys_module_state()


def test_the_command_says_how_it_went(tmp_path, capsys):
    assert cli.main(["doctor", str(tmp_path)]) == 0
    assert "ok  lock" in capsys.readouterr().out
    assert cli.main(["explain", "s3://bucket"]) == 1
    assert "no source has any" in capsys.readouterr().out
    configure(aws_access_key_id="AKIAFILE", aws_secret_access_key=CANARY)
    assert cli.main(["explain", "s3://bucket", "--profile", "default"]) == 0
    assert cli.main(["explain", "s3://bucket", "--anonymous"]) == 0
    assert "in force  anonymous" in capsys.readouterr().out
    assert cli.main(["doctor", "nosuch://x"]) == 2
    assert capsys.readouterr().err.startswith("deeplake-nb: unknown scheme 'nosuch://'")
    for secret in (f"https://host/x?sig={CANARY}", f"https://me:{CANARY}@host/x"):
        assert cli.main(["doctor", secret]) == 2
        said = capsys.readouterr()
        assert CANARY not in said.out + said.err
    with pytest.raises(SystemExit) as caught:
        cli.main(["doctor"])
    assert caught.value.code == 2


def test_the_command_runs_in_a_shell(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "deeplake_nb.cli", "doctor", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "ok  delete" in done.stdout
    import tomllib

    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"deeplake-nb": "deeplake_nb.cli:main"}
