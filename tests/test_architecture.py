"""What holds for every file: layers, style, types, sizes, and what importing the package costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "deeplake_nb"
SDKS = {"azure", "boto3", "botocore", "google", "google_auth_oauthlib"}
_LINES = 400

_CHECKS = {
    "layers": [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
    "style": [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise"],
    "formatting": [sys.executable, "-m", "ruff", "format", "--check", "--no-cache"],
    "types": [sys.executable, "-m", "mypy"],
}


@pytest.mark.parametrize("check", _CHECKS)
def test_static_checks(check):
    done = subprocess.run(_CHECKS[check], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_is_longer_than_one_can_keep_in_mind():
    sizes = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in PACKAGE.rglob("*.py")}
    assert len(sizes) > 50
    assert {path: lines for path, lines in sizes.items() if lines > _LINES} == {}


def loaded_by(code: str) -> set[str]:
    """Top-level modules that an interpreter has loaded after running `code`."""
    report = f"{code}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_but_itself():
    """Compared with a bare interpreter, so that what an environment preloads does not count."""
    loaded = loaded_by("import deeplake_nb") - loaded_by("from __future__ import annotations; import typing")
    assert loaded == {"deeplake_nb"}


def test_the_extension_loads_no_cloud():
    shell = "from IPython.core.interactiveshell import InteractiveShell; shell = InteractiveShell.instance()"
    code = f"{shell}; shell.run_line_magic('load_ext', 'deeplake_nb')"
    loaded = loaded_by(code)
    assert "deeplake_nb" in loaded
    assert loaded & SDKS == set()


def test_a_local_dataset_needs_no_cloud(tmp_path):
    code = (
        f"import deeplake_nb as lake; ds = lake.empty({str(tmp_path / 'ds')!r}); ds.create_tensor('x').append(1); "
        "assert ds.x[0].numpy() == 1"
    )
    assert loaded_by(code) & SDKS == set()


@pytest.mark.parametrize("part", ["format", "preview"])
def test_the_pure_part_runs_without_any_of_the_rest(part):
    modules = [path.stem for path in (PACKAGE / part).glob("*.py") if path.stem != "__init__"]
    loaded = loaded_by("; ".join(f"import deeplake_nb.{part}.{module}" for module in modules))
    assert loaded & {*SDKS, "IPython", "ipywidgets", "anywidget", "traitlets"} == set()
