"""`%lake search`: the nearest rows, with scores, in words a person understands."""

from __future__ import annotations

import pytest

from deeplake_nb import VectorStore
from deeplake_nb.errors import CommandError, TensorNotFoundError, VectorStoreError
from deeplake_nb.magics.complete import complete
from deeplake_nb.widgets.search_result import SearchResult


def letters(texts):
    return [[one.count(letter) + 0.1 for letter in "acdo"] for one in ([texts] if isinstance(texts, str) else texts)]


@pytest.fixture
def docs(shell):
    store = VectorStore("mem://docs", embedding_function=letters, verbose=False)
    texts = ["a cat", "a dog", "<b>bold</b>\n\x1b[31mand " + "long " * 40]
    store.add(text=texts, metadata=[{"page": at} for at in range(3)], embedding_data=texts)
    shell.user_ns["docs"] = store
    return store


def test_the_nearest_come_first_with_their_scores(shell, docs):
    found = shell.value("%lake search docs 'dog' --k 2")
    assert isinstance(found, SearchResult)
    assert found.texts[0] == "a dog"
    assert found.scores == tuple(docs.search("dog", k=2)["score"])
    assert found.view.text.data()["value"] == docs.search("dog", k=2)["text"]
    lines = repr(found).splitlines()
    assert lines[0] == "nearest to 'dog': 2 rows of mem://docs"
    assert lines[1].split() == ["rank", "score", "row", "text"]
    assert lines[2].split() == ["1", f"{found.scores[0]:.4f}", "1", "a", "dog"]


def test_what_is_shown(shell, docs, capsys):
    shell.run_cell("%lake search docs 'a cat'")
    shown = capsys.readouterr().out
    assert "nearest to 'a cat': 3 rows" in shown
    assert "embedding" in shown  # the summary of the rows, as a dataset is shown
    html = shell.value("%lake search docs cat")._repr_html_()
    assert "&lt;b&gt;bold&lt;/b&gt; [31mand long" in html  # nothing that speaks to a terminal
    assert "<b>" not in html
    assert "…" in html


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("search docs", CommandError, "needs WORDS"),
        ("search", CommandError, "needs STORE"),
        ("search docs cat --k many", CommandError, "--k is how many rows"),
        ("search docs cat --k 0", VectorStoreError, "1 or more"),
        ("search dcs cat", CommandError, "did you mean 'docs'"),
        (
            "search nosuch cat",
            CommandError,
            r"VectorStore\(path, embedding_function=...\) opens one, then %lake search",
        ),
        ("search ./docs cat", CommandError, "'./docs' names no vector store: NAME = deeplake_nb.VectorStore"),
        ("search plain cat", CommandError, "opened without an embedding_function"),
        ("search docs.dataset cat", CommandError, "takes a VectorStore, not a Dataset"),
    ],
)
def test_mistakes(shell, docs, line, error, message):
    shell.user_ns["plain"] = VectorStore(dataset=docs.dataset)
    with pytest.raises(error, match=message):
        shell.value(f"%lake {line}")


def several(shell, **tensors):
    params = [{"name": name, **params} for name, params in tensors.items()]
    shell.user_ns["several"] = VectorStore(
        "mem://several", tensor_params=params, embedding_function=letters, verbose=False
    )
    return shell.user_ns["several"]


def test_embeddings_of_another_name_and_rows_without_texts(shell):
    several(shell, vectors={"htype": "embedding"}, id={}).add(vectors=letters(["a cat", "a dog"]), id=[7, 8])
    found = shell.value("%lake search several dog --k 1")
    assert (found.texts, found.view.id.numpy().tolist()) == (("[8]",), [[8]])


def test_several_embeddings_of_a_row(shell, capsys):
    htype = {"htype": "embedding"}
    store = several(shell, one=htype, two=htype, text={"htype": "text"})
    store.add(one=letters(["cat", "dog"]), two=letters(["dog", "cat"]), text=["x", "y"])
    with pytest.raises(CommandError, match=r"2 embeddings of each row \(one, two\): .* --tensor one"):
        shell.value("%lake search several dog")
    with pytest.raises(TensorNotFoundError, match="no embedding tensor 'too'"):
        shell.value("%lake search several dog --tensor too")
    assert [shell.value(f"%lake search several dog --tensor {name}").texts[0] for name in ("one", "two")] == ["y", "x"]
    shell.run_cell("%lake search several dog --tensor two --k 1 --code")
    assert ".search(several, 'dog', 1, embedding_tensor='two')" in capsys.readouterr().out


def test_completion_names_stores(docs):
    variables = {"docs": docs, "dataset": docs.dataset}
    assert complete("search d", variables) == ("d", [("docs", "store")])
