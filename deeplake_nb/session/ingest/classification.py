"""Images in folders that are named as their classes: ``cats/a.jpg``, or ``train/cats/a.jpg``."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from deeplake_nb.errors import SampleError
from deeplake_nb.session.ingest.ingestion import Ingestion, in_batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deeplake_nb.session.ingest.folder import Folder


def classification(
    folder: Folder, images: dict[str, Any] | None, labels: dict[str, Any] | None, *, shuffle: bool
) -> Ingestion:
    """Tensors ``images`` and ``labels``; where there are several sets (train, test), in a group for each.

    Raises:
        SampleError: no images, or images that lie in no folder of a class.
    """
    picture, of_pictures = folder.images(images)
    of_labels = {"htype": "class_label", **(labels or {})}
    label = str(of_labels.pop("name", "labels"))
    found = folder.shuffled(shuffle=shuffle)
    if loose := [name for name in found if "/" not in name]:
        raise SampleError(f"{folder}/{loose[0]} lies in no folder of a class; expected such as {folder}/cats/a.jpg")
    of_labels["class_names"] = sorted({name.split("/")[-2] for name in found})
    groups = {name: "/".join(name.split("/")[:-2]) for name in found}
    has_sets = len(set(groups.values())) > 1
    prefix = {name: f"{group}/" if has_sets and group else "" for name, group in groups.items()}
    tensors: dict[str, Any] = {}
    for one in dict.fromkeys(sorted(prefix.values())):
        tensors |= {f"{one}{picture}": of_pictures, f"{one}{label}": of_labels}
    is_link = str(of_pictures["htype"]).startswith("link")

    def rows(names: list[str]) -> Iterator[dict[str, Any]]:
        for name in names:
            yield {
                f"{prefix[name]}{picture}": folder.picture(name, is_link=is_link),
                f"{prefix[name]}{label}": name.split("/")[-2],
            }

    by_set = sorted(found, key=prefix.__getitem__)
    sets = [list(some) for _, some in groupby(by_set, key=prefix.__getitem__)]
    batches = (batch for some in sets for batch in in_batches(rows(some)))
    return Ingestion(tensors, batches, len(found), spared=[name for name in tensors if name.endswith(picture)])
