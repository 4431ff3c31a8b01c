"""Collections of files, and tables, as datasets: what is there is read and checked before anything is made.

Each module turns one kind of source into an `Ingestion`: which tensors, and their rows in batches. Images are stored as
the files are, or linked to; annotations become v3's htypes.
"""

from __future__ import annotations
