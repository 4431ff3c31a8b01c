"""Which display a shell has, as its settings say."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from deeplake_nb.errors import CancelledError
from deeplake_nb.progress import Progress
from deeplake_nb.progress.stand import Stand
from deeplake_nb.progress.terminal import TerminalLine
from deeplake_nb.storage.http import HttpStorage
from deeplake_nb.urls import parse
from deeplake_nb.widgets import settings
from deeplake_nb.widgets.progress_bar import NotebookBar, display_in


class Shell(SimpleNamespace):
    """As much of IPython's shell as is asked for; `published` is what a kernel's page would get."""

    def __init__(self, **more):
        self.published = []
        super().__init__(configurables=[], execution_count=3, **more)
        self.display_pub = SimpleNamespace(publish=lambda data, **where: self.published.append((data, where)))


def test_a_terminal_has_a_line_and_a_kernel_a_bar():
    job = Progress("count", "numbers")
    assert isinstance(display_in(Shell(), job), TerminalLine)
    assert isinstance(display_in(Shell(kernel=object()), job), NotebookBar)


@pytest.mark.parametrize("more", [{}, {"kernel": object()}])
def test_both_can_be_switched_off(more):
    shell = Shell(**more)
    shell.configurables.append(settings.Lake(progress=False))
    assert display_in(shell, Progress("count", "numbers")) is None


def test_jobs_of_a_name_in_a_cell_take_one_place_and_other_cells_another():
    def drawn(shell, what="count"):
        shell.published.clear()
        bar = NotebookBar(shell, Progress(what, "numbers"))
        bar.draw(Stand(what, "numbers", 1, 2, 1.0, 1.0))
        bar.end(Stand(what, "numbers", 2, 2, 1.0, 2.0), is_passing=False)
        first, last = shell.published[0], [one for one in shell.published if "text/plain" in one[0]][-1]
        assert first[1]["transient"] == last[1]["transient"]
        assert last[1]["update"]
        assert last[0]["text/plain"] == f"{what}: 2 numbers in 2.0 s, 1.0/s"
        return first[1]["transient"]["display_id"], first[1]["update"]

    shell = Shell(kernel=object())
    place, is_update = drawn(shell)
    assert not is_update
    assert drawn(shell) == (place, True)
    assert drawn(shell, "other")[0] != place
    shell.execution_count += 1
    other, is_update = drawn(shell)
    assert (other != place, is_update) == (True, False)


def test_names_are_no_markup():
    shell = Shell(kernel=object())
    bar = NotebookBar(shell, Progress("<b>x", "numbers"))
    bar.draw(Stand('<b>"x', "numbers", 1, None, 1.0, 1.0))
    html = shell.published[0][0]["text/html"]
    assert "<b>" not in html
    assert 'aria-label="&lt;b&gt;&quot;x"' in html
    bar.end(Stand("<b>x", "numbers", 1, None, 1.0, 1.0, "failed"), is_passing=True)
    assert [data["text/html"] for data, _ in shell.published if "text/html" in data][-1].count("&lt;b&gt;x") == 1


def test_no_secret_of_an_address_is_in_a_line():
    canary = "c4naryC4NARY"
    place = HttpStorage(parse(f"https://user:{canary}@127.0.0.1/x?sig={canary}"))
    job = Progress(f"filter {place.url}", "rows", 5, "nothing changed")
    shell = Shell(kernel=object())
    bar = NotebookBar(shell, job)
    bar.draw(Stand(job.what, "rows", 1, 5, 1.0, 1.0))
    bar.end(Stand(job.what, "rows", 1, 5, 1.0, 1.0, "failed"), is_passing=False)
    job.cancel()
    with pytest.raises(CancelledError) as caught, job:
        job(1)
    assert canary not in repr(shell.published) + str(caught.value) + job.what
