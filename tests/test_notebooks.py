"""The notebooks people read run from top to bottom, here and against a bucket, and leave pictures behind."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

from tests.fakes import moto

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SHOWN = ("photos", "%lake load", "%lake show", "linked = ")
"""How the cells begin whose value is a dataset."""


def execute(folder):
    """The quickstart, run in ``folder``: every cell by its first words, with its outputs."""
    nb = nbformat.read(NOTEBOOKS / "quickstart.ipynb", 4)
    NotebookClient(nb, timeout=120, resources={"metadata": {"path": folder}}).execute()
    assert not [o for cell in nb.cells for o in cell.get("outputs", ()) if o.get("name") == "stderr"]
    return {cell.source: cell.outputs for cell in nb.cells if cell.cell_type == "code"}


def shown(outputs):
    """The one bundle a cell displayed."""
    (bundle,) = [o.data for o in outputs if o.output_type in {"execute_result", "display_data"}]
    return bundle


def picture(bundle):
    """The static picture of a displayed dataset, decoded."""
    encoded = re.search(r"data:image/\w+;base64,([\w+/=]+)", str(bundle.get("text/html", "")))
    data = encoded[1] if encoded else bundle["image/png"]
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def is_painted(image):
    """Photographs have many colours; an empty frame has not."""
    return min(image.size) >= 64 and len(set(image.resize((64, 64)).getdata())) > 500


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """The quickstart where there is no bucket."""
    folder = tmp_path_factory.mktemp("quickstart")
    return folder, execute(folder)


def of(cells, start):
    return next(outputs for source, outputs in cells.items() if source.startswith(start))


@pytest.mark.parametrize("start", SHOWN)
def test_a_dataset_is_shown_as_text_and_as_a_picture(quickstart, start):
    bundle = shown(of(quickstart[1], start))
    for tensor in ("images", "captions"):
        assert tensor in bundle["text/plain"]
    assert is_painted(picture(bundle))


def test_rows_read_back_are_those_that_were_written(quickstart):
    folder, cells = quickstart
    assert shown(of(cells, "photos.images[0]"))["text/plain"].startswith("((512, 512, 3), [")
    assert "['cat', 'eye', 'eye', 'nose']" in shown(of(cells, "photos.labels[2]"))["text/plain"]
    assert "('coin', " in shown(of(cells, "from collections"))["text/plain"]
    assert (folder / "quickstart" / "photos" / "dataset_meta.json").is_file()


def test_the_segmentation_finds_the_24_coins(quickstart):
    assert "'coins.png': 24" in shown(of(quickstart[1], "from skimage.filters"))["text/plain"]


def test_the_listing_marks_the_dataset(quickstart):
    assert re.search(r"dataset\s+photos/", shown(of(quickstart[1], "%lake ls"))["text/plain"])


def test_without_a_bucket_the_last_cell_says_in_one_line_what_to_set(quickstart):
    (output,) = of(quickstart[1], "import os")
    assert output.text.count("\n") == 1
    assert "set LAKE_DEMO_URL" in output.text


def test_with_a_bucket_the_same_dataset_is_written_and_shown_there(tmp_path, monkeypatch):
    with moto.moto_server() as endpoint:
        s3 = moto.client(endpoint)
        s3.create_bucket(Bucket="demo")
        monkeypatch.setenv("LAKE_DEMO_URL", "s3://demo/first")
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", moto.ADMIN["aws_access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", moto.ADMIN["aws_secret_access_key"])
        cells = execute(tmp_path)
        keys = {item["Key"] for item in s3.list_objects_v2(Bucket="demo", Prefix="first/photos/")["Contents"]}
    bundle = shown(of(cells, "import os"))
    assert "s3://demo/first/photos" in bundle["text/plain"]
    assert is_painted(picture(bundle))
    assert "first/photos/dataset_meta.json" in keys
    assert any(key.startswith("first/photos/images/chunks/") for key in keys)


def test_the_stored_notebook_has_no_outputs_and_no_state():
    nb = nbformat.read(NOTEBOOKS / "quickstart.ipynb", 4)
    nbformat.validate(nb)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in nb.cells)
    assert "widgets" not in nb.metadata
