"""What users do with a vector store, on real folders and in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

import deeplake_nb as deeplake
from deeplake_nb.errors import (
    DatasetNotFoundError,
    HtypeError,
    ReadOnlyError,
    RowError,
    SampleError,
    TensorNotFoundError,
    UnsupportedError,
    UrlError,
    VectorStoreError,
    VersionNotFoundError,
)
from deeplake_nb.vectorstore.store import VectorStore

TEXTS = ["cat", "dog", "fish", "bird"]
VECTORS = np.array([[1, 0, 0], [0, 2, 0], [0, 0, 3], [1, 1, 0]], "float32")
PAGES = [{"page": 1, "of": "a"}, {"page": 2, "of": "a"}, {"page": 1, "of": "b"}, {}]


def embed(texts):
    """As many numbers as a text has letters of each kind; knows no more of lists than a model does."""
    return [[float(text.count(letter)) for letter in "abcdefghi"] for text in texts]


class Model:
    """As LangChain has them."""

    model = "letters"
    api_key = "CANARY-of-a-model"

    def embed_documents(self, texts):
        return embed(texts)

    def embed_query(self, text):
        return embed([text])[0]


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "store")


@pytest.fixture
def store(path):
    made = VectorStore(path, verbose=False)
    made.add(text=TEXTS, metadata=PAGES, embedding=VECTORS, id=["c", "d", "f", "b"])
    return made


def contents(store):
    return {name: tensor.data(aslist=True)["value"] for name, tensor in store.tensors().items() if name != "embedding"}


# ------------------------------------------------------------------ making and opening


def test_a_new_store_has_the_tensors_of_v3(path):
    tensors = VectorStore(path, verbose=False).tensors()
    assert {name: tensor.htype for name, tensor in tensors.items()} == {
        "text": "text",
        "metadata": "json",
        "embedding": "embedding",
        "id": "text",
    }
    assert tensors["embedding"].meta.dtype == "float32"
    assert tensors["embedding"].meta.max_chunk_size == 64 << 20


def test_tensors_of_ones_own_and_ids_are_added(path):
    store = VectorStore(path, tensor_params=[{"name": "e1", "htype": "embedding"}, {"name": "source", "htype": "text"}])
    assert list(store.tensors()) == ["e1", "source", "id"]
    store.add(e1=VECTORS, source=TEXTS)
    assert store.search(embedding=VECTORS[1], embedding_tensor="e1", k=1)["source"] == ["dog"]


def test_it_is_there_again(store, path):
    again = VectorStore(path, read_only=True)
    assert len(again) == 4
    assert contents(again) == contents(store)
    with pytest.raises(ReadOnlyError):
        again.add(text=["x"], metadata=[{}], embedding=[[0, 0, 0]])


def test_overwriting(store, path):
    del store
    assert len(VectorStore(path, overwrite=True)) == 0


def test_an_open_dataset(store):
    assert len(VectorStore(dataset=store.dataset)) == 4
    with pytest.raises(VectorStoreError, match="a path, or a dataset"):
        VectorStore("mem://x", dataset=store.dataset)
    with pytest.raises(VectorStoreError, match="a path, or a dataset"):
        VectorStore()
    with pytest.raises(VectorStoreError, match="an open dataset"):
        VectorStore(dataset="store")


def test_what_is_no_vector_store(tmp_path):
    ds = deeplake.empty(tmp_path / "ds")
    ds.create_tensor("x")
    with pytest.raises(VectorStoreError, match="no 'embedding' tensor, only x"):
        VectorStore(tmp_path / "ds")
    ds.create_tensor("embedding")
    with pytest.raises(VectorStoreError, match="no 'id' tensor"):
        VectorStore(tmp_path / "ds")
    with pytest.raises(VectorStoreError, match="no embedding tensor"):
        VectorStore(tmp_path / "new", tensor_params=[{"name": "text", "htype": "text"}])
    with pytest.raises(VectorStoreError, match=r'such as \{"name"'):
        VectorStore(tmp_path / "new", tensor_params=[{"htype": "text"}])
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exec_option": "pyton"}, "did you mean 'python'"),
        ({"index_params": {"treshold": 3}}, "did you mean 'threshold'"),
        ({"ingestion_batch_size": 0}, "1 or more"),
        ({"ingestion_batch_size": "x"}, "1 or more"),
        ({"ingestion_batch_size": None}, "1 or more"),
        ({"ingestion_batch_size": 2.5}, "1 or more"),
        ({"index_params": 5}, "index_params is a dictionary"),
        ({"index_params": {"additional_params": 5}}, "additional_params is a dictionary"),
        ({"embedding_function": "model"}, "embedding_function is a str"),
    ],
)
def test_arguments_that_are_none(path, options, message):
    with pytest.raises(VectorStoreError, match=message):
        VectorStore(path, **options)
    assert not deeplake.exists(path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"tensor_params": [{"name": "embedding", "htype": "embeding"}]}, HtypeError, "did you mean 'embedding'"),
        ({"tensor_params": [{"name": "embedding", "colour": "red"}]}, HtypeError, "no option 'colour'"),
        ({"tensor_params": [{"name": "embedding", "dtype": "flaot"}]}, HtypeError, "no numpy dtype"),
        ({"tensor_params": [{"name": "embedding"}, {"name": "embedding"}]}, VectorStoreError, "'embedding' twice"),
        ({"tensor_params": [{"name": "embedding"}, {"name": "a,b"}]}, HtypeError, "no tensor name"),
        ({"tensor_params": {"name": "embedding"}}, VectorStoreError, "list of dicts"),
        ({"tensor_params": "embedding"}, VectorStoreError, "list of dicts"),
        ({"tensor_params": 5}, VectorStoreError, "list of dicts"),
        ({"branch": 5}, SampleError, "a branch needs a name"),
        ({"runtime": 5}, VectorStoreError, "runtime is a dictionary"),
    ],
)
def test_what_cannot_be_made_leaves_what_is_there(store, path, options, error, message):
    store.commit()
    before = contents(store)
    stored = {one: one.read_bytes() for one in Path(path).rglob("*") if one.is_file()}
    with pytest.raises(error, match=message):
        VectorStore(path, overwrite=True, **options)
    assert {one: one.read_bytes() for one in Path(path).rglob("*") if one.is_file()} == stored
    assert contents(VectorStore(path, read_only=True)) == before
    with pytest.raises(error, match=message):
        VectorStore(f"{path}-new", **options)
    assert not Path(f"{path}-new").exists()


def test_arguments_of_a_store_that_is_there(store, path):
    with pytest.raises(VectorStoreError, match="open it without tensor_params"):
        VectorStore(path, tensor_params=[{"name": "embedding", "htype": "embedding"}])
    with pytest.raises(UrlError, match="unknown argument"):
        VectorStore(path, colour="red")
    with pytest.raises(VersionNotFoundError):
        VectorStore(path, branch="nowhere")
    assert len(VectorStore(path, num_workers=4)) == 4


def test_reading_makes_no_store(path):
    with pytest.raises(DatasetNotFoundError, match="none is made"):
        VectorStore(path, read_only=True)


def test_branches_and_commits(store, path):
    store.commit()
    store.checkout("side", create=True)
    store.delete(ids=["c"])
    assert len(store) == 3
    store.checkout("main")
    assert len(store) == 4
    assert len(VectorStore(path, branch="side", read_only=True)) == 3
    other = VectorStore(path + "2", branch="first", verbose=False)
    assert other.dataset.branch == "first"
    other.add(text=TEXTS, metadata=PAGES, embedding=VECTORS)
    assert [len(VectorStore(path + "2", branch=one, read_only=True)) for one in ("first", "main")] == [4, 0]


def test_what_the_model_is_is_kept_and_not_its_key(path):
    store = VectorStore(path, embedding_function=Model(), verbose=False)
    assert store.tensors()["embedding"].info["embedding"]["model"] == "letters"
    stored = [one.read_bytes() for one in Path(path).rglob("*") if one.is_file()]
    assert any(b"letters" in one for one in stored)
    assert not any(b"CANARY" in one for one in stored)


def test_a_summary_is_printed_when_verbose(path, capsys):
    store = VectorStore(path)
    store.add(text=["a"], metadata=[{}], embedding=[[1.0]])
    assert "embedding" in capsys.readouterr().out
    store.verbose = False
    store.add(text=["a"], metadata=[{}], embedding=[[1.0]])
    assert capsys.readouterr().out == ""
    store.summary()
    assert "metadata" in capsys.readouterr().out


def test_importing_the_package_loads_no_store():
    code = (
        "import deeplake_nb, sys; assert 'numpy' not in sys.modules; "
        "deeplake_nb.VectorStore; assert 'faiss' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


# ------------------------------------------------------------------ adding


def test_ids_are_made_and_given_back(path):
    store = VectorStore(path, verbose=False)
    ids = store.add(text=TEXTS, metadata=PAGES, embedding=VECTORS, return_ids=True)
    assert len(set(ids)) == 4
    assert all(UUID(one).version == 4 for one in ids)
    assert contents(store)["id"] == ids
    own = UUID("12345678-1234-5678-1234-567812345678")
    assert store.add(text=["x"], metadata=None, embedding=[[1, 2, 3]], id=[own], return_ids=True) == [str(own)]
    assert store.add(text=["y"], metadata=None, embedding=[[1, 2, 3]]) is None


def test_embedding_while_adding(path):
    calls = []

    def counted(texts):
        calls.append(len(texts))
        return embed(texts)

    store = VectorStore(path, embedding_function=counted, ingestion_batch_size=3, verbose=False)
    store.add(text=TEXTS, metadata=PAGES, embedding_data=TEXTS)
    assert calls == [3, 1]
    assert store.dataset.embedding.numpy().tolist() == embed(TEXTS)
    store.add(text=["ab"], metadata=[{}], embedding=(embed, ["ab"]))
    store.add(
        text=["ab"], metadata=[{}], embedding_data=["abc"], embedding_function=Model(), embedding_tensor="embedding"
    )
    assert store.dataset.embedding[-2:].numpy().tolist() == embed(["ab", "abc"])
    store.add(text=["fig"], metadata=[{}], embedding_data="fig")
    assert store.dataset.embedding[-1].numpy().tolist() == embed(["fig"])[0]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8"])
def test_embeddings_that_are_made_keep_what_digits_their_tensor_has(path, dtype):
    params = [{"name": "text", "htype": "text"}, {"name": "embedding", "htype": "embedding", "dtype": dtype}]
    store = VectorStore(path, tensor_params=params, verbose=False, embedding_function=lambda texts: [made] * len(texts))
    made = [1, 2, -3] if dtype == "int8" else [0.1, 0.2, 1 / 3]
    store.add(text=["a", "b"], embedding_data=["a", "b"])
    store.add(text=["c"], embedding=np.array([made]))
    assert store.dataset.embedding.numpy().tolist() == [np.array(made, dtype).tolist()] * 3
    made = [4, 5, 6] if dtype == "int8" else [0.3, 0.4, 2 / 3]
    store.update_embedding(row_ids=[0])
    assert store.dataset.embedding[0].numpy().tolist() == np.array(made, dtype).tolist()
    assert store.search("x", k=2, distance_metric="l2")["score"] == pytest.approx(
        [0, np.linalg.norm(np.subtract(*store.dataset.embedding[:2].numpy(aslist=True)))], abs=1e-3
    )
    made = [1e300] * 3 if dtype != "int8" else [300] * 3
    if dtype != "float64":
        with pytest.raises(SampleError, match=r"numbers beyond|do not fit dtype int8"):
            store.update_embedding(row_ids=[0])


def test_several_embeddings(path):
    params = [{"name": name, "htype": "embedding"} for name in ("one", "two")]
    store = VectorStore(path, tensor_params=[*params, {"name": "text", "htype": "text"}], verbose=False)
    half = lambda texts: [row[:4] for row in embed(texts)]  # noqa: E731
    store.add(
        text=TEXTS, embedding_function=[embed, half], embedding_data=[TEXTS, TEXTS], embedding_tensor=["one", "two"]
    )
    store.add(text=TEXTS, one=(embed, TEXTS), two=(half, TEXTS))
    assert store.dataset.two.shape == (8, 4)
    with pytest.raises(VectorStoreError, match="2 embedding tensors"):
        store.add(text=TEXTS, embedding_function=embed, embedding_data=TEXTS)
    with pytest.raises(VectorStoreError, match="give as many of each"):
        store.add(text=TEXTS, embedding_function=[embed, half], embedding_data=[TEXTS], embedding_tensor=["one", "two"])
    with pytest.raises(VectorStoreError, match="one tensor twice"):
        store.add(
            text=TEXTS, two=VECTORS, embedding_function=embed, embedding_data=[TEXTS] * 2, embedding_tensor=["one"] * 2
        )
    assert len(store) == 8


def test_embedding_at_a_limited_rate(path):
    sizes = []

    def counted(texts):
        sizes.append(len(texts))
        return embed(texts)

    store = VectorStore(path, embedding_function=counted, verbose=False)
    limits = {"enabled": True, "bytes_per_minute": 6e6, "batch_byte_size": 7}
    store.add(text=TEXTS, metadata=PAGES, embedding_data=TEXTS, rate_limiter=limits)
    assert sizes == [2, 1, 1]
    for wrong, message in (
        ({"enable": True}, "did you mean 'enabled'"),
        (5, "rate_limiter is a dictionary"),
        ({"enabled": True, "bytes_per_minute": 0}, "bytes_per_minute is a number above 0"),
        ({"enabled": True, "bytes_per_minute": float("nan")}, "bytes_per_minute is a number above 0"),
        ({"enabled": True, "batch_byte_size": "x"}, "batch_byte_size is a number above 0"),
    ):
        with pytest.raises(VectorStoreError, match=message):
            store.add(text=TEXTS, metadata=PAGES, embedding_data=TEXTS, rate_limiter=wrong)
    assert len(store) == 4


def failing(texts):
    if "fish" in texts:
        raise RuntimeError("the service is down")
    return [[1.0, 2.0, 3.0]] * len(texts)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ({"text": TEXTS, "metadata": PAGES[:3], "embedding": VECTORS}, VectorStoreError, "different numbers"),
        ({"text": TEXTS, "metadata": PAGES, "embedding": VECTORS, "id": ["x"]}, VectorStoreError, "different numbers"),
        ({"text": TEXTS, "embedding": VECTORS}, VectorStoreError, "no values for tensor 'metadata'"),
        ({"text": 5, "metadata": PAGES, "embedding": VECTORS}, VectorStoreError, "one for each row, got 5"),
        ({"text": TEXTS, "metadata": PAGES, "embedding": VECTORS, "embedding_data": 5}, VectorStoreError, "each row"),
        ({"text": TEXTS, "metadata": PAGES, "embedding": np.float32(1)}, VectorStoreError, "one for each row"),
        ({"text": TEXTS, "metadata": PAGES}, VectorStoreError, "no values for tensor 'embedding'"),
        ({"texts": TEXTS, "metadata": PAGES, "embedding": VECTORS}, TensorNotFoundError, "did you mean 'text'"),
        ({"text": TEXTS, "metadata": PAGES, "embedding": np.ones((4, 5))}, VectorStoreError, r"\(3,\) and \(5,\)"),
        ({"text": TEXTS, "metadata": PAGES, "embedding": [[1, 2, 3]] * 3 + [[1]]}, VectorStoreError, "of one width"),
        ({"text": TEXTS, "metadata": PAGES, "embedding": [[1, 2, 3]] * 3 + ["x"]}, VectorStoreError, "of one width"),
        ({"text": [b"1", b"2", b"3", b"4"], "metadata": PAGES, "embedding": VECTORS}, SampleError, "expected a string"),
        ({"text": TEXTS, "metadata": [*PAGES[:3], {"a": {1, 2}}], "embedding": VECTORS}, SampleError, "metadata"),
        (
            {"text": TEXTS, "metadata": PAGES, "embedding_data": TEXTS},
            VectorStoreError,
            "without an embedding_function",
        ),
        ({"text": TEXTS, "metadata": PAGES, "embedding_function": embed}, VectorStoreError, "without embedding_data"),
        (
            {"text": TEXTS, "metadata": PAGES, "embedding_function": embed, "embedding_data": TEXTS[:2]},
            VectorStoreError,
            "different numbers",
        ),
        (
            {
                "text": TEXTS,
                "metadata": PAGES,
                "embedding": VECTORS,
                "embedding_function": embed,
                "embedding_data": TEXTS,
            },
            VectorStoreError,
            "leave one of them out",
        ),
        (
            {"text": TEXTS, "metadata": PAGES, "embedding": (embed, TEXTS), "embedding_data": TEXTS},
            VectorStoreError,
            "use one of the two ways",
        ),
        (
            {"text": TEXTS, "metadata": PAGES, "embedding": (embed, TEXTS)},
            VectorStoreError,
            r"\(3,\) and \(9,\)",
        ),
        ({"text": TEXTS, "metadata": PAGES, "embedding": (failing, TEXTS)}, RuntimeError, "the service is down"),
        (
            {"text": TEXTS, "metadata": PAGES, "embedding": (lambda texts: [[1.0, 2.0, 3.0]], TEXTS)},
            VectorStoreError,
            "for 2 texts",
        ),
    ],
)
def test_an_add_that_fails_adds_nothing(store, path, rows, error, message):
    before = contents(store)
    store.ingestion_batch_size = 2
    with pytest.raises(error, match=message):
        store.add(**rows)
    assert contents(store) == before
    assert contents(VectorStore(path, read_only=True)) == before
    assert {len(tensor) for tensor in VectorStore(path, read_only=True).tensors().values()} == {4}


def test_adding_no_rows(store):
    assert store.add(text=[], metadata=[], embedding=[], return_ids=True) == []
    assert len(store) == 4


# ------------------------------------------------------------------ searching


def test_the_answer_has_the_form_of_v3(store):
    found = store.search(embedding=[1, 0, 0], k=2)
    assert list(found) == ["score", "text", "metadata", "id"]
    assert found["text"] == ["cat", "bird"]
    assert found["metadata"] == [PAGES[0], {}]
    assert found["id"] == ["c", "b"]
    assert found["score"] == pytest.approx([1, np.sqrt(0.5)])
    everything = store.search(embedding=np.array([[0, 1, 0]]), k=1, return_tensors="*")
    assert everything["embedding"][0].tolist() == [0, 2, 0]
    assert list(store.search(embedding=[1, 0, 0], return_tensors=["id"])) == ["score", "id"]


@pytest.mark.parametrize(
    ("metric", "order", "scores"),
    [
        ("L2", "cbdf", [0, 1, np.sqrt(5), np.sqrt(10)]),
        ("l1", "cbdf", [0, 1, 3, 4]),
        ("max", "cbdf", [0, 1, 2, 3]),
        ("COS", "cbdf", [1, np.sqrt(0.5), 0, 0]),
        ("dot", "cbdf", [1, 1, 0, 0]),
    ],
)
def test_metrics(store, metric, order, scores):
    found = store.search(embedding=[1, 0, 0], k=4, distance_metric=metric)
    assert "".join(found["id"]) == order
    assert found["score"] == pytest.approx(scores)


def test_a_view(store):
    view = store.search(embedding=[0, 0, 1], k=2, return_view=True)
    assert view.id.data()["value"] == ["f", "c"]
    assert isinstance(view, deeplake.Dataset)


def test_four_or_all_unless_said_otherwise(store):
    store.delete(ids=["b"])
    assert len(store.search(embedding=[1, 0, 0])["id"]) == 3
    store.add(text=TEXTS, metadata=PAGES, embedding=VECTORS)
    assert len(store.search(embedding=[1, 0, 0])["id"]) == 4


def test_searching_for_a_text(path):
    store = VectorStore(path, embedding_function=Model(), verbose=False)
    store.add(text=TEXTS, metadata=PAGES, embedding_data=TEXTS)
    assert store.search("fig", k=1)["text"] == ["fish"]
    assert store.search(["cab"], k=1)["text"] == ["cat"]
    assert store.search("cab", embedding_function=lambda texts: embed([texts]), k=1)["text"] == ["cat"]


FILTERS = [
    ({"metadata": {"page": 1}}, "cf"),
    ({"metadata": {"page": 1, "of": "b"}}, "f"),
    ({"metadata": {"page": 3}}, ""),
    ({"metadata": {"nothing": None}}, ""),
    ({"text": "dog"}, "d"),
    ({"text": ["dog", "bird", "x"]}, "db"),
    ({"id": ["b", "c"], "metadata": {"page": 1}}, "c"),
    ({}, "cdfb"),
    (lambda row: "i" in row.text.data()["value"], "fb"),
    ({"embedding": VECTORS[2]}, "f"),
    ({"embedding": [[[1], [1, 2]], VECTORS[2]]}, "f"),
]


@pytest.mark.parametrize(("given", "ids"), FILTERS)
def test_filters(store, given, ids):
    found = store.search(filter=given)
    assert "".join(found["id"]) == ids
    assert "score" not in found
    nearest = store.search(embedding=[0, 0, 1], filter=given, k=1)
    assert len(nearest["id"]) == min(len(ids), 1)
    assert set(store.search(embedding=[0, 0, 1], filter=given, k=4)["id"]) == set(ids)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"embedding": [1, 0]}, VectorStoreError, "has 2 numbers, but those of tensor 'embedding' have 3"),
        ({"embedding": [[1, 0, 0], [0, 1, 0]]}, VectorStoreError, r"shape \(2, 3\)"),
        ({"embedding": []}, VectorStoreError, r"shape \(0,\)"),
        ({"embedding": ["a"]}, VectorStoreError, "no list of numbers"),
        ({"embedding": [1, 0, np.nan]}, VectorStoreError, "NaN"),
        ({"embedding": [1, 0, 1e300]}, VectorStoreError, "any number beyond"),
        ({"embedding": [1, 0, 0], "k": 0}, VectorStoreError, "1 or more, got 0"),
        ({"embedding": [1, 0, 0], "k": 5}, VectorStoreError, "k=5 is more than the 4 rows of the store"),
        ({"embedding": [1, 0, 0], "k": 5, "exec_option": "compute_engine"}, VectorStoreError, "more than the 4 rows"),
        ({"embedding": [1, 0, 0], "k": 5, "filter": {"id": "c"}}, VectorStoreError, "more than the 4 rows"),
        ({"embedding": [1, 0, 0], "k": 1.5}, VectorStoreError, "1 or more, got 1.5"),
        ({"embedding": [1, 0, 0], "embedding_tensor": "embeding"}, TensorNotFoundError, "did you mean 'embedding'"),
        ({"embedding": [1, 0, 0], "embedding_tensor": "text"}, VectorStoreError, "no vectors"),
        ({"embedding": [1, 0, 0], "distance_metric": "l3"}, VectorStoreError, "no distance metric 'l3'"),
        ({"embedding": [1, 0, 0], "return_tensors": ["txt"]}, TensorNotFoundError, "did you mean 'text'"),
        ({"embedding": [1, 0, 0], "return_tensors": [3]}, TensorNotFoundError, "no tensor 3"),
        ({"embedding": [1, 0, 0], "filter": {3: 4}}, TensorNotFoundError, "no tensor 3"),
        ({"embedding": [1, 0, 0], "filter": {"meta": {}}}, TensorNotFoundError, "'meta'"),
        ({"embedding": [1, 0, 0], "filter": {"metadata": "x"}}, VectorStoreError, "expected a dictionary"),
        ({"embedding": [1, 0, 0], "filter": 7}, VectorStoreError, "not a int"),
        ({"filter": {"text": {"a": 1}}}, VectorStoreError, "a list of values, got a dict"),
        ({"filter": {"metadata": {"page": {1, 2}}}}, VectorStoreError, r"nothing that is stored equals \{1, 2\}"),
        ({"filter": {"metadata": {"page": [1, np.nan]}}}, VectorStoreError, "'metadata': nothing .* equals nan"),
        ({"filter": {"text": "\ud800"}}, VectorStoreError, "'text': nothing that is stored equals"),
        ({"filter": {"metadata": {1: 2}}}, VectorStoreError, "keys that are texts"),
        ({"filter": {"embedding": object()}}, VectorStoreError, "'embedding': nothing that is stored equals <object"),
        ({"filter": {"text": np.array(["a"])}}, VectorStoreError, "a list of values, got a ndarray"),
        ({"filter": {"id": iter(["c"])}}, VectorStoreError, "a list of values, got a list_iterator"),
        ({"embedding": [1, 0, 0], "exec_option": "fast"}, VectorStoreError, "no exec_option 'fast'"),
        ({"embedding": [1, 0, 0], "deep_memory": True}, UnsupportedError, "deep_memory .* search without it"),
        ({"embedding": [1, 0, 0], "return_tql": True}, UnsupportedError, "return_tql: .* leave it out"),
        ({"embedding_data": "text"}, VectorStoreError, "without an embedding_function"),
        ({"embedding_function": embed}, VectorStoreError, "without embedding_data"),
        ({"embedding_data": ["a", "b"], "embedding_function": embed}, VectorStoreError, "one text"),
        ({}, VectorStoreError, "search for something"),
    ],
)
def test_searches_that_cannot_be(store, arguments, error, message):
    with pytest.raises(error, match=message):
        store.search(**arguments)


def test_an_empty_store(path):
    with pytest.raises(VectorStoreError) as caught:
        VectorStore(path).search(embedding=[1, 0, 0])
    assert str(caught.value) == "specified dataset is empty"  # v3's clients look for that
    assert "add() some" in caught.value.__notes__[0]


def test_rows_of_which_none_has_an_embedding(path):
    store = VectorStore(path, verbose=False)
    for _ in range(2):  # there are no others yet, and some
        store.add(text=["a", "b"], metadata=None, embedding=[None, None], id=["a", "b"])
        store.add(text=["c"], metadata=None, embedding=[[1, 2]], id=["c"])
        store.add(text=["d"], metadata=None, embedding=None, id=["d"])
    assert store.search(embedding=[1, 2], k=8)["id"] == list("ccabdabd")


def test_rows_without_an_embedding_come_last(path):
    store = VectorStore(path, verbose=False)
    store.add(text=TEXTS, metadata=PAGES, embedding=[[1, 0], None, [0, 1], [np.nan, 0]], id=list("abcd"))
    found = store.search(embedding=[0, 1], k=4, distance_metric="l2")
    assert found["id"] == ["c", "a", "b", "d"]
    assert np.isnan(found["score"][2:]).all()


# ------------------------------------------------------------------ changing


def test_deleting(store, path):
    assert store.delete(ids=["d", "nobody"])
    assert store.delete(filter={"metadata": {"of": "b"}})
    assert contents(VectorStore(path, read_only=True))["id"] == ["c", "b"]
    assert store.delete(row_ids=[0])
    assert contents(store)["id"] == ["b"]
    assert store.delete(filter=lambda _: True)
    assert len(store) == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, VectorStoreError),
        ({"ids": ["c"], "row_ids": [1]}, VectorStoreError),
        ({"ids": ["c"], "filter": {}}, VectorStoreError),
        ({"row_ids": [0, 9]}, RowError),
        ({"row_ids": [1 << 70]}, VectorStoreError),
        ({"row_ids": np.array([True, False, False, True])}, VectorStoreError),
        ({"row_ids": [True, False, False, True]}, VectorStoreError),
        ({"row_ids": [1.5]}, VectorStoreError),
        ({"row_ids": "01"}, VectorStoreError),
        ({"row_ids": [[0, 1]]}, VectorStoreError),
        ({"row_ids": 0}, VectorStoreError),
        ({"row_ids": slice(2)}, VectorStoreError),
        ({"ids": 5}, VectorStoreError),
        ({"filter": {"x": 1}}, TensorNotFoundError),
        ({"ids": ["c"], "exec_option": "x"}, VectorStoreError),
    ],
)
def test_deleting_what_cannot_be_deletes_nothing(store, arguments, error):
    with pytest.raises(error):
        store.delete(**arguments)
    assert len(store) == 4


@pytest.mark.parametrize(
    "rows", [[2, 0, 0], (0, 2), {0, 2}, range(0, 3, 2), np.array([2, 0], "uint8"), [np.int8(2), 0]]
)
def test_rows_are_named_in_any_form(store, rows):
    assert store.delete(row_ids=rows)
    assert contents(store)["id"] == ["d", "b"]
    assert store.delete(row_ids=[])
    assert len(store) == 2


def test_ids_that_are_numbers(path):
    params = [{"name": "embedding", "htype": "embedding"}, {"name": "id", "htype": "generic", "dtype": "int64"}]
    store = VectorStore(path, tensor_params=params, verbose=False)
    store.add(embedding=VECTORS, id=[7, 8, 9, 10])
    store.delete(ids=[8, 11])
    store.delete(ids=np.array([10]))
    assert store.dataset.id.numpy().ravel().tolist() == [7, 9]


def test_deleting_by_id_where_nothing_is_left(store, path):
    every = store.dataset.id.text()
    store.delete(ids=every)
    assert len(store) == 0
    assert store.delete(ids=every)
    assert VectorStore(f"{path}-new", verbose=False).delete(ids=["a"])
    store.update_embedding(ids=["a"], embedding_function=len)


def test_deleting_all_takes_the_history_along(store, path):
    store.commit()
    store.tensors()["text"].info["by"] = "me"
    assert store.delete(delete_all=True)
    assert len(store) == 0
    assert store.dataset.commits == []
    again = VectorStore(path, verbose=False)
    assert list(again.tensors()) == ["text", "metadata", "embedding", "id"]
    assert again.tensors()["text"].info["by"] == "me"
    again.add(text=TEXTS, metadata=PAGES, embedding=VECTORS)
    assert len(again) == 4
    store.delete(delete_all=True)  # which knows nothing of what the other one did
    assert len(VectorStore(path, read_only=True)) == 0
    again = VectorStore(path, verbose=False)
    again.add(text=TEXTS, metadata=PAGES, embedding=VECTORS)
    with pytest.raises(ReadOnlyError):
        VectorStore(path, read_only=True).delete(delete_all=True)
    assert len(VectorStore(path, read_only=True)) == 4


def test_making_embeddings_anew(path):
    store = VectorStore(path, embedding_function=embed, verbose=False)
    store.add(text=TEXTS, metadata=PAGES, embedding_data=TEXTS, id=list("abcd"))
    store.update_embedding(ids=["b"], embedding_function=lambda texts: [[float(len(texts[0]))] * 9] * len(texts))
    store.update_embedding(filter={"id": "a"})
    found = VectorStore(path, read_only=True).dataset.embedding.numpy()
    assert found[1].tolist() == [3.0] * 9
    assert found[[0, 2, 3]].tolist() == embed([TEXTS[0], *TEXTS[2:]])
    before = found.tolist()
    for arguments in (
        {},
        {"row_ids": [0], "ids": ["a"]},
        {"row_ids": [0], "embedding_function": lambda texts: [[1.0]] * len(texts)},
        {"row_ids": [0, 2], "embedding_function": failing},
        {"row_ids": [0], "embedding_source_tensor": "txt"},
        {"row_ids": [0], "embedding_source_tensor": ["text", "id"]},
    ):
        with pytest.raises((VectorStoreError, TensorNotFoundError, RuntimeError)):
            store.update_embedding(**arguments)
    assert store.dataset.embedding.numpy().tolist() == before


def test_making_embeddings_anew_needs_a_function(store):
    with pytest.raises(VectorStoreError, match="no embedding_function"):
        store.update_embedding(row_ids=[0])


def test_deleting_a_store(store, path):
    store.dataset.close()
    VectorStore.delete_by_path(path)
    assert not deeplake.exists(path)
    with pytest.raises(DatasetNotFoundError):
        VectorStore.delete_by_path(path)
