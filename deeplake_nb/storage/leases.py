"""Files mapped into memory under a lease, so that no writer takes the bytes away.

A program that shortens a file in place, as the original library does when it writes, takes its mapped bytes away, and
who touches them is killed. On Linux a reader may lease a file (fcntl(2), "Leases"): who then opens it for writing or
shortens it waits until the lease is given back, for 45 s at most. Pages are brought in before anybody touches them, so
that a disk that cannot be read is no reason to be killed, either; once that has been done with a file, and as long as
the system has all of it in memory, it is spared, as it takes a tenth of what looking at the bytes does, and as long as
that where they lie in small pages. Where any of that cannot be had (another system, a file of somebody else, one that
is open for writing, a network file system), there is no mapping.
"""

from __future__ import annotations

import contextlib
import functools
import mmap
import os
import signal
import time
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from deeplake_nb.storage.provider import StorageProvider

_MADV_POPULATE_READ = 22  # linux/mman.h; since 5.14
_CACHESTAT = 451  # cachestat(2), by the number that all machines have for it; since 6.5
LENT_NBYTES = 128 << 20
"""Larger files are read: the pages of one come together, and a writer who waits for it waits for milliseconds."""
_BROUGHT_IN: dict[str, None] = {}
"""Stamps of files whose pages could be had."""
_NOTED = 1 << 16
_SETTLED_NS = 2_000_000_000  # clocks of file systems tick, so that two changes within a moment may bear one time


class Mapped(NamedTuple):
    """Bytes of an object as they lie in memory.

    Attributes:
        data: the bytes.
        stamp: tells them from what was written there before or is later; None where that cannot be told yet.
    """

    data: memoryview
    stamp: str | None


@runtime_checkable
class Lends(Protocol):
    """A provider that may have an object's bytes in memory already; call it through `lent`."""

    def lend(self, key: str, most: int) -> AbstractContextManager[Mapped | None]:
        """As the function `lent`."""
        ...

    def stamp(self, key: str) -> str | None:
        """As the function `stamped`."""
        ...


def lent(provider: StorageProvider, key: str, most: int) -> AbstractContextManager[Mapped | None]:
    """An object's bytes as they lie in memory, without a copy, for as long as the context is open: milliseconds.

    None where the storage has no such memory, or the object more than ``most`` bytes, or none: read it instead. A
    program that replaces the object in place waits until the context ends; what is still looked at then may go.
    """
    lend = getattr(provider, "lend", None)  # asked for every file of a search, and isinstance takes longer
    found: AbstractContextManager[Mapped | None] = contextlib.nullcontext() if lend is None else lend(key, most)
    return found


def stamped(provider: StorageProvider, key: str) -> str | None:
    """The stamp of an object now: the one that `lent` gave if nobody has changed it since. Costs no lease.

    None where that cannot be told.
    """
    stamp = getattr(provider, "stamp", None)  # as above
    found: str | None = None if stamp is None else stamp(key)
    return found


def stamp_of(path: str) -> str | None:
    """The stamp of a file; None of one that changed a moment ago, or is not there."""
    try:
        return _stamp(os.stat(path))  # noqa: PTH116 - a path is text here
    except OSError:
        return None


@contextlib.contextmanager
def leased(path: str, most: int) -> Iterator[Mapped | None]:
    """The bytes of a file of at most so many, mapped; None where that cannot be done safely."""
    with contextlib.ExitStack() as stack:
        yield _mapped(stack, path, most)


def _mapped(stack: contextlib.ExitStack, path: str, most: int) -> Mapped | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        stack.callback(os.close, descriptor)
        _lease(stack, descriptor)
        file = os.fstat(descriptor)
        if not 0 < file.st_size <= most:
            return None
        mapping = mmap.mmap(descriptor, file.st_size, mmap.MAP_SHARED, mmap.PROT_READ)
        view = memoryview(mapping)
        stack.callback(_close, mapping, view)
        stamp = _stamp(file)
        if stamp not in _BROUGHT_IN or not _is_in_memory(descriptor, file.st_size):
            _bring_in(mapping, view, stamp)
    except (OSError, ValueError, ImportError, AttributeError):  # the last two where this system has no leases
        return None
    return Mapped(view[:], stamp)


def _bring_in(mapping: mmap.mmap, view: memoryview, stamp: str | None) -> None:
    with contextlib.suppress(OSError):  # a system without them
        mapping.madvise(mmap.MADV_HUGEPAGE)  # what the disk has yet to give comes in large pages: mapped at once
    _populate(view)
    if stamp is not None:
        if len(_BROUGHT_IN) >= _NOTED:
            _BROUGHT_IN.clear()
        _BROUGHT_IN[stamp] = None


def _is_in_memory(descriptor: int, nbytes: int) -> bool:
    """Whether the system has so many bytes of a file in memory: all of it."""
    import ctypes

    part = (ctypes.c_uint64 * 2)(0, nbytes)
    pages = (ctypes.c_uint64 * 5)()  # of the file: in memory, changed, under way to the disk, gone, gone lately
    failed = _system().syscall(_CACHESTAT, descriptor, part, pages, 0)
    return not failed and pages[0] * mmap.PAGESIZE >= nbytes


@functools.cache
def _system() -> Any:
    """The system's own functions, called without letting other threads run, which takes longer than they do."""
    import ctypes

    return ctypes.PyDLL(None)


def _populate(view: memoryview) -> None:
    """Bring the pages in. Other threads run meanwhile, which they would not during the mapping's own ``madvise``.

    Raises:
        OSError: the disk cannot be read, or the system is too old.
    """
    import ctypes

    import numpy as np

    address = np.frombuffer(view, np.uint8).__array_interface__["data"][0]
    if _madvise()(address, len(view), _MADV_POPULATE_READ):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@functools.cache
def _madvise() -> Callable[[int, int, int], int]:
    """The system's own."""
    import ctypes

    found = ctypes.CDLL(None, use_errno=True).madvise
    found.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return found


def _stamp(file: os.stat_result) -> str | None:
    """Its number, size and times: under a lease nobody is changing it, and whoever does later changes these."""
    if time.time_ns() - max(file.st_mtime_ns, file.st_ctime_ns) < _SETTLED_NS:
        return None
    return f"{file.st_dev}:{file.st_ino}:{file.st_size}:{file.st_mtime_ns}:{file.st_ctime_ns}"


def _lease(stack: contextlib.ExitStack, descriptor: int) -> None:
    import fcntl

    fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)  # which nobody minds: what is usual ends the process
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    stack.callback(fcntl.fcntl, descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)


def _close(mapping: mmap.mmap, view: memoryview) -> None:
    with contextlib.suppress(BufferError):  # an array on it is still there: the mapping goes with that
        view.release()
        mapping.close()
