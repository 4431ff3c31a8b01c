"""``ipython`` in a real pseudo-terminal: questions, with no echo of a secret, and tables as text."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

import deeplake_nb
from tests.fakes import moto

SECONDS = 60
WRONG = "wR0ngCanary/5ecret+KeyThatNobodyMaySee12"


@pytest.fixture(scope="module")
def store():
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="bucket")
        owner = moto.user(endpoint, "owner", [{"Effect": "Allow", "Action": "*", "Resource": "*"}])
        owner |= {"endpoint_url": endpoint}
        with deeplake_nb.empty("s3://bucket/cars", creds=owner) as ds:
            ds.create_tensor("x").extend([1, 2, 3])
        ds.close()
        moto.close_doors(endpoint)
        yield owner


START = """
import fcntl, termios
from IPython import start_ipython
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # so that Ctrl+C is an interrupt
start_ipython()
"""


class Terminal:
    """An IPython at a prompt, and what it shows."""

    def __init__(self, folder, env):
        ours, theirs = pty.openpty()
        options = ["--no-banner", "--colors=NoColor", "--simple-prompt", "--TerminalInteractiveShell.term_title=False"]
        self.program = subprocess.Popen(
            [sys.executable, "-c", START, *options],
            stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=folder, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._to = ours
        self._unread = self.shown = ""

    def wait_for(self, text):
        """Wait until it shows this text, after all that was waited for before; what came until then."""
        deadline = time.monotonic() + SECONDS
        start = len(self.shown)
        rest = self._unread
        while text not in rest:
            assert time.monotonic() < deadline, f"{text!r} never came:\n{self.shown[start:]}{rest}"
            if select.select([self._to], [], [], 0.5)[0]:
                rest += os.read(self._to, 65536).decode(errors="replace").replace("\r\n", "\n")
        before, _, self._unread = rest.partition(text)
        self.shown += before + text
        return before

    def type(self, text):
        os.write(self._to, f"{text}\n".encode())

    def answer(self, question, text):
        self.wait_for(question)
        self.type(text)

    def close(self):
        self.program.kill()
        self.program.wait(20)
        os.close(self._to)


@pytest.fixture
def terminal(tmp_path):
    env = os.environ | {
        "TERM": "dumb",
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "DEEPLAKE_NB_DATA": str(tmp_path / "data"),
    }
    running = Terminal(tmp_path, env)
    running.answer("In [1]: ", "%load_ext deeplake_nb")
    running.wait_for("In [2]: ")
    yield running
    running.close()


def fill_in(terminal, store, secret):
    terminal.answer("Provider [1]: ", "3")
    terminal.answer("Place [s3://bucket/cars]: ", "")
    terminal.answer("Endpoint: ", store["endpoint_url"])
    terminal.answer("Access key id: ", store["aws_access_key_id"])
    terminal.answer("Secret access key: ", secret)
    terminal.answer("Region (optional): ", "")
    terminal.answer("Keep [1]: ", "")


def test_a_load_that_is_refused_asks_tests_and_goes_on(terminal, store):
    terminal.type("ds = %lake load s3://bucket/cars")
    asked = terminal.wait_for("  1  AWS keys")
    assert "No credentials for s3://bucket/cars were found." in asked
    assert re.search(r"What was tried:\n +none +argument +none given\n", asked)
    fill_in(terminal, store, WRONG)
    terminal.answer("Test it first? [Y/n]: ", "")
    steps = terminal.wait_for("Keep it all the same? [y/N]: ")
    assert re.search(r"failed +signed +cannot list s3://bucket/cars \(SignatureDoesNotMatch", steps)
    assert "This fails at: signed." in steps
    terminal.type("n")
    terminal.wait_for("nothing was kept")
    terminal.answer("In [3]: ", "ds = %lake load s3://bucket/cars")
    fill_in(terminal, store, store["aws_secret_access_key"])
    terminal.answer("Test it first? [Y/n]: ", "y")
    assert "This works: list, read, write." in terminal.wait_for("Kept for s3://bucket/cars in this session.")
    terminal.answer("In [4]: ", "len(ds), ds.x.numpy().ravel().tolist()")
    terminal.wait_for("(3, [1, 2, 3])")
    terminal.answer("In [5]: ", "%lake creds")
    table = terminal.wait_for("with the kernel")
    assert re.search(r"Key +Kind +Shown +For +Used by +Last test +Expires\n", table)
    assert re.search(r"s3://bucket/cars +this session", table)
    terminal.answer("In [6]: ", "%lake explain s3://bucket/cars")
    assert re.search(r"in force +session key", terminal.wait_for("In [7]: "))
    terminal.type("%history")
    terminal.wait_for("%lake explain")
    assert WRONG not in terminal.shown
    assert store["aws_secret_access_key"] not in terminal.shown


def test_keys_are_added_rotated_and_deleted_by_answers(terminal):
    terminal.type("%lake creds add https://files.example/data")
    terminal.answer("Place [https://files.example/data]: ", "")
    terminal.answer("Bearer token: ", "f1rstCanary-1234567890")
    terminal.answer("  2  encrypted, as a key of me\nKeep [1]: ", "2")
    terminal.answer("Name of the key: ", "files")
    terminal.answer("Test it first? [Y/n]: ", "n")
    terminal.wait_for("Kept as the managed key 'files' of me, for https://files.example/data.")
    terminal.answer("In [3]: ", "%lake creds rotate files")
    terminal.answer("Bearer token: ", "s3condCanary-1234567890")
    terminal.answer("Overlap [0]: ", "")
    terminal.wait_for("files has new secrets.")
    terminal.answer("In [4]: ", "%lake creds")
    assert "…7890" in terminal.wait_for("In [5]: ")
    terminal.type("%lake creds delete files")
    terminal.wait_for("me/files is deleted.")
    terminal.answer("In [6]: ", "%lake creds")
    terminal.wait_for("There are no keys yet")
    assert "Canary-" not in terminal.shown


def test_a_question_is_ended_by_control_c_and_control_d(terminal):
    terminal.type("%lake creds add https://files.example/data")
    terminal.wait_for("Place [https://files.example/data]: ")
    time.sleep(0.5)  # until it reads
    os.write(terminal._to, b"\x03")
    terminal.wait_for("KeyboardInterrupt")
    terminal.answer("In [3]: ", "%lake creds add https://files.example/data")
    terminal.wait_for("Place [https://files.example/data]: ")
    os.write(terminal._to, b"\x04")
    terminal.wait_for("not answered to the end, and nothing was kept")
    terminal.wait_for("In [4]: ")


def test_a_dataset_is_made_and_listed(terminal, tmp_path):
    (tmp_path / "raw").mkdir()
    terminal.type("%lake new ./made as made")
    terminal.answer("Place [./made]: ", "")
    terminal.answer("Tensor (optional): ", "labels")
    terminal.answer("Kind [1]: ", "2")
    terminal.answer("Class names (optional): ", "cat, rocket")
    terminal.wait_for("labels")
    terminal.answer("In [3]: ", "made.labels.info.class_names")
    terminal.wait_for("['cat', 'rocket']")
    terminal.answer("In [4]: ", "%lake ls")
    terminal.wait_for("dataset  made/")
    terminal.answer("In [5]: ", "made")
    terminal.wait_for("class_label")
