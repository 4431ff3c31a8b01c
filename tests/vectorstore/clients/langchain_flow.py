"""LangChain's `DeepLake` as its users have it, in its own interpreter: arguments of the store as JSON, one answer."""

from __future__ import annotations

import json
import sys

import as_deeplake  # noqa: F401 - what the next import finds
from langchain_community.vectorstores import DeepLake
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

TEXTS = ["a cat on a mat", "dogs dig", "fish and chips", "a bird", "cabbage"]


class Letters(Embeddings):
    """Counts letters."""

    def embed_documents(self, texts):
        return [[float(text.count(letter)) for letter in "abcdefghij"] for text in texts]

    def embed_query(self, text):
        return self.embed_documents([text])[0]


def main(path, **options):
    made = DeepLake(path, embedding=Letters(), verbose=False, overwrite=True, **options)
    pages = [{"page": at, "even": at % 2 == 0} for at in range(len(TEXTS))]
    ids = made.add_texts(TEXTS, pages, ids=[f"id{at}" for at in range(len(TEXTS))])
    out = {"ids": ids, "most similar": [one.page_content for one in made.similarity_search("cab", k=2)]}

    store = DeepLake(path, embedding=Letters(), verbose=False, read_only=True, **options)
    scored = store.similarity_search_with_score("cab", k=5, distance_metric="L2")
    out["scores rise"] = [score for _, score in scored] == sorted(score for _, score in scored)
    out["even"] = sorted(
        one.metadata["page"] for one in store.similarity_search("cab", k=5, filter={"metadata": {"even": True}})
    )
    out["diverse"] = len(store.max_marginal_relevance_search("cab", k=3))  # of 20, more than there are
    out["as many as there are"] = len(store.similarity_search("cab", k=50))
    retriever = store.as_retriever(search_type="mmr", search_kwargs={"k": 2, "fetch_k": 4})
    out["retrieved"] = len(retriever.invoke("fish"))
    tql = "SELECT * WHERE metadata['page'] > 2"
    out["queried"] = [one.page_content for one in store.similarity_search("x", tql=tql)]

    made.add_documents([Document(page_content="jig", metadata={"page": 99})])
    made.delete(ids=["id0"])
    out["left"] = len(made.vectorstore)
    made.delete_dataset()
    out["then"] = len(made.vectorstore)
    sys.stdout.write(json.dumps(out))


main(**json.loads(sys.argv[1]))
