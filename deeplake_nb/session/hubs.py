"""What a hub says of places and names, told to users."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from deeplake_nb.storage.wrappers import innermost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deeplake_nb.diagnosis.report import Report
    from deeplake_nb.hub.protocol import DatasetEntry, Hub
    from deeplake_nb.session.places import Place, Places


def datasets(hub: Hub, org: str) -> Iterator[DatasetEntry]:
    """All datasets of an organisation that one may see, by name; asked for page by page."""
    after: str | None = None
    while True:
        page = hub.datasets(org, after=after)
        yield from page.entries
        after = page.after
        if after is None:
            return


def is_for_reading(place: Place, *, was_asked: bool) -> bool:
    """Whether nothing can be written at the place; where nobody asked for that, it is said."""
    if place.resolved is not None and place.resolved.mode == "r":
        if not was_asked:
            warnings.warn(f"{place.url} opens for reading: the hub allows you no more", stacklevel=4)
        return True
    return innermost(place.storage).url.scheme in ("http", "https")


def explained(places: Places, place: Place) -> Report:
    """Which credentials are in force, after what the hub said."""
    from deeplake_nb.diagnosis.explain import explain

    return _with_hub(places, place, explain(innermost(place.storage).url, place.provider))


def examined(places: Places, place: Place) -> Report:
    """What works, by real calls, after what the hub said."""
    from deeplake_nb.diagnosis.doctor import examine

    return _with_hub(places, place, examine(innermost(place.storage), place.provider))


def _with_hub(places: Places, place: Place, report: Report) -> Report:
    """The report, under the name, after a line of what the hub said."""
    resolved = place.resolved
    if resolved is None:
        return report
    from deeplake_nb.diagnosis.report import Line, Report

    hub = places.hub(place.access.token)
    known = "a new name, for" if resolved.is_new else "a name of"
    rights = {"r": "read", "a": "add to", "w": "read and write"}[resolved.mode]
    said = f"{known} {innermost(place.storage).url} in {_called(hub)}; you may {rights} it"
    if not resolved.is_new and (key := hub.dataset(resolved.org, resolved.name).creds_key) is not None:
        said += f", by the managed key {key!r}"
    if resolved.presigned:
        said += "; its storage lends no keys, so the hub signs every request"
    before, _, _ = report.title.rpartition(" ")
    return Report(f"{before} {place.url}", (Line("ok", "hub", said), *report.lines))


def _called(hub: Hub) -> str:
    return "your own hub in this process" if hub.url == "embedded" else f"the hub {hub.url}"
