"""The notebooks people read run from top to bottom, here and against a bucket, and leave pictures behind."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from PIL import Image

from tests.fakes import moto

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SHOWN = ("%lake load", "%lake show", "linked = ")
"""How the cells begin whose value is a dataset."""


def execute(folder):
    """The quickstart, run in ``folder``: every cell by its first words, with its outputs."""
    nb = nbformat.read(NOTEBOOKS / "quickstart.ipynb", 4)
    NotebookClient(nb, timeout=120, resources={"metadata": {"path": folder}}).execute()
    assert not [o for cell in nb.cells for o in cell.get("outputs", ()) if o.get("name") == "stderr"]
    return {cell.source: cell.outputs for cell in nb.cells if cell.cell_type == "code"}


def value(outputs):
    """The text of a cell's value."""
    (output,) = [o for o in outputs if o.output_type == "execute_result"]
    return output.data["text/plain"]


def displayed(outputs):
    """What a cell showed of a dataset: the summary as text, and the static picture, decoded."""
    bundles = [o.data for o in outputs if o.output_type in {"execute_result", "display_data"}]
    (encoded,) = [data for bundle in bundles for kind, data in bundle.items() if kind.startswith("image/")]
    return bundles[0]["text/plain"], Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")


def is_painted(image):
    """Photographs have many colours; an empty frame has not."""
    return min(image.size) >= 64 and len(set(map(tuple, np.asarray(image).reshape(-1, 3)[::50]))) > 500


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """The quickstart where there is no bucket."""
    folder = tmp_path_factory.mktemp("quickstart")
    return folder, execute(folder)


def of(cells, start):
    return next(outputs for source, outputs in cells.items() if source.startswith(start))


@pytest.mark.parametrize("start", SHOWN)
def test_a_dataset_is_shown_as_text_and_as_a_picture(quickstart, start):
    summary, picture = displayed(of(quickstart[1], start))
    assert re.search(r"^images +(link\[)?image", summary, re.MULTILINE)
    assert re.search(r"^captions +text", summary, re.MULTILINE)
    assert is_painted(picture)


def test_rows_read_back_are_those_that_were_written(quickstart):
    folder, cells = quickstart
    assert value(of(cells, "photos.images[0]")).startswith("((512, 512, 3), [")
    assert "['cat', 'nose', 'eye', 'eye']" in value(of(cells, "photos.labels[2]"))
    assert "('coin', " in value(of(cells, "from collections"))
    assert (folder / "quickstart" / "photos" / "dataset_meta.json").is_file()


def test_the_segmentation_finds_the_24_coins(quickstart):
    assert "'coins.png': 24" in value(of(quickstart[1], "from skimage.filters"))


def test_the_listing_marks_the_dataset(quickstart):
    assert re.search(r"dataset\s+photos/", value(of(quickstart[1], "%lake ls")))


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
    summary, picture = displayed(of(cells, "import os"))
    assert "s3://demo/first/photos" in summary
    assert is_painted(picture)
    assert "first/photos/dataset_meta.json" in keys
    assert any(key.startswith("first/photos/images/chunks/") for key in keys)


def test_the_stored_notebook_has_no_outputs_and_no_state():
    nb = nbformat.read(NOTEBOOKS / "quickstart.ipynb", 4)
    nbformat.validate(nb)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in nb.cells)
    assert "widgets" not in nb.metadata
