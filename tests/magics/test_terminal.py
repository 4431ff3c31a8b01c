"""``ipython`` in a real pseudo-terminal: questions, with no echo of a secret, and tables as text."""

from __future__ import annotations

import re
import time

import pytest

from tests.fakes import moto
from tests.fakes.cars import cars
from tests.fakes.terminal import Terminal

SECONDS = 120
WRONG = "wR0ngCanary/5ecret+KeyThatNobodyMaySee12"


@pytest.fixture(scope="module")
def store():
    with moto.closed("bucket", cars, owner=moto.EVERYTHING) as users:
        yield users["owner"]


START = "from IPython import start_ipython; start_ipython()"
OPTIONS = ("--no-banner", "--colors=NoColor", "--simple-prompt", "--TerminalInteractiveShell.term_title=False")


@pytest.fixture
def terminal(tmp_path):
    env = {"TERM": "dumb", "IPYTHONDIR": str(tmp_path / "ipython"), "DEEPLAKE_NB_DATA": str(tmp_path / "data")}
    running = Terminal(START, *OPTIONS, folder=tmp_path, **env)
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
    terminal.enter("ds = %lake load s3://bucket/cars")
    asked = terminal.wait_for("  1  AWS keys")
    assert "No credentials for s3://bucket/cars were found." in asked
    assert re.search(r"What was tried:\n +none +argument +none given\n", asked)
    fill_in(terminal, store, WRONG)
    terminal.answer("Test it first? [Y/n]: ", "")
    steps = terminal.wait_for("Keep it all the same? [y/N]: ")
    assert re.search(r"failed +signed +cannot list s3://bucket/cars \(SignatureDoesNotMatch", steps)
    assert "This fails at: signed." in steps
    terminal.enter("n")
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
    terminal.enter("%history")
    terminal.wait_for("%lake explain")
    assert WRONG not in terminal.shown
    assert store["aws_secret_access_key"] not in terminal.shown


def test_keys_are_added_rotated_and_deleted_by_answers(terminal):
    terminal.enter("%lake creds add https://files.example/data")
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
    terminal.enter("%lake creds delete files")
    terminal.wait_for("me/files is deleted.")
    terminal.answer("In [6]: ", "%lake creds")
    terminal.wait_for("There are no keys yet")
    assert "Canary-" not in terminal.shown


def test_a_question_is_ended_by_control_c_and_control_d(terminal):
    terminal.enter("%lake creds add https://files.example/data")
    terminal.wait_for("Place [https://files.example/data]: ")
    time.sleep(0.5)  # until it reads
    terminal.type("\x03")
    assert "Traceback" not in terminal.wait_for("not answered to the end, and nothing was kept")
    terminal.answer("In [3]: ", "%lake creds add https://files.example/data")
    terminal.wait_for("Place [https://files.example/data]: ")
    terminal.type("\x04")
    terminal.wait_for("not answered to the end, and nothing was kept")
    terminal.wait_for("In [4]: ")


def test_a_dataset_is_made_and_listed(terminal, tmp_path):
    (tmp_path / "raw").mkdir()
    terminal.enter("%lake new ./made as made")
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
