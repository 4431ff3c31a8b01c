"""The names a user may rely on."""

from __future__ import annotations

import inspect

import pytest

import deeplake_nb
from deeplake_nb.errors import LakeError, counted, there_are
from deeplake_nb.format.index import Index
from deeplake_nb.session import Session

NAMES = {
    "Dataset",
    "LakeError",
    "Link",
    "Sample",
    "Tensor",
    "VectorStore",
    "stand_in",
    "__version__",
    "audit",
    "compose",
    "compute",
    "connect",
    "copy",
    "dataset",
    "deepcopy",
    "delete",
    "doctor",
    "empty",
    "exists",
    "explain",
    "forget_creds",
    "fsck",
    "hub",
    "ingest_classification",
    "ingest_coco",
    "ingest_dataframe",
    "ingest_yolo",
    "keep_creds",
    "like",
    "link",
    "link_tiled",
    "list",
    "load",
    "query",
    "read",
    "rename",
    "tiled",
}


def test_these_names_and_no_others():
    assert set(deeplake_nb.__all__) == NAMES
    assert dir(deeplake_nb) == sorted(NAMES)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = deeplake_nb.nothing


@pytest.mark.parametrize("name", sorted(NAMES - {"__version__"}))
def test_every_name_resolves_and_is_documented(name):
    assert inspect.getdoc(getattr(deeplake_nb, name))


def test_the_function_dataset_is_not_hidden_by_the_package_of_that_name():
    for _ in range(2):
        assert len(deeplake_nb.dataset("mem://public-api")) == 0


def test_the_function_hub_is_not_hidden_by_the_package_of_that_name():
    for _ in range(2):
        assert deeplake_nb.hub().url == "embedded"


def test_functions_are_the_methods_of_one_session():
    functions = (
        {name for name in NAMES if name.islower() and not name.startswith("_")}
        - {"dataset", "hub"}
        - set(deeplake_nb._CLASSES)
    )
    owners = {id(getattr(deeplake_nb, name).__self__) for name in functions}
    assert len(owners) == 1
    assert isinstance(deeplake_nb.load.__self__, Session)


@pytest.mark.parametrize("kind", [deeplake_nb.Dataset, deeplake_nb.Tensor, deeplake_nb.Sample, Session])
def test_every_public_method_is_documented_and_typed(kind):
    for name, member in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_"):
            assert inspect.getdoc(member), f"{kind.__name__}.{name}"
            hints = set(member.__annotations__)
            assert {*inspect.signature(member).parameters, "return"} - {"self"} <= hints, f"{kind.__name__}.{name}"


def test_counts_are_said_as_people_do():
    assert [counted(number, "row") for number in (0, 1, 2, 12_345)] == ["0 rows", "1 row", "2 rows", "12,345 rows"]
    assert [there_are(number, "row") for number in (1, 3)] == ["there is 1 row", "there are 3 rows"]
    with pytest.raises(LakeError, match=r"row 5 is out of range; there is 1 row$"):
        Index().narrowed(5, 1)


def test_errors_are_one_tree_with_a_kind_each():
    def below(kind):
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    kinds = {error: error.kind for error in below(LakeError) if error.__module__ == "deeplake_nb.errors"}
    assert len(kinds) > 20
    assert len(set(kinds.values())) == len(kinds)
    for error in kinds:
        assert str(error("a message as written")) == "a message as written"
        assert error.__name__ in inspect.getmodule(error).__doc__
