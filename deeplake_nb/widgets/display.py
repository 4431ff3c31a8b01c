"""What a cell shows of a dataset: its summary, a static picture of its first rows, and the live gallery.

Three outputs, so that each reader finds one it can show: GitHub, an export or an untrusted notebook the first two, a
live notebook all of them, of which the page hides the picture once the gallery is in its place. The picture is drawn
last, into the room kept for it, so that the gallery does not wait for it. The summary ends with a hint to run the cell,
which is not seen where a gallery lives. In a terminal only the summary is printed. Nothing waits for a browser.

No HTML before the gallery is on its way: at its first HTML a page of JupyterLab loads MathJax, a megabyte of code,
which takes as long as all else up to the first pictures. So the summary comes as text, in few columns so that a narrow
page breaks no line, and becomes a table last, line for line in its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from deeplake_nb.dataset.dataset import Dataset
    from deeplake_nb.preview.preview import Preview

_DATASET = ("deeplake_nb.dataset.dataset", "Dataset")
_SHEET_BOX_PX = 256

# In a reopened notebook without a kernel the widget's output says "Error displaying widget": the picture stands there.
# The table's lines are as high as those of the text that stood there, so that nothing moves: 5 and one for each tensor.
_STYLE = """\
.jp-RenderedHTMLCommon > .deeplake-nb-summary
 { --line: calc(var(--jp-code-font-size) * var(--jp-code-line-height)); line-height: var(--line);
   margin: 0; padding-bottom: calc(.6 * var(--line)) }
.jp-RenderedHTMLCommon > .deeplake-nb-summary > p { min-height: calc(3 * var(--line)); margin: 0 !important }
.jp-RenderedHTMLCommon > .deeplake-nb-summary table { margin: 0; font-size: var(--jp-code-font-size) }
.jp-RenderedHTMLCommon > .deeplake-nb-summary small { line-height: 1 }
.jp-RenderedHTMLCommon > .deeplake-nb-summary tr > *
 { height: var(--line); padding: 0 8px; line-height: inherit; white-space: nowrap }
.jp-RenderedHTMLCommon > .deeplake-nb-summary thead { border: 0 }
.jp-RenderedHTMLCommon > .deeplake-nb-summary thead tr > *
 { height: calc(1.4 * var(--line)); box-shadow: inset 0 -1px var(--jp-border-color1) }
.jp-RenderedHTMLCommon > .deeplake-nb-summary > div { max-height: calc(25.4 * var(--line)) !important }
.jp-OutputArea-child:has(.deeplake-nb-summary) + .jp-OutputArea-child + .jp-OutputArea-child
 > .jp-OutputArea-output:not([data-mime-type]):not(:has(.deeplake-nb))
 { display: none }"""

_MOST_LINES = 29  # of the summary: what is more is scrolled in the table

_HINT = "run this cell in Jupyter to scroll through all rows"
# It has its room from the first, so that nothing moves, and waits: a gallery that comes to life is there by then.
_HINT_STYLE = """
.deeplake-nb-hint { animation: deeplake-nb-hint 0s 2s both }
@keyframes deeplake-nb-hint { from { visibility: hidden } to { visibility: visible } }
@media print { .deeplake-nb-hint { animation: none } }
:is(.jp-OutputArea-child, .output_container, .output_subarea):has(~ * .deeplake-nb:not([hidden])) .deeplake-nb-hint
 { animation: none; visibility: hidden }"""


def register(shell: InteractiveShell) -> None:
    """Let the shell show datasets. What that needs is imported once the cell has run, while its user reads."""
    from deeplake_nb.widgets import settings

    assert shell.display_formatter is not None
    shell.display_formatter.ipython_display_formatter.for_type_by_name(*_DATASET, show)
    settings.register(shell)
    if _has_page():
        shell.events.register("post_run_cell", _warm_up)


def _warm_up(_: object = None) -> None:
    """Import in the background what a gallery needs, which is half of the time to the first one's pixels."""
    from threading import Thread

    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.instance().events.unregister("post_run_cell", _warm_up)
    Thread(target=_import_all, name="deeplake-nb-imports", daemon=True).start()


def _import_all() -> None:
    from importlib import import_module

    from PIL import Image, ImageDraw, ImageFont  # noqa: F401 - ImageDraw is used by the sheet

    Image.preinit()
    ImageFont.load_default()
    for name in ("session", "dataset.summary", "storage.local", "preview.sheet", "preview.summary", "widgets.gallery"):
        import_module(f"deeplake_nb.{name}")


def unregister(shell: InteractiveShell) -> None:
    """Show datasets as any other object again."""
    from deeplake_nb.widgets import settings

    settings.unregister(shell)
    assert shell.display_formatter is not None
    formatter = shell.display_formatter.ipython_display_formatter
    if _warm_up in shell.events.callbacks["post_run_cell"]:
        shell.events.unregister("post_run_cell", _warm_up)
    try:
        formatter.pop(".".join(_DATASET))
    except KeyError:
        from deeplake_nb.dataset.dataset import Dataset

        formatter.pop(Dataset, None)


def show(ds: Dataset, tensor: str | None = None) -> None:
    """Show a dataset or a view of it in the cell that runs; ``tensor`` names the one whose samples are the pictures.

    The picture of the first rows, which a saved notebook keeps, is left out after ``%config Lake.sheet = False``.

    Raises:
        TensorNotFoundError: no tensor of that name.
    """
    from uuid import uuid4

    from IPython.core.interactiveshell import InteractiveShell

    from deeplake_nb.preview.sheet import MAX_TILES, contact_sheet, grid, room
    from deeplake_nb.widgets import marimo, settings
    from deeplake_nb.widgets.source import Source

    source = Source(ds)
    if tensor is not None:
        source.tensor(tensor)
    if marimo.mode() and source.names:
        from deeplake_nb.widgets.gallery import Gallery

        marimo.show(Gallery(ds, tensor))
        return
    described = summary_bundle(ds, has_gallery=bool(len(source) and source.names), style=_STYLE)
    if not _has_page():
        print(f"\n{described['text/plain']}")  # noqa: T201 - a terminal shows it after its own "Out[1]: "
        return
    if not len(source) or not source.names:
        _publish(described)
        return
    top, place = {"display_id": uuid4().hex}, {"display_id": uuid4().hex}
    _publish({"text/plain": _brief(ds)}, transient=top)
    name = tensor or source.names[0]
    if settings.settings(InteractiveShell.instance()).sheet:
        layout = grid(min(len(source), MAX_TILES))
        words = f"[picture of the first rows of {name!r}]"
        _publish_picture(room(layout), words, transient=place)
        _show_gallery(ds, name, [layout.width, layout.height])
        sheet = contact_sheet(source.tiles(name, range(min(len(source), MAX_TILES)), _SHEET_BOX_PX))
        _publish_picture(sheet, words, transient=place, update=True)
    else:
        _show_gallery(ds, name, [])
    _publish(described, transient=top, update=True)


def summary_bundle(ds: Dataset, *, has_gallery: bool, style: str = "") -> dict[str, str]:
    """The summary as text and as HTML, with ``style``; and with the hint where a gallery comes below it."""
    from deeplake_nb.dataset.summary import summary
    from deeplake_nb.preview.summary import summary_html, summary_text

    heading, rows = summary(ds)
    hint = _HINT if has_gallery else ""
    html = summary_html(heading, rows, style + (_HINT_STYLE if hint else ""), hint)
    return {"text/plain": summary_text(heading, rows), "text/html": html}


def _brief(ds: Dataset) -> str:
    from deeplake_nb.dataset.summary import summary
    from deeplake_nb.preview.summary import BRIEF, summary_text

    return "\n".join(summary_text(*summary(ds), BRIEF).splitlines()[:_MOST_LINES])


def _show_gallery(ds: Dataset, tensor: str, sheet: list[int]) -> None:
    from deeplake_nb.widgets.gallery import Gallery

    bundle: Any = Gallery(ds, tensor, sheet=sheet)._repr_mimebundle_()
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    _publish({**data, "text/plain": f"[live gallery: {_HINT}]"}, metadata)


def _publish(data: dict[str, Any], metadata: dict[str, Any] | None = None, **where: Any) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    InteractiveShell.instance().display_pub.publish(data, metadata, **where)


def _publish_picture(picture: Preview, words: str, **where: Any) -> None:
    import base64

    data = {picture.media_type: base64.b64encode(picture.data).decode(), "text/plain": words}
    _publish(data, {picture.media_type: {"width": picture.width, "height": picture.height}}, **where)


def _has_page() -> bool:
    """Whether this is a kernel, whose outputs go to a page or into a notebook, and not a terminal."""
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None
