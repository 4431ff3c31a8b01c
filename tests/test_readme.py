"""The README's commands and examples work as written, and `.ci/run` runs the same test command."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from skimage import data

import deeplake_nb
from deeplake_nb.errors import LakeError
from deeplake_nb.magics.grammar import parse
from tests.browser import chromium
from tests.fakes import moto, postgres

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
RUN, TEST = re.findall(r"^```sh\n(.+)\n```$", README, re.MULTILINE)
MAGICS, PYTHON, STORE, HUB = re.findall(r"^```python\n(.+?)^```$", README, re.MULTILINE | re.DOTALL)

_TOOLS = ("bash", "cat", "chmod", "dirname", "mkdir", "sed")
_RECORD = '#!/usr/bin/env bash\necho "${0##*/} $*" >> "$LOG"\n'
_PYTHON3 = """
[[ "$1" != -c ]] || exit 1  # no ensurepip
mkdir -p .venv/bin
for name in pip pytest; do cat "$RECORD" > ".venv/bin/$name"; chmod +x ".venv/bin/$name"; done
"""


def test_one_command_runs_it_and_one_tests_it():
    assert RUN.split(" && ")[-1] == ".venv/bin/jupyter lab notebooks/quickstart.ipynb"
    assert (ROOT / "notebooks" / "quickstart.ipynb").is_file()
    assert TEST.split(" && ")[-1] == ".venv/bin/pytest"


def ci(folder: Path, **stubs: str) -> list[str]:
    """Run `.ci/run` in `folder` on a machine that has only the stubs; what it called, in order."""
    (folder / "bin").mkdir()
    for tool in _TOOLS:
        (folder / "bin" / tool).symlink_to(shutil.which(tool))
    (folder / "bin" / "env").symlink_to("/usr/bin/env")
    record = folder / "record"
    record.write_text(_RECORD)
    for name, body in stubs.items():
        stub = folder / "bin" / name.replace("_", "-")
        stub.write_text(_RECORD + body)
        stub.chmod(0o755)
    shutil.copy(ROOT / "README.md", folder)
    shutil.copytree(ROOT / ".ci", folder / ".ci")
    log = folder / "log"
    env = {"PATH": str(folder / "bin"), "LOG": str(log), "RECORD": str(record)}
    subprocess.run([folder / ".ci" / "run"], env=env, cwd="/", check=True, capture_output=True, timeout=60)
    return log.read_text().splitlines()


def test_ci_installs_what_is_missing_and_then_runs_the_command_of_the_readme(tmp_path):
    probe, *calls = ci(tmp_path, python3=_PYTHON3, apt_get="")
    assert probe.startswith("python3 -c ")
    packages = " ".join(["python3-venv", *chromium.PACKAGES, *postgres.PACKAGES])
    assert calls[:2] == ["apt-get update", f"apt-get install -y --no-install-recommends {packages}"]
    assert calls[2:] == ["python3 -m venv .venv", "pip install -e .[test]", "pytest "]


def test_ci_installs_nothing_on_a_machine_that_has_everything(tmp_path):
    calls = ci(tmp_path, python3=_PYTHON3.replace("exit 1", "exit 0"), chromium="", postgres="")
    assert [call.split()[0] for call in calls] == ["python3", "python3", "pip", "pytest"]


def test_ci_fails_when_the_tests_fail(tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        ci(tmp_path, python3="exit 7", chromium="")


@pytest.mark.parametrize("line", [line for line in MAGICS.splitlines() if line.startswith("%lake")])
def test_every_magic_of_the_example_parses(line):
    assert parse(line.removeprefix("%lake "))


def test_the_python_example_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(Path(data.__file__).parent / "rocket.jpg", "cat.jpg")
    *statements, branch = ast.parse(PYTHON).body
    names: dict = {}
    for statement in statements:
        exec(compile(ast.unparse(statement), "README.md", "exec"), names)
    written = names["ds"]
    assert written.images[0].shape == (427, 640, 3)
    assert written[0:100].labels.data()["text"] == [["cat"]]
    assert deeplake_nb.load("./photos").images[0].tobytes() == Path("cat.jpg").read_bytes()
    with pytest.raises(LakeError, match="some-branch"):  # the example's dataset has none
        eval(ast.unparse(branch), names)


def test_the_rows_it_selects_are_found():
    ds = deeplake_nb.empty("mem://readme", overwrite=True)
    ds.create_tensor("labels", htype="class_label", class_names=["cat", "rocket"]).extend(["cat", "rocket", "cat"])
    selections = re.findall(r"`(ds\.(?:filter|query)\(\".+?\"\))`", README)
    assert len(selections) == 2
    for selection in selections:
        assert eval(selection, {"ds": ds}).labels.data()["text"] == [["cat"], ["cat"]], selection


def test_the_example_of_a_vector_store_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made, added, *searches = ast.parse(STORE).body
    names: dict = {
        "deeplake": deeplake_nb,
        "embed": lambda given: [
            [float(len(text)), float(text.count("f"))] for text in ([given] if isinstance(given, str) else given)
        ],
        "texts": ["fish", "fowl", "foolscap and more", "tea leaves"],
        "names": ["a.txt", "b.txt", "a.txt", "b.txt"],
    }
    for statement in (made, added):
        exec(compile(ast.unparse(statement), "README.md", "exec"), names)
    exact, approximate = (eval(ast.unparse(search), names) for search in searches)
    assert exact["text"] == ["fish", "foolscap and more"]
    assert sorted(approximate["text"]) == sorted(names["texts"])
    assert approximate["text"][0] in {"fish", "fowl"}


def test_the_example_of_the_hub_runs(tmp_path, monkeypatch):
    monkeypatch.setenv("DEEPLAKE_NB_DATA", str(tmp_path))
    with moto.moto_server() as endpoint:
        bucket = moto.client(endpoint)
        bucket.create_bucket(Bucket="bucket")
        bucket.put_object(
            Bucket="bucket", Key="raw/cat.jpg", Body=(Path(data.__file__).parent / "rocket.jpg").read_bytes()
        )
        keys = {**moto.ADMIN, "endpoint_url": endpoint}
        with deeplake_nb.empty("s3://bucket/mine", creds=keys) as ds:
            ds.create_tensor("x").append(1)
        ds.close()
        names: dict = {"deeplake": deeplake_nb, "aws_keys": keys}
        exec(compile(HUB, "README.md", "exec"), names)
        assert names["ds"].path == "hub://team/photos"
        assert names["ds"].images[0].shape == (427, 640, 3)
        assert names["mine"].path == "hub://team/ours"
        assert deeplake_nb.list("team") == ["hub://team/ours", "hub://team/photos"]
        assert deeplake_nb.exists("s3://bucket/datasets/photos", creds=keys)
        for one in (names["ds"], names["mine"]):
            one.close()
