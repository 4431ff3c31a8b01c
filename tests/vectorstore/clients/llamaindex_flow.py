"""LlamaIndex's `DeepLakeVectorStore` below an index, in its own interpreter: arguments as JSON, one answer."""

from __future__ import annotations

import json
import sys

import as_deeplake  # noqa: F401 - what the next import finds
from llama_index.core import StorageContext, VectorStoreIndex
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.schema import TextNode
from llama_index.core.vector_stores.types import FilterCondition, FilterOperator, MetadataFilter, MetadataFilters
from llama_index.vector_stores.deeplake import DeepLakeVectorStore

TEXTS = ["a cat on a mat", "dogs dig", "fish and chips", "a bird", "cabbage"]


class Letters(BaseEmbedding):
    """Counts letters."""

    def _get_text_embedding(self, text):
        return [float(text.count(letter)) for letter in "abcdefghij"]

    def _get_query_embedding(self, query):
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query):
        return self._get_text_embedding(query)


def texts(nodes):
    return sorted(node.get_content() for node in nodes)


def main(path, **options):
    store = DeepLakeVectorStore(dataset_path=path, overwrite=True, verbose=False, **options)
    nodes = [TextNode(text=text, id_=f"n{at}", metadata={"page": at}) for at, text in enumerate(TEXTS)]
    model = Letters()
    VectorStoreIndex(nodes, storage_context=StorageContext.from_defaults(vector_store=store), embed_model=model)

    again = DeepLakeVectorStore(dataset_path=path, read_only=True, verbose=False, **options)
    index = VectorStoreIndex.from_vector_store(again, embed_model=model)
    found = index.as_retriever(similarity_top_k=2).retrieve("cab")
    out = {"retrieved": [one.node.get_content() for one in found], "scores": [one.score for one in found]}
    out["as many as there are"] = len(index.as_retriever(similarity_top_k=50).retrieve("cab"))
    out["all"] = len(again.get_nodes())
    out["two"] = texts(again.get_nodes(node_ids=["n1", "n3"]))
    late = MetadataFilters(filters=[MetadataFilter(key="page", value=2, operator=FilterOperator.GT)])
    out["late"] = texts(again.get_nodes(filters=late))
    either = [MetadataFilter(key="page", value=value) for value in (0, 4)]
    out["either"] = texts(again.get_nodes(filters=MetadataFilters(filters=either, condition=FilterCondition.OR)))

    store.delete_nodes(node_ids=["n0"])
    store.delete_nodes(filters=late)
    out["left"] = texts(store.get_nodes())
    store.clear()
    try:
        store.get_nodes()
    except ValueError as error:
        out["empty"] = str(error)
    sys.stdout.write(json.dumps(out))


main(**json.loads(sys.argv[1]))
