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

from deeplake_nb.magics.grammar import parse
from tests.fakes import moto

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
SHOWN = ("%lake load", "%lake show", "linked = ")
"""How the cells of the quickstart begin whose value is a dataset."""


def execute(name, folder):
    """A notebook, run in ``folder`` as papermill and nbconvert do: every cell by its source, with its outputs."""
    nb = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    NotebookClient(nb, timeout=120, resources={"metadata": {"path": folder}}).execute()
    assert not [o for cell in nb.cells for o in cell.get("outputs", ()) if o.get("name") == "stderr"]
    return {cell.source: cell.outputs for cell in nb.cells if cell.cell_type == "code"}


def value(outputs):
    """The text of a cell's value."""
    (output,) = [o for o in outputs if o.output_type == "execute_result"]
    return output.data["text/plain"]


def printed(outputs):
    """What a cell printed; what took long was shown as progress beside it."""
    return "".join(o.text for o in outputs if o.output_type == "stream")


def displayed(outputs):
    """What a cell showed of a dataset: the summary as text, and the static picture, decoded."""
    bundles = [o.data for o in outputs if o.output_type in {"execute_result", "display_data"}]
    (encoded,) = [data for bundle in bundles for kind, data in bundle.items() if kind.startswith("image/")]
    texts = (bundle.get("text/plain", "") for bundle in bundles)
    summary = next(text for text in texts if text.startswith("Dataset "))
    return summary, Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB")


def is_painted(image):
    """Photographs have many colours; an empty frame has not."""
    return min(image.size) >= 64 and len(set(map(tuple, np.asarray(image).reshape(-1, 3)[::50]))) > 500


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory):
    """The quickstart where there is no bucket."""
    folder = tmp_path_factory.mktemp("quickstart")
    return folder, execute("quickstart", folder)


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
    text = printed(of(quickstart[1], "import os"))
    assert text.count("\n") == 1
    assert "set LAKE_DEMO_URL" in text


def test_with_a_bucket_the_same_dataset_is_written_and_shown_there(tmp_path, monkeypatch):
    with moto.moto_server() as endpoint:
        s3 = moto.client(endpoint)
        s3.create_bucket(Bucket="demo")
        monkeypatch.setenv("LAKE_DEMO_URL", "s3://demo/first")
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", moto.ADMIN["aws_access_key_id"])
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", moto.ADMIN["aws_secret_access_key"])
        cells = execute("quickstart", tmp_path)
        keys = {item["Key"] for item in s3.list_objects_v2(Bucket="demo", Prefix="first/photos/")["Contents"]}
    summary, picture = displayed(of(cells, "import os"))
    assert "s3://demo/first/photos" in summary
    assert is_painted(picture)
    assert "first/photos/dataset_meta.json" in keys
    assert any(key.startswith("first/photos/images/chunks/") for key in keys)


def test_the_hub_gives_names_and_keeps_keys(tmp_path):
    cells = execute("hub", tmp_path)
    assert is_painted(displayed(of(cells, 'if "hub://team/photos"'))[1])
    assert (
        value(of(cells, 'deeplake.load("hub://team/photos")')) == "{'value': ['rocket', 'retina', 'hubble_deep_field']}"
    )
    assert value(of(cells, "hub.set_default_storage")) == "('hub://team/labels', ['labels'])"
    assert re.findall(r"dataset +(\w+)/", value(of(cells, "%lake ls"))) == ["labels", "photos"]
    assert value(of(cells, "example = ")) == "[('files', 'http-token', ('https://files.example/data',))]"
    done = value(of(cells, "deeplake.audit"))
    assert [word in done for word in ("connect", "set default storage", "add key", "rotate key")] == [True] * 4
    assert (tmp_path / "hub" / "data" / "hub.db").is_file(), "not the user's own hub"
    assert "no secret" not in str(list(cells.values()))


def test_the_gallery_is_moved_from_python_where_nobody_looks(tmp_path):
    cells = execute("gallery", tmp_path)
    assert 0 < int(value(of(cells, "shown.view"))) < 40
    assert printed(of(cells, "shown.selection")).strip().endswith("ds[3:6]")


def test_links_stay_where_they_are_and_fail_alone(tmp_path):
    cells = execute("links", tmp_path)
    assert is_painted(displayed(of(cells, "linked = "))[1])
    assert value(of(cells, "linked.images[0]")).startswith("((872, 1000, 3),")
    summary, picture = displayed(of(cells, "import shutil"))
    assert "2 rows" in summary
    assert is_painted(picture)
    assert value(of(cells, "example = ")) == "{'raw_bucket'}"


def test_versions_are_kept_compared_and_merged(tmp_path):
    cells = execute("versions", tmp_path)
    assert "* Updated 1 sample: [1]" in printed(of(cells, 'photos.checkout("mend"'))
    assert value(of(cells, 'photos.commit("the sky')) == "([['eye'], ['rocket']], [['eye'], ['sky'], ['rocket']])"
    assert printed(of(cells, "photos.log()")).count("Commit : ") == 2
    assert "2 rows" in displayed(of(cells, "old = "))[0]
    summary, picture = displayed(of(cells, "%lake load ./versions@mend"))
    assert "3 rows · 2 tensors · branch mend" in summary
    assert is_painted(picture)


def test_a_vector_store_is_asked(tmp_path):
    cells = execute("vectors", tmp_path)
    outputs = of(cells, "%lake search")
    summary, picture = displayed(outputs)
    assert "4 rows" in summary
    assert is_painted(picture)
    (table,) = [o.data["text/plain"] for o in outputs if o.get("data", {}).get("text/plain", "").startswith("nearest")]
    assert "a rocket on its way into space" in table.splitlines()[2]
    assert "galaxies" in value(of(cells, "is_sky = "))
    assert "a cup of coffee" in value(of(cells, "store.search(query="))
    assert is_painted(displayed(of(cells, "text = "))[1])


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_stored_notebook_has_no_outputs_and_no_state(name):
    nb = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    nbformat.validate(nb)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in nb.cells)
    assert "widgets" not in nb.metadata


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_every_line_that_a_notebook_only_mentions_is_understood(name):
    cells = nbformat.read(FOLDER / f"{name}.ipynb", 4).cells
    words = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for line in re.findall(r"^    %lake (.*)$", words, re.MULTILINE):
        parse(line)
