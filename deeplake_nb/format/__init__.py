"""The Deep Lake v3 on-disk format: bytes to samples and back, with no I/O, no clock and no environment.

Everything here is a function of bytes and numpy arrays, so that it can be tested without a disk and used by
whatever reads or writes. ``keys`` knows what objects are called, ``meta``, ``versions``, ``chunk`` and ``encoders``
what is in them, ``samples`` and ``codecs`` turn a Python value into stored bytes and back, ``htypes`` says which of
those a tensor uses, ``index`` understands what the user writes in brackets, and ``plans`` decides which objects to
touch, in which order. Rejected: classes that hold a storage provider, because then a plan could not be inspected.

In memory every chunk is raw samples with positions: ``packing`` alone knows that chunks may be stored as one lz4 block
or painted on one picture (``canvas``), so that whoever reads, appends or rewrites has one kind. A sample too large for
a chunk is ``Tiles`` on a grid of them, or a ``Grid`` of linked files: such samples have chunks of their own.

May import: numpy, Pillow, lz4 and the libraries of media (lazily), ``deeplake_nb.errors``, ``deeplake_nb.registry``.
"""
