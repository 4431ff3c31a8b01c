"""Every public name of the original, with its arguments: it is here, or it is said what to do instead."""

from __future__ import annotations

import inspect
import json
import sys
from pathlib import Path

import pytest
from PIL import Image

import deeplake_nb
from deeplake_nb.dataset.absent import ABSENT
from deeplake_nb.errors import AbsentError, FormatError, UnsupportedError
from deeplake_nb.format import keys
from deeplake_nb.session import arguments

ORIGINAL = json.loads(Path(__file__).with_name("interop").joinpath("names_v3.json").read_text())
OURS = {"module": deeplake_nb, "Dataset": deeplake_nb.Dataset, "Tensor": deeplake_nb.Tensor}
OF_A_PLACE = {*arguments._WITHOUT_EFFECT, *arguments._REFUSED, "org_id", "token", "public"}
"""What every method with a path takes among its ``**options``."""

OPTIONS = {
    ("Dataset", "create_tensor"): {
        "hidden", "create_sample_info_tensor", "create_shape_tensor", "create_id_tensor", "verify", "verbose",
        "downsampling", "tiling_threshold",
    },
    ("Dataset", "load_view"): {"tensors", "progressbar", "num_workers", "scheduler"},
    ("module", "load"): {"reset", "check_integrity"},
    ("module", "dataset"): {"path", "read_only", "overwrite", "creds", "reset", "check_integrity"},
}  # fmt: skip
"""Further names among ``**options``; tests use each."""


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in ORIGINAL.items() for name in names])
def test_a_name_of_the_original_is_here_with_its_arguments(kind, name):
    holder = {"module": "deeplake_nb"}.get(kind, kind)
    if name in ABSENT[holder]:
        assert not hasattr(OURS[kind], name), "it is here after all"
        return
    member = getattr(OURS[kind], name)
    wanted = ORIGINAL[kind][name]
    if wanted is None or (kind, name) == ("module", "dataset"):
        return
    parameters = inspect.signature(member).parameters
    known = set(parameters)
    if any(one.kind is one.VAR_KEYWORD for one in parameters.values()):
        known |= OF_A_PLACE | OPTIONS.get((kind, name), set())
    assert [one for one in wanted if one not in known] == []


def test_what_is_not_here_says_what_to_do_instead():
    ds = deeplake_nb.empty("mem://v3-names", overwrite=True)
    x = ds.create_tensor("x")
    for kind, value in (("deeplake_nb", deeplake_nb), ("Dataset", ds), ("Tensor", x)):
        for name, instead in ABSENT[kind].items():
            with pytest.raises(AbsentError, match="is not here: ") as caught:
                getattr(value, name)
            assert str(caught.value).endswith(instead)
            assert not hasattr(value, name)
    for value in (ds, x):
        with pytest.raises(AttributeError):
            _ = value.nothing_of_that_name
    ds.create_tensor("rechunk").extend([1, 2])
    assert len(ds.rechunk) == 2, "a tensor may have such a name"


def test_a_file_is_read_with_the_arguments_of_the_original(tmp_path):
    Image.new("RGB", (5, 4)).save(tmp_path / "a.png")
    given = {"verify": True, "creds": {}, "compression": "png", "storage": None, "timeout": 3}
    assert deeplake_nb.read(tmp_path / "a.png", **given).shape == (4, 5, 3)
    with pytest.raises(UnsupportedError, match="give the whole path"):
        deeplake_nb.read("a.png", storage={})


def test_loading_what_is_damaged(tmp_path):
    ds = deeplake_nb.empty(tmp_path / "ds")
    ds.create_tensor("x").extend([1, 2])
    ds.commit("two")
    ds.x.append(3)
    head = ds.pending_commit_id
    ds.close()
    path = tmp_path / "ds" / keys.chunk_ids(head, "x")
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(FormatError, match="is damaged: wrong: "):
        deeplake_nb.load(tmp_path / "ds", check_integrity=True)
    (tmp_path / "ds" / keys.tensor_meta(head, "x")).write_text("{")
    with pytest.raises(FormatError):
        deeplake_nb.load(tmp_path / "ds", reset=True, read_only=True)
    assert deeplake_nb.load(tmp_path / "ds", reset=True).x.numpy().tolist() == [[1], [2]]
    assert deeplake_nb.dataset(tmp_path / "ds", check_integrity=True, reset=False).commit_id is not None


def test_queries_of_any_dataset(tmp_path):
    deeplake_nb.empty(tmp_path / "ds").create_tensor("x").extend([1, 5, 9])
    assert deeplake_nb.query(f'SELECT * FROM "{tmp_path}/ds" WHERE x > 4').x.numpy().tolist() == [[5], [9]]
    with pytest.raises(ValueError, match="this names none"):
        deeplake_nb.query("SELECT * WHERE x > 4")


def test_a_gallery_needs_a_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", None)  # of which a former test may have left a shell
    with pytest.raises(UnsupportedError, match="open one, and run %load_ext deeplake_nb"):
        deeplake_nb.empty("mem://v3-visualize", overwrite=True).visualize()
