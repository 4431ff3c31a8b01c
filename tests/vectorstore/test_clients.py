"""Real clients of the original, unchanged, with this package under the name that they import; each in its own place."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest

from tests import environments, machine
from tests.fakes import moto
from tests.fakes.hub import hub_server

ROOT = Path(__file__).parents[2]
CLIENTS = Path(__file__).with_name("clients")
OURS = tuple(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
LANGCHAIN = "langchain-community==0.3.27"
# The metadata of this one names the original, which must not be there: so its own dependencies are named here.
LLAMAINDEX = ("llama-index-core>=0.10.1,<0.11",)
LLAMAINDEX_STORE = "llama-index-vector-stores-deeplake==0.1.6"


def run(bin_folder, *arguments, cwd, check=True, **environ):
    environ |= {"PYTHONPATH": f"{ROOT}:{CLIENTS}", "HOME": str(cwd), "PYTHONWARNINGS": "ignore"}
    env = machine.environ() | environ
    done = subprocess.run(
        [bin_folder / "python", *arguments], cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=280
    )
    if check:
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return done


@pytest.fixture(scope="module")
def langchain():
    return environments.environment((*OURS, LANGCHAIN, "pytest", "pytest-asyncio", "pip"))


@pytest.fixture(scope="module")
def llamaindex():
    return environments.environment((*OURS, *LLAMAINDEX, "numpy<2"), alone=(LLAMAINDEX_STORE,))


@pytest.fixture(scope="module")
def s3():
    with moto.moto_server() as endpoint:
        moto.client(endpoint).create_bucket(Bucket="stores")
        yield moto.ADMIN | {"endpoint_url": endpoint}


@pytest.fixture(scope="module")
def hub():
    with hub_server() as server:
        server.client().create_org("stores")
        yield server


@pytest.fixture(params=["local", "s3", "hub", "tensor_db"])
def flow(request, tmp_path):
    """Runs a client's program on a store to be; gives its answer."""
    name, environ = re.sub(r"\W+", "-", request.node.name).strip("-"), {}
    place = {"path": str(tmp_path / "store")}
    if request.param == "s3":
        place = {"path": f"s3://stores/{name}", "creds": request.getfixturevalue("s3")}
    elif request.param != "local":
        hub = request.getfixturevalue("hub")
        environ = {"DEEPLAKE_NB_HUB": hub.url, "DEEPLAKE_NB_TOKEN": hub.token.reveal()}
        place = {"path": f"hub://stores/{name}"} | ({"runtime": {"tensor_db": True}} if request.param != "hub" else {})

    def program(python, file):
        done = run(python, CLIENTS / file, json.dumps(place), cwd=tmp_path, **environ)
        return json.loads(done.stdout.splitlines()[-1])

    return program


def test_langchain(langchain, flow):
    assert flow(langchain, "langchain_flow.py") == {
        "ids": ["id0", "id1", "id2", "id3", "id4"],
        "most similar": ["cabbage", "a cat on a mat"],
        "scores rise": True,
        "even": [0, 2, 4],
        "diverse": 3,
        "as many as there are": 5,
        "retrieved": 2,
        "queried": ["a bird", "cabbage"],
        "left": 5,
        "then": 0,
    }


def test_langchains_own_tests(langchain, tmp_path):
    """Those that its release has for this store, as they are."""
    with environments.cached("sources", [LANGCHAIN]) as (folder, is_new):
        if is_new:
            download = ["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", LANGCHAIN]
            run(langchain, *download, cwd=folder)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as source:
        wanted = [one for one in source.getmembers() if "/tests/" in one.name]
        source.extractall(tmp_path, wanted, filter="data")
    (root,) = tmp_path.glob("langchain_community-*")
    own = "tests/integration_tests/vectorstores/test_deeplake.py"
    arguments = ["-m", "pytest", "-q", "-p", "as_deeplake", "-c", "/dev/null", "--rootdir", ".", "--noconftest", own]
    done = run(langchain, *arguments, cwd=root, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
    assert re.search(r"\b24 passed\b", done.stdout), done.stdout[-2000:]


def test_llamaindex(llamaindex, flow):
    answer = flow(llamaindex, "llamaindex_flow.py")
    first, second = answer.pop("scores")
    assert 1 > first > second > 0
    assert answer == {
        "retrieved": ["cabbage", "a cat on a mat"],
        "as many as there are": 5,
        "all": 5,
        "two": ["a bird", "dogs dig"],
        "late": ["a bird", "cabbage"],
        "either": ["a cat on a mat", "cabbage"],
        "left": ["dogs dig", "fish and chips"],
        "empty": "specified dataset is empty",
    }
