"""What a search in words finds: a table of scores, and below it the rows in a gallery, nearest first."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from deeplake_nb.errors import CommandError, counted

if TYPE_CHECKING:
    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.vectorstore.store import VectorStore

_COLUMNS = ("rank", "score", "row", "text")
_LONGEST = 100
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Rows that were found, as a view, with their scores and texts; shows itself as a table and a gallery."""

    words: str
    view: Dataset
    scores: tuple[float, ...]
    texts: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        rows = [_COLUMNS, *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        cells = ([f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)] for row in rows)
        return "\n".join((self._title, *("  ".join(row).rstrip() for row in cells)))

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="text-align: left">{name}</th>' for name in _COLUMNS)
        rows = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in self._rows())
        table = f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody>"
        return f'<p>{escape(self._title)}</p><table style="margin-bottom: 12px">{table}</table>'

    def _ipython_display_(self) -> None:
        from IPython.display import publish_display_data

        from deeplake_nb.widgets import display

        publish_display_data({"text/plain": repr(self), "text/html": self._repr_html_()})  # type: ignore[no-untyped-call]
        if len(self):
            display.show(self.view)

    def _rows(self) -> list[tuple[str, ...]]:
        numbers = self.view.index.resolve(len(self)).tolist()
        every = enumerate(zip(self.scores, numbers, self.texts, strict=True), 1)
        return [(str(rank), f"{score:.4f}", str(row), text) for rank, (score, row, text) in every]

    @property
    def _title(self) -> str:
        return f"nearest to {self.words!r}: {counted(len(self), 'row')} of {self.view.path}"


def search(store: VectorStore, words: str, k: int | None = None, embedding_tensor: str | None = None) -> SearchResult:
    """The ``k`` rows of a vector store nearest to ``words``, which its own embedding function embeds.

    ``k`` is 12 unless said otherwise, or all rows of a smaller store; ``embedding_tensor`` the only
    one, or ``embedding`` among several.

    Raises:
        CommandError: it has no embedding function, or is no vector store; or it has several embeddings of a row.
        TensorNotFoundError: no such tensor.
        VectorStoreError: it has no rows, or fewer than ``k``.
    """
    from deeplake_nb.vectorstore import schema
    from deeplake_nb.vectorstore.store import VectorStore

    if not isinstance(store, VectorStore):
        raise CommandError(
            f"a search in words takes a VectorStore, not a {type(store).__name__}: "
            "open it with VectorStore(path, embedding_function=...)"
        )
    if store.embedding_function is None:
        raise CommandError(
            f"{store.path} was opened without an embedding_function, which makes a vector of the words: "
            "open it with VectorStore(path, embedding_function=...)"
        )
    several = schema.embedding_tensors(store.dataset)
    usual = several[0] if len(several) == 1 else "embedding"
    if embedding_tensor is None and usual not in several:
        raise CommandError(
            f"{store.path} has {len(several)} embeddings of each row ({', '.join(several)}): "
            f"say where to search, as in --tensor {several[0]}"
        )
    k = min(_SHOWN, max(len(store), 1)) if k is None else k
    view, scores = store.nearest(words, k, embedding_tensor or usual)
    texts = [name for name, tensor in store.tensors().items() if tensor.htype == "text"]
    shown = view[texts[0] if texts else schema.id_tensor(store.dataset)].data(aslist=True)["value"]
    return SearchResult(words, view, tuple(scores), tuple(_shortened(str(one)) for one in shown))


def _cell(text: str) -> str:
    return f'<td style="text-align: left">{escape(text)}</td>'


def _shortened(text: str) -> str:
    line = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
