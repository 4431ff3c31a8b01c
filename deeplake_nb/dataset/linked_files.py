"""The files behind links: opened side by side through the function the session handed in, each failing for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deeplake_nb.errors import LakeError, LinkError, MissingDependencyError
from deeplake_nb.format.codecs import files
from deeplake_nb.format.samples import StoredSample
from deeplake_nb.urls import redact

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from deeplake_nb.dataset.host import OpenLinks
    from deeplake_nb.format.meta import TensorMeta
    from deeplake_nb.format.samples import Link


def open_all(
    open_links: OpenLinks, links: Sequence[Link | None], managed: Collection[str]
) -> list[memoryview | LakeError | None]:
    """The files' bytes, in order; one that cannot be had stands as its error, None where there is no link."""
    wanted = [link for link in links if link is not None]
    opened = iter(open_links(wanted, managed) if wanted else [])
    return [next(opened) if link is not None else None for link in links]


def linked(link: Link, data: memoryview | LakeError, meta: TensorMeta, what: str) -> StoredSample | LakeError:
    """A linked file as a stored sample of its tensor."""
    path = redact(link.path)
    if isinstance(data, LakeError):
        broken = LinkError(f"{what}: the linked file {path} cannot be read: {data}")
        broken.__cause__ = data
        return broken
    htype = meta.htype or "generic"
    try:
        probe = files.probe(
            data, f"{what}: the linked file {path}", files.sniffed(data) or files.suffix_kind(link.path)
        )
    except MissingDependencyError:
        raise
    except LakeError as error:
        return LinkError(str(error))
    shape = probe.shape
    if len(shape) == 2 and (htype == "image" or len(meta.max_shape) == 3):  # noqa: PLR2004 - a grey picture
        shape = (*shape, 1)
    return StoredSample(data, shape, probe.dtype, probe.compression, htype, f"{what} ({path})")
