"""A vector store: a dataset of texts, their embeddings and metadata, that answers what is nearest to a vector.

``store`` is the façade with v3's names; ``schema`` makes and checks its tensors, ``adding`` turns the arguments of
``add`` into columns, ``filters`` finds the rows that a filter means, ``changing`` sees to it that they still are these
rows when they are changed. ``scan`` is the exact search: it runs blocks of
``dataset.blocks`` (files as they lie in memory, where that can be had) through ``nearest``, which asks ``metrics``
twice, once fast (``products``) and once exactly. Of large local files ``sketches`` are kept from the second search on,
four bits a number (``sketch``): they tell which few rows are worth a look (``narrowing``). ``graph`` is an HNSW graph
by faiss, ``index`` keeps one in step with a tensor and beside the dataset, ``ranking`` puts what it finds in the order
of an exact search, and ``engines`` chooses between the two.
``tql`` reads queries, and ``querying`` carries them out. ``client`` is the store under the original's name, lenient
where its clients count on that.

Rejected: a copy of the embeddings in memory for exact search, which an eighth of it does as well; files that stay
mapped from one search to the next, as their pages count as this process's memory; sketches made on a thread of their
own, which takes a core and memory from the searches that it is to help; the original's own form of an index, which is
written by a closed library; an index that is told what changed, as the original changes rows without telling.

May import: ``session`` and all below it.
"""
