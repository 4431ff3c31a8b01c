"""A secret goes through every path, failures included, and comes out nowhere."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.fakes import moto
from tests.fakes.canned import canned_server, refusal
from tests.fakes.web import send, web_server

CANARY = "c4naryC4NARYc4naryC4NARYc4naryC4NARYc4na"
ROOT = Path(__file__).parents[1]


def watch(process, seen):
    """Note the arguments of the process and of all that descend from it, as any user of the machine can."""
    while process.poll() is None:
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                arguments = (folder / "cmdline").read_bytes()
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
            if int(folder.name) == process.pid or parent == process.pid:
                seen.add(arguments)
        time.sleep(0.05)


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """The folder in which an indiscreet session lived, with all it said."""
    folder = tmp_path_factory.mktemp("indiscreet")
    with moto.moto_server() as good, canned_server() as bad, web_server() as web:
        moto.client(good).create_bucket(Bucket="bucket")
        bad.answers = [refusal(403, "SignatureDoesNotMatch")]
        web.pages["/data/dataset_meta.json"] = lambda handler: send(handler, 403, b"")
        keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": CANARY, "AWS_SESSION_TOKEN": f"{CANARY}-token"}
        environ = os.environ | keys | {"PYTHONPATH": str(ROOT), "AWS_MAX_ATTEMPTS": "1", "HOME": str(folder)}
        command = [sys.executable, "-m", "tests.fakes.indiscreet", good, bad.endpoint, web.endpoint]
        with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
            process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=err, env=environ)
            seen = set()
            watcher = threading.Thread(target=watch, args=(process, seen))
            watcher.start()
            assert process.wait(timeout=240) == 0, (folder / "stderr.txt").read_text()[-3000:]
            watcher.join()
        (folder / "processes.txt").write_bytes(b"\n".join(seen))
        stored = moto.client(good)
        for entry in stored.list_objects_v2(Bucket="bucket")["Contents"]:
            path = folder / "bucket" / entry["Key"].replace("/", "_")
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(stored.get_object(Bucket="bucket", Key=entry["Key"])["Body"].read())
    return folder


def test_the_session_did_all_it_should(said):
    out = (said / "stdout.txt").read_text()
    assert "said all" in out
    assert "Out[" in out
    assert "4950" in out
    for word in ("in force", "SignatureDoesNotMatch", "DatasetNotFoundError", "Traceback", "ExpiredCredentialsError"):
        assert word in out, word
    assert "AKIA" in (said / "frames.txt").read_text()
    assert len((said / "log.txt").read_text().splitlines()) > 500
    assert len((said / "tracebacks.txt").read_text().split("Traceback")) > 10
    assert (said / "history.sqlite").stat().st_size > 1000
    assert len(list((said / "bucket").iterdir())) > 10
    assert b"tests.fakes.indiscreet" in (said / "processes.txt").read_bytes()


def test_a_secret_came_out_nowhere(said):
    looked_at = {}
    for path in said.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            looked_at[path.relative_to(said)] = content.count(CANARY.encode()) + content.count(CANARY[::-1].encode())
    assert len(looked_at) > 30
    assert {path: count for path, count in looked_at.items() if count} == {}
