"""What a cell shows: in a terminal, and in a kernel with or without a page."""

from __future__ import annotations

import base64
import io
import subprocess
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from PIL import Image

from deeplake_nb.errors import TensorNotFoundError
from deeplake_nb.widgets import display

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def shell(monkeypatch):
    """A shell that says it is a kernel's: its outputs go into a notebook."""
    made = InteractiveShell.instance()
    monkeypatch.setattr(made, "kernel", object(), raising=False)
    yield made
    display.unregister(made)
    InteractiveShell.clear_instance()


def read(published):
    """Data and metadata of each output of a cell, as a notebook keeps them: an update replaces what it names."""
    kept, places = [], {}
    for output in published:
        place = (output.transient or {}).get("display_id")
        if output.update:
            kept[places[place]] = (output.data, output.metadata)
        else:
            places[place] = len(kept)
            kept.append((output.data, output.metadata))
    return kept


@pytest.fixture
def outputs(shell):
    def shown(*args, **kwargs):
        with capture_output() as captured:
            display.show(*args, **kwargs)
        return read(captured.outputs)

    return shown


def test_a_cell_shows_summary_picture_and_gallery(outputs, colours):
    (summary, _), (sheet, metadata), (gallery, _) = outputs(colours)
    assert set(summary) == {"text/plain", "text/html"}
    assert "2 rows · 6 tensors" in summary["text/plain"]
    picture = Image.open(io.BytesIO(base64.b64decode(sheet["image/jpeg"])))
    assert picture.width > metadata["image/jpeg"]["width"], "drawn for dense screens"
    assert len(sheet["image/jpeg"]) < 280_000
    assert WIDGET in gallery
    assert "run this cell" in gallery["text/plain"]


def test_the_picture_is_the_same_bytes_on_every_run(outputs, colours):
    assert outputs(colours)[1] == outputs(colours)[1]


def test_one_setting_leaves_the_picture_out(shell, outputs, colours):
    display.register(shell)
    shell.run_line_magic("config", "Lake.sheet = False")
    summary, gallery = outputs(colours)
    assert "2 rows" in summary[0]["text/plain"]
    assert WIDGET in gallery[0]
    shell.run_line_magic("config", "Lake.sheet = True")
    assert len(outputs(colours)) == 3


def test_the_gallery_does_not_wait_for_the_picture_but_its_room_is_kept(shell, colours):
    with capture_output() as captured:
        display.show(colours)
    text, room, gallery, sheet, summary = captured.outputs
    size = sheet.metadata["image/jpeg"]
    assert room.metadata["image/png"] == size
    picture = Image.open(io.BytesIO(base64.b64decode(room.data["image/png"])))
    assert picture.size == (size["width"], size["height"])
    assert picture.convert("RGBA").getextrema()[3] == (0, 0), "nothing is seen"
    assert WIDGET in gallery.data
    assert sheet.update
    assert room.transient == sheet.transient != {}
    assert summary.update
    assert text.transient == summary.transient not in ({}, room.transient)


def test_no_html_comes_before_the_gallery_as_it_makes_jupyterlab_load_mathjax(shell, colours):
    with capture_output() as captured:
        display.show(colours)
    kinds = [set(output.data) for output in captured.outputs]
    gallery = next(index for index, kind in enumerate(kinds) if WIDGET in kind)
    assert [index for index, kind in enumerate(kinds) if "text/html" in kind] == [len(kinds) - 1]
    assert gallery < len(kinds) - 1


def test_names_from_a_dataset_are_escaped(outputs, colours):
    colours.create_tensor("<script>alert(1)</script>", dtype="int64")
    html = outputs(colours)[0][0]["text/html"]
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_a_long_list_of_tensors_is_scrolled_so_that_the_gallery_stays_in_sight(outputs, colours):
    assert "overflow: auto" not in outputs(colours)[0][0]["text/html"]
    for number in range(12):
        colours.create_tensor(f"more{number}", dtype="int64")
    html = outputs(colours)[0][0]["text/html"]
    assert html.count("<div") == html.count("</div>") == 2
    assert "overflow: auto" in html


def test_a_dataset_without_rows_shows_its_summary_alone(outputs):
    import deeplake_nb as deeplake

    ((summary, _),) = outputs(deeplake.empty("mem://display-empty", overwrite=True))
    assert "no tensors yet" in summary["text/plain"]


def test_another_tensor_can_be_shown(outputs, colours):
    assert outputs(colours, tensor="captions")[1][0]["text/plain"] == "[picture of the first rows of 'captions']"
    with pytest.raises(TensorNotFoundError, match="did you mean 'captions'"):
        outputs(colours, tensor="caption")


def test_a_terminal_gets_the_summary_as_text(capsys, colours):
    display.show(colours)
    assert "2 rows · 6 tensors" in capsys.readouterr().out


def test_a_cell_that_ends_in_a_dataset_shows_it_once_registered(shell, colours):
    display.register(shell)
    with capture_output() as captured:
        shell.display_formatter.format(colours)
    assert len(read(captured.outputs)) == 3
    display.unregister(shell)
    with capture_output() as captured:
        shell.display_formatter.format(colours)
    assert captured.outputs == []


def test_a_view_is_shown_with_its_own_rows(outputs, colours):
    assert "1 row · " in outputs(colours[1:])[0][0]["text/plain"]


def test_plain_ipython_prints_text_and_waits_for_nobody(tmp_path):
    script = tmp_path / "cells.ipy"
    script.write_text(
        "%load_ext deeplake_nb\nimport deeplake_nb as deeplake\n"
        "ds = deeplake.empty('mem://terminal')\nx = ds.create_tensor('x', dtype='int64')\n"
        "x.extend([1, 2])\n%lake show ds\n"
    )
    command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(script)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stderr
    assert "2 rows · 1 tensor" in run.stdout


def test_imports_in_the_background_are_asked_for_once_and_taken_back(shell):
    display.register(shell)
    assert display._warm_up in shell.events.callbacks["post_run_cell"]
    display.unregister(shell)
    assert display._warm_up not in shell.events.callbacks["post_run_cell"]
    display.register(shell)
    shell.run_cell("1")
    assert display._warm_up not in shell.events.callbacks["post_run_cell"]
