"""One writer at a time: a lock object beside the dataset, as the original keeps it, and a table within this process.

The object has 18 bytes: machine (6, its MAC address), Unix time at which the lock runs out (f8), process (4). It is
made with a put that fails if it exists, so one of several racing writers gets it; it is renewed while its holder
lives, given up when nothing was written for a while, and may be taken over when it has run out, or at once when its
process on this machine is gone; of several who do so at once one succeeds, by a put that fails if it exists, too.
Several ``Dataset`` objects of one process pass the lock on among themselves.

A thread renews it: the one thread below the widgets that is not in ``storage.provider``.
"""

from __future__ import annotations

import hashlib
import logging
import os
import struct
import threading
import time
import uuid
import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from deeplake_nb.errors import KeyExistsError, KeyNotFoundError, LakeError, LockedError
from deeplake_nb.format import keys
from deeplake_nb.storage.wrappers import innermost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deeplake_nb.storage.provider import StorageProvider

VALID_SECONDS = 300.0
RENEW_SECONDS = 60.0
IDLE_SECONDS = 60.0
SHORT_SECONDS = 10.0
_SETTLE_SECONDS = 0.05
_log = logging.getLogger(__name__)
_LAYOUT = struct.Struct("<6sdI")

_in_process: dict[tuple[str, str], WriteLock] = {}
"""Locks that this process holds."""
_in_process_lock = threading.RLock()
_short_in_process = threading.RLock()

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, and until when (Unix seconds)."""

    machine: bytes
    process: int
    until: float

    @classmethod
    def here(cls, until: float) -> Holder:
        """This process."""
        return cls(uuid.getnode().to_bytes(6, "little"), os.getpid(), until)

    @classmethod
    def decode(cls, data: memoryview) -> Holder | None:
        """Read the object; None for one that is no lock, which then holds nobody off."""
        if len(data) != _LAYOUT.size:
            return None
        machine, until, process = _LAYOUT.unpack(data)
        return cls(machine, process, until)

    def encode(self) -> bytes:
        """The object's bytes."""
        return _LAYOUT.pack(self.machine, self.until, self.process)

    def is_same(self, other: Holder) -> bool:
        """Whether both are one process."""
        return (self.machine, self.process) == (other.machine, other.process)


class WriteLock:
    """The right to write to one version of a dataset. ``is_busy`` tells whether its owner has unwritten rows."""

    def __init__(
        self, storage: StorageProvider, key: str, is_busy: Callable[[], bool], clock: Callable[[], float] = time.time
    ) -> None:
        self._storage = storage
        self._key = key
        self._is_busy = is_busy
        self._clock = clock
        place = innermost(storage).url
        self._name = (str(place), key)  # one dataset may go by several names
        self._until = 0.0
        self._used = 0.0
        self._stop = threading.Event()
        self._is_shared = place.scheme != "mem"  # a memory store has no other processes
        self.is_held = False

    def acquire(self) -> bool:
        """Make sure that the lock is held; True when it was not, so that others may have written meanwhile.

        Raises:
            LockedError: someone else holds it.
        """
        with _in_process_lock:
            self._used = self._clock()
            if self.is_held and (not self._is_shared or self._until > self._clock() + RENEW_SECONDS):
                return False
            was_held = self.is_held
            other = _in_process.get(self._name)
            if other is not None and other is not self:
                if other._is_busy():  # noqa: SLF001 - of its own class
                    raise LockedError(
                        f"{self._storage.url}: another Dataset object of this process has unwritten rows; "
                        "leave its 'with' block, or flush() it, first"
                    )
                other._let_go()  # noqa: SLF001
            if self._is_shared:
                self._take()
                self._renew_in_background()
            _in_process[self._name] = self
            self.is_held = True
            return not was_held

    def release(self) -> None:
        """Give the lock up; a lock that is not held is left alone."""
        with _in_process_lock:
            if not self.is_held:
                return
            self._let_go()
            is_valid = self._until > self._clock()  # one that has run out may be another's by the time it is deleted
            if self._is_shared and is_valid and self._is_ours(self._read()):
                self._storage.delete(self._key)

    def abandon(self) -> None:
        """Release, when nobody is left to be told of an error: a lock that cannot be removed runs out by itself."""
        try:
            self.release()
        except LakeError as error:
            _log.warning("the write lock of %s is left to run out: %s", self._storage.url, error)

    def _let_go(self) -> None:
        self.is_held = False
        self._stop.set()
        if _in_process.get(self._name) is self:
            del _in_process[self._name]

    # ------------------------------------------------------------------ the object

    def _take(self) -> None:
        mine = Holder.here(self._clock() + VALID_SECONDS)
        try:
            self._storage.put(self._key, mine.encode(), if_absent=True)
        except KeyExistsError:
            self._take_from(self._read(), mine)
        self._until = mine.until

    def _take_from(self, found: Holder | None, mine: Holder) -> None:
        """Have a lock that is there; None is one that cannot be read, or was given up at this moment."""
        is_alive = found is not None and found.until > self._clock() and not is_gone(self._storage, found)
        if found is not None and is_alive and not self._is_ours(found):
            raise LockedError(
                f"{self._storage.url} is being written to by process {found.process} on machine "
                f"{found.machine[::-1].hex(':')}; its lock runs out in {found.until - self._clock():.0f} s. "
                "Wait for it, or load with read_only=True"
            )
        if is_alive:
            self._storage.put(self._key, mine.encode())
        elif not take_over(self._storage, self._key, found, mine, self._clock):
            raise LockedError(f"{self._storage.url}: another writer takes or gives up the lock now; try again")

    def _read(self) -> Holder | None:
        try:
            return Holder.decode(self._storage.get(self._key))
        except KeyNotFoundError:
            return None

    def _is_ours(self, found: Holder | None) -> bool:
        return found is not None and found.is_same(Holder.here(0))

    # ------------------------------------------------------------------ renewing

    def _renew_in_background(self) -> None:
        self._stop = threading.Event()
        thread = threading.Thread(
            target=_renew, args=(weakref.ref(self), self._stop), name="deeplake-nb-lock", daemon=True
        )
        thread.start()

    def _renew_once(self) -> bool:
        """Renew, or give up an idle lock; False when there is nothing more to renew."""
        with _in_process_lock:
            if not self.is_held:
                return False
            if self._clock() - self._used > IDLE_SECONDS and not self._is_busy():
                self.release()
                return False
            if self._until <= self._clock() or not self._is_ours(self._read()):
                self._let_go()  # it ran out, as on a machine that slept, and another writer has it or may take it
                return False
            self._until = self._clock() + VALID_SECONDS
            self._storage.put(self._key, Holder.here(self._until).encode())
            return True


def is_gone(storage: StorageProvider, found: Holder) -> bool:
    """Whether the holder was a process of this machine, on this machine's disk, that has ended."""
    if innermost(storage).url.scheme != "file" or found.machine != Holder.here(0).machine:
        return False
    try:
        os.kill(found.process, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


@contextmanager
def write_lock(storage: StorageProvider, commit: str) -> Iterator[None]:
    """Be the one who writes to a version, for a moment.

    Raises:
        LockedError: someone else is.
    """
    lock = WriteLock(storage, keys.write_lock(commit), lambda: True)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def short_lock(
    storage: StorageProvider, key: str, load: Callable[[], T], clock: Callable[[], float] = time.time
) -> Iterator[T]:
    """Hold a lock for the moment in which one small object is changed; gives what ``load`` reads under it.

    Waits for others, who hold it as briefly; a lock whose holder is gone, or has had its time, is taken over.

    Raises:
        LockedError: others held it for longer than anybody needs.
    """
    with _short_in_process:
        if innermost(storage).url.scheme == "mem":  # it has no other processes
            yield load()
            return
        deadline = clock() + 3 * SHORT_SECONDS
        while not _taken(storage, key, Holder.here(clock() + SHORT_SECONDS), clock):
            if clock() > deadline:
                raise LockedError(f"{storage.url}: {key} is held by other writers again and again; try again later")
            time.sleep(_SETTLE_SECONDS)
        try:
            yield load()
        finally:
            storage.delete(key)


def _taken(storage: StorageProvider, key: str, mine: Holder, clock: Callable[[], float]) -> bool:
    try:
        storage.put(key, mine.encode(), if_absent=True)
    except KeyExistsError:
        pass
    else:
        return True
    try:
        found = Holder.decode(storage.get(key))
    except KeyNotFoundError:
        return False
    if found is not None and found.until > clock() and not found.is_same(mine) and not is_gone(storage, found):
        return False
    return take_over(storage, key, found, mine, clock)


def take_over(
    storage: StorageProvider, key: str, dead: Holder | None, mine: Holder, clock: Callable[[], float] = time.time
) -> bool:
    """Put ``mine`` in the place of a lock that nobody holds any more (None: no lock at all); whether that was done.

    One of several who try gets to do it: the one that makes a ticket, named after the dead lock, which can be made
    once. Whoever makes it later finds another lock in place of the dead one.
    """
    digest = hashlib.sha256(dead.encode() if dead is not None else b"").hexdigest()[:16]
    ticket = f"{key.removesuffix('.lock')}.{digest}.lock"
    until = Holder.here(clock() + SHORT_SECONDS)
    try:
        storage.put(ticket, until.encode(), if_absent=True)
    except KeyExistsError:
        _drop_dead(storage, ticket, clock)
        return False
    try:
        try:
            if Holder.decode(storage.get(key)) != dead:
                return False
        except KeyNotFoundError:
            return False
        storage.put(key, mine.encode())
    finally:
        storage.delete(ticket)
    time.sleep(_SETTLE_SECONDS)  # the original knows no tickets: one that took over at the same moment has written now
    try:
        return Holder.decode(storage.get(key)) == mine
    except KeyNotFoundError:
        return False


def _drop_dead(storage: StorageProvider, ticket: str, clock: Callable[[], float]) -> None:
    """Take away a ticket whose maker died with it, so that the next attempt can make one."""
    try:
        holder = Holder.decode(storage.get(ticket))
    except KeyNotFoundError:
        return
    if holder is None or holder.until < clock() or is_gone(storage, holder):
        storage.delete(ticket)


def _renew(lock: weakref.ref[WriteLock], stop: threading.Event) -> None:
    """Until told to stop. A failed renewal is tried again: the lock is valid five times as long as the pause."""
    while not stop.wait(RENEW_SECONDS):
        held = lock()
        try:
            if held is None or not held._renew_once():  # noqa: SLF001
                return
        except LakeError:
            continue
        finally:
            del held


def _forked() -> None:
    """In a forked process, which has none of its parent's locks: else both would write over each other."""
    global _in_process_lock, _short_in_process
    _in_process_lock, _short_in_process = threading.RLock(), threading.RLock()  # maybe held by a thread left behind
    for name, lock in list(_in_process.items()):
        if lock._is_shared:  # noqa: SLF001 - of this file; a memory store's is the child's own
            lock.is_held = False
            del _in_process[name]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
