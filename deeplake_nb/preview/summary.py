"""A dataset's summary: one heading and one row per tensor, as text and as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from deeplake_nb.errors import counted
from deeplake_nb.preview.text import TIMES, byte_count

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLUMNS = ("tensor", "htype", "dtype", "shape", "length", "compression", "array size")
BRIEF = ("tensor", "htype", "shape", "length")
_RIGHT_ALIGNED = {"length", "array size"}
_MOST_ROWS = 16
_SCROLLED = '<div role="region" aria-label="Tensors" tabindex="0" style="max-height: 440px; overflow: auto">'
_DASH = "\N{EN DASH}"


@dataclass(frozen=True, slots=True)
class SummaryHeading:
    """What is said of the dataset as a whole. ``path`` is redacted already."""

    path: str
    branch: str
    rows: int
    read_only: bool


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One tensor. ``lower`` and ``upper`` are the smallest and the largest sample shape, without the row axis."""

    name: str
    htype: str
    dtype: str
    lower: tuple[int, ...]
    upper: tuple[int, ...]
    length: int
    compression: str
    itemsize: int

    def cells(self) -> tuple[str, ...]:
        """The row as text, one cell per column."""
        length = f"{self.length:,}"
        return (self.name, self.htype, self.dtype, self._shape(), length, self.compression, self._size())

    def _shape(self) -> str:
        if not self.length:
            return _DASH
        if len(self.lower) != len(self.upper):
            return "varies"
        axes = [
            f"{low:,}" if low == high else f"{low:,}{_DASH}{high:,}"
            for low, high in zip(self.lower, self.upper, strict=True)
        ]
        return TIMES.join(axes) or "scalar"

    def _size(self) -> str:
        """Of the decoded arrays; exact when the shape is fixed. The stored size would cost a listing."""
        if not self.itemsize or not self.length or len(self.lower) != len(self.upper):
            return _DASH
        nbytes = self.itemsize * self.length
        for extent in self.upper:
            nbytes *= extent
        return byte_count(nbytes) if self.lower == self.upper else f"≤ {byte_count(nbytes)}"


def summary_text(heading: SummaryHeading, rows: Sequence[SummaryRow], columns: Sequence[str] = _COLUMNS) -> str:
    """The summary as aligned columns of plain text."""
    title = f"Dataset {heading.path}\n{_about(heading, len(rows))}"
    if not rows:
        return f"{title}\nno tensors yet: create one with ds.create_tensor(name, htype=...)"
    chosen = [_COLUMNS.index(column) for column in columns]
    table = [columns, *([cells[index] for index in chosen] for cells in (row.cells() for row in rows))]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if column in _RIGHT_ALIGNED else cell.ljust(width)
            for cell, width, column in zip(cells, widths, columns, strict=True)
        ).rstrip()
        for cells in table
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join([title, "", *lines])


def summary_html(heading: SummaryHeading, rows: Sequence[SummaryRow], style: str = "", hint: str = "") -> str:
    """The summary as an HTML table that needs no style sheet; ``style`` is put into a ``<style>`` as it is.

    Everything that comes from the dataset is escaped. ``hint`` stands at the end of the heading, of a class of its own.
    """
    said = f' <span class="deeplake-nb-hint">· {escape(hint)}</span>' if hint else ""
    parts = [f"<style>{style}</style>"] if style else []
    parts.append(
        '<div class="deeplake-nb-summary"><p style="margin: 0 0 4px">'
        f"<strong>{escape(heading.path)}</strong><br><small>{escape(_about(heading, len(rows)))}{said}</small></p>"
    )
    if rows:
        if len(rows) > _MOST_ROWS:  # what comes below stays in sight
            parts.append(_SCROLLED)
        parts.append("<table><thead><tr>")
        parts += [f'<th style="text-align: {_align(column)}">{escape(column)}</th>' for column in _COLUMNS]
        parts.append("</tr></thead><tbody>")
        parts += [_html_row(row) for row in rows]
        parts.append("</tbody></table>" + ("</div>" if len(rows) > _MOST_ROWS else ""))
    else:
        parts.append("<p>No tensors yet: create one with <code>ds.create_tensor(name, htype=...)</code>.</p>")
    parts.append("</div>")
    return "".join(parts)


def _html_row(row: SummaryRow) -> str:
    cells = "".join(
        f'<td style="text-align: {_align(column)}; white-space: nowrap">'
        f"{'<strong>' if column == 'tensor' else ''}{escape(cell)}{'</strong>' if column == 'tensor' else ''}</td>"
        for column, cell in zip(_COLUMNS, row.cells(), strict=True)
    )
    return f"<tr>{cells}</tr>"


def _align(column: str) -> str:
    return "right" if column in _RIGHT_ALIGNED else "left"


def _about(heading: SummaryHeading, tensors: int) -> str:
    parts = [
        counted(heading.rows, "row"),
        counted(tensors, "tensor"),
        f"branch {heading.branch}",
    ]
    if heading.read_only:
        parts.append("read-only")
    return " · ".join(parts)
