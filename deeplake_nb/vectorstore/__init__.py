"""A vector store: a dataset of texts, their embeddings and metadata, that answers what is nearest to a vector.

``store`` is the façade with v3's names; ``schema`` makes and checks its tensors, ``adding`` turns the arguments of
``add`` into columns, ``filters`` finds the rows that a filter means. ``scan`` is the exact search: it runs blocks of
``dataset.blocks`` through ``nearest``, which asks ``metrics`` twice, once fast and once exactly.

Rejected: a copy of the embeddings in memory, and of the tensor as a whole: a search reads as fast as the disk's cache
gives, in a few megabytes.

May import: ``session`` and all below it.
"""
