"""The wheel: what is in it, that it carries the front end, and that building it needs no Node of the machine."""

from __future__ import annotations

import email
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_SOURCES = ("deeplake_nb", "js", "pyproject.toml", "README.md", "LICENSE", ".gitignore")
_TOOLS = ("bash", "cat", "env", "ls", "sed", "sh", "tar", "uname")  # a machine without Node


@pytest.fixture(scope="module")
def without_node(tmp_path_factory):
    """A PATH on which there is no Node."""
    folder = tmp_path_factory.mktemp("bin")
    for tool in filter(shutil.which, _TOOLS):
        (folder / tool).symlink_to(shutil.which(tool))
    assert shutil.which("node", path=str(folder)) is None
    return str(folder)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, machine_env, without_node):
    """A wheel built of the sources alone, on a machine without Node."""
    folder = tmp_path_factory.mktemp("source")
    for name in _SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("node_modules", "static", "__pycache__")
            )
        else:
            shutil.copy(ROOT / name, folder)
    command = [sys.executable, "-m", "uv", "build", "--wheel", "--out-dir", folder / "dist", folder]
    done = subprocess.run(
        command, env=machine_env | {"PATH": without_node}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-8000:]
    (built,) = (folder / "dist").glob("*.whl")
    return built


def test_it_holds_the_package_and_the_front_end_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.partition("/")[0] for name in names} == {"deeplake_nb", "deeplake_nb-0.1.0.dist-info"}
    assert {
        "deeplake_nb/py.typed",
        "deeplake_nb/static/gallery.js",
        "deeplake_nb-0.1.0.dist-info/licenses/LICENSE",
    } <= names
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "deeplake_nb").rglob("*.py")}
    assert sources <= names


def test_its_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read("deeplake_nb-0.1.0.dist-info/METADATA"))
    assert metadata["Name"] == "deeplake-nb"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "MIT"
    base = [line for line in metadata.get_all("Requires-Dist") if "extra ==" not in line]
    assert not [line for line in base if line.startswith(("deeplake", "jupyterlab", "pytest"))]


def test_installed_it_finds_its_bundle(wheel, tmp_path, machine_env, without_node):
    env = machine_env | {"PATH": without_node}
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "venv"], env=env, check=True)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([*uv, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel], env=env, check=True)
    code = (
        "import deeplake_nb; from importlib.resources import files; static = files('deeplake_nb') / 'static'; "
        "print(deeplake_nb.__version__, (static / 'gallery.js').stat().st_size)"
    )
    printed = subprocess.run(
        [python, "-I", "-c", code], cwd=os.sep, env=env, capture_output=True, text=True, check=True
    ).stdout.split()
    assert printed[0] == "0.1.0"
    assert int(printed[1]) > 5000
