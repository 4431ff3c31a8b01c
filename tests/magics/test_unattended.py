"""Where nobody looks: nbconvert's and papermill's kernels, scripts, and the time the extension takes."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

SECONDS = 60
MISTAKE = "dataset-not-found: no dataset at "


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def run(folder, *command):
    """A Python module or ``-c`` code, run to its end in a folder."""
    return subprocess.run(
        [sys.executable, *command], check=False, cwd=folder, capture_output=True, text=True, timeout=120
    )


def notebook(*cells):
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )


def test_a_mistake_fails_an_executed_notebook_with_one_line(tmp_path):
    nb = notebook("%load_ext deeplake_nb", "%lake load ./nope as ds", "print('reached')")
    with pytest.raises(CellExecutionError) as caught:
        NotebookClient(nb, resources={"metadata": {"path": tmp_path}}).execute()
    assert plain(str(caught.value)).count(MISTAKE) == 1
    (output,) = nb.cells[1].outputs
    assert output.output_type == "error"
    assert output.ename == "DatasetNotFoundError"
    (line,) = output.traceback
    assert plain(line).startswith(MISTAKE)
    assert "\n" not in line
    assert nb.cells[2].outputs == []


def test_papermill_says_why_it_stopped(tmp_path):
    nbformat.write(notebook("%load_ext deeplake_nb", "%lake load ./nope as ds"), tmp_path / "in.ipynb")
    done = run(tmp_path, "-m", "papermill", "--no-progress-bar", "in.ipynb", "out.ipynb")
    assert done.returncode == 1
    assert MISTAKE in plain(done.stderr)
    kinds = [o.output_type for cell in nbformat.read(tmp_path / "out.ipynb", 4).cells for o in cell.get("outputs", ())]
    assert "error" in kinds


REFUSED = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"


@pytest.mark.parametrize("line", ["%lake load s3://bucket/cars as cars", "cars = %lake load s3://bucket/cars"])
@pytest.mark.parametrize("program", ["nbconvert", "papermill"])
def test_a_load_that_is_refused_fails_at_once_and_says_what_to_set(tmp_path, monkeypatch, program, line):
    monkeypatch.setenv("CI", "true")
    nbformat.write(notebook("%load_ext deeplake_nb", line, "print('reached')"), tmp_path / "in.ipynb")
    run_it = {
        "nbconvert": ("-m", "nbconvert", "--execute", "--to", "notebook", "--output", "out.ipynb", "in.ipynb"),
        "papermill": ("-m", "papermill", "--no-progress-bar", "in.ipynb", "out.ipynb"),
    }
    began = time.monotonic()
    done = run(tmp_path, *run_it[program])
    assert time.monotonic() - began < SECONDS
    assert done.returncode == 1
    assert REFUSED in plain(done.stderr)
    assert "reached" not in done.stdout


@pytest.mark.parametrize("line", ["creds add", "connect", "storage", "new", "signin gcs://b", "load s3://b/c as c"])
def test_ipython_without_a_terminal_never_waits(tmp_path, line):
    done = run(tmp_path, "-m", "IPython", "--no-banner", "-c", f"%load_ext deeplake_nb\n%lake {line}")
    assert done.returncode == 1
    said = plain(done.stdout)
    assert said.count("\n") == 1
    assert re.search(r"nobody can answer here: |set AWS_ACCESS_KEY_ID", said)


@pytest.mark.parametrize("code", ["%lake load ./nope", "%lake laod ./nope", "x = %lake load ./nope"])
def test_ipython_in_a_terminal_prints_one_line_and_fails(tmp_path, code):
    done = run(tmp_path, "-m", "IPython", "--no-banner", "-c", f"%load_ext deeplake_nb\n{code}")
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
    assert plain(done.stdout).startswith(("dataset-not-found: ", "command: "))


def test_a_script_run_from_a_cell_fails_too(tmp_path):
    (tmp_path / "script.ipy").write_text("%lake load ./nope\nprint('reached')\n")
    done = run(tmp_path, "-m", "IPython", "--no-banner", "-c", "%load_ext deeplake_nb\n%run script.ipy")
    assert done.returncode == 1
    assert "reached" not in done.stdout
    assert "Traceback" not in done.stdout


def test_loading_the_extension_imports_nothing_heavy(tmp_path):
    code = """
import sys
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.run_line_magic("load_ext", "deeplake_nb")
shell.run_line_magic("lake", "help")
heavy = {"numpy", "PIL", "ipywidgets", "anywidget", "boto3", "botocore", "azure", "google", "requests", "urllib3"}
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print("heavy:", sorted(loaded & heavy))
"""
    done = run(tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "heavy: []"
