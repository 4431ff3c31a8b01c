"""When changes are written: the write lock, the flush, and its order.

Nothing is visible to others before a flush. A flush writes chunks, then tables, then companions' metadata, then
tensors' metadata, then the dataset's own, so that a reader or a crash in between finds only whole rows. What makes
rows of several tensors count is announced in a journal first, so that a row is in all of them or in none.
"""

from __future__ import annotations

import logging
import secrets
import threading
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from deeplake_nb.dataset import commits, companions, journal
from deeplake_nb.dataset.appender import Appender
from deeplake_nb.dataset.changes import Changes
from deeplake_nb.dataset.lock import WriteLock
from deeplake_nb.dataset.outgoing import Outgoing
from deeplake_nb.dataset.waiting import Waiting
from deeplake_nb.errors import LakeError, LockedError, ReadOnlyError, SampleError
from deeplake_nb.format import keys
from deeplake_nb.format.plans import Phase, Put, write_plan
from deeplake_nb.format.versions import encode_chunk_set
from deeplake_nb.garbage import when_gone
from deeplake_nb.progress import Progress
from deeplake_nb.storage.provider import in_parallel, most_workers, put_many, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from deeplake_nb.dataset.state import State
    from deeplake_nb.dataset.tables import TensorState
    from deeplake_nb.storage.provider import StorageProvider

_REWRITING = (Phase.CHUNKS,)
_EXTENDING_SEVERAL = (Phase.CHUNKS, Phase.TABLES)
_EXTENDING_ONE = (Phase.CHUNKS, Phase.TABLES, Phase.COMPANIONS, Phase.TENSORS, Phase.DATASET)
_ADDING_TENSORS = (Phase.TENSORS, Phase.DATASET)  # which nobody knows of before
_MANY = 8
"""Files from which on more than one thread pays."""
_log = logging.getLogger(__name__)


class Flushing:
    """What is changed in memory, and how it gets to the storage. Every method takes the dataset's lock."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.appenders: dict[str, Appender] = {}
        self._info_dirty = False
        self.is_meta_dirty = False  # which tensors and groups there are
        self.is_rewriting = False  # more changes than what is added at the end
        self._garbage: list[str] = []  # chunks that nothing names any more
        self.changes = Changes(state)
        self._open = 0
        self._is_extending = False
        self.waiting = Waiting(state)
        self.outgoing = Outgoing(state.storage)
        self.as_one = journal.AsOne()
        self._thread = 0  # that wrote last
        self._writing = threading.RLock()
        self._lock = self._new_lock()
        when_gone(self, discard, state.storage, self._garbage)

    def _new_lock(self) -> WriteLock:
        itself = weakref.ref(self)
        key = keys.write_lock(self.state.commit.id)
        lock = WriteLock(self.state.storage, key, lambda: (writer := itself()) is not None and writer.is_busy)
        when_gone(self, lock.abandon)
        return lock

    @property
    def is_busy(self) -> bool:
        """Whether something is appended or changed that no flush has written."""
        appenders = list(self.appenders.values())  # the thread that renews the lock asks too, at any time
        is_changed = self._info_dirty or self.is_meta_dirty or self.waiting.count > 0
        return is_changed or any(one.is_dirty or one.is_info_dirty for one in appenders)

    # ------------------------------------------------------------------ when to flush

    def begin(self) -> None:
        """Hold flushes back until the matching ``end`` (``with ds:``)."""
        with self._writing:
            self._open += 1

    def end(self) -> None:
        """Flush, when the outermost ``begin`` ends."""
        with self._writing:
            self._open -= 1
            self.flush(held=True)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Hold the write lock for one change, and flush after it unless that is held back."""
        with self._writing:
            self.join_waiting()
            self._thread = threading.get_ident()
            self._lock_for_writing()
            yield
            self.flush(held=True)

    def join_waiting(self) -> None:
        """Let rows that wait join their tensors."""

    def _lock_for_writing(self) -> None:
        """Hold the write lock; what others have written since this dataset was loaded is read first.

        A closed commit cannot be written to: a new branch starts there, and this version is its head from then on.

        Raises:
            LockedError: another writer holds it, or had it while rows here were unwritten.
            ReadOnlyError: a closed commit, or ``read_only`` was set meanwhile.
        """
        if self.state.is_read_only:
            raise ReadOnlyError(f"{self.state.storage.url}: read_only was set; set it to False to write")
        if not self.state.commit.is_head:
            self._branch_off()
        while self._lock.acquire():
            if self.is_busy:
                self._lock.release()
                raise LockedError(
                    f"{self.state.storage.url}: the write lock ran out while rows were unwritten, and another writer "
                    "may have gone on; load the dataset again and append them anew"
                )
            commit = self.state.commit.id
            try:
                self.state.refresh()
            except BaseException:  # what is known stays old, so it must be read again before anything is written
                self._lock.release()
                raise
            if self.state.has_journal:
                journal.carry_out(self.state.storage, self.state.commit.id, self.state.unfinished)
                self.state.unfinished, self.state.has_journal = {}, False
            self.forget()
            if self.state.commit.id != commit:  # another writer has committed: the branch goes on in a new head
                self._lock.release()
                self._lock = self._new_lock()
        if not self.state.commit.is_head:
            self._lock.release()
            raise ReadOnlyError(
                f"commit {self.state.commit.id[:12]} of {self.state.storage.url} is closed; "
                "check out a branch to write to"
            )

    def forget(self) -> None:
        """What is known of a version that others may have changed, or that is another one now."""
        self.appenders.clear()
        self.changes.clear()
        self.as_one.forget()

    def _branch_off(self) -> None:
        closed, name = self.state.commit.id, f"auto_{secrets.token_hex(20)}"  # as the original calls it
        commits.fork(self.state.storage, name, closed)
        self.state.go(name)
        self._lock = self._new_lock()
        _log.warning("%s: commit %s is closed; changes go to the new branch %s", self.state.storage.url, closed, name)

    def flush(self, *, held: bool = False) -> None:
        """Write everything that is not written yet; with ``held``, only outside ``with ds:``.

        Raises:
            StorageError: the storage failed; everything stays in memory and the next flush tries again.
            SampleError: an ``extend`` is under way, whose values ask for this.
        """
        with self._writing:
            if held and (self._open or self._is_extending):
                return
            self.join_waiting()
            if not self.is_busy:
                return
            if self._is_extending:
                raise SampleError("values of an extend cannot flush the dataset while it is being extended")
            self._lock_for_writing()
            self._state_flush()
            puts = [put for appender in self.appenders.values() for put in appender.puts()]
            puts += self._bookkeeping()
            self._write(puts)
            for put in puts:
                self.state.chunks.drop(put.key)
            for appender in self.appenders.values():
                self._garbage += appender.flushed()
            self._info_dirty = self.is_meta_dirty = self.is_rewriting = False

    def _state_flush(self) -> None:
        shown = [one for one in self.appenders.values() if one.is_written and not one.tensor.meta.hidden]
        flush = secrets.token_hex(4) if len(shown) > 1 else None
        for one in shown:
            one.state_flush(flush)

    def _write(self, puts: list[Put]) -> None:
        """Make the puts in as few rounds of requests as their order allows, and the last of them as one."""
        storage, commit, ends = self.state.storage, self.state.commit.id, self._ends()
        rounds: list[list[tuple[str, Any]]] = [[(put.key, put.data) for put in one] for one in write_plan(puts, ends)]
        first, *others, last = rounds
        counting: dict[str, Any] = {} if last else {put.key: put.data for put in puts if put.phase >= Phase.COMPANIONS}
        self.as_one.lose(counting)
        side_by_side(
            storage,
            self.sweep,
            lambda: self.as_one.look(storage, [key for key, _ in last]),
            lambda: self._put_first(first, is_shown=ends == _REWRITING),
        )
        self.outgoing.wait()
        for group in others:
            put_many(storage, group)
        if last:
            self.as_one.change(storage, commit, dict(last))
        self.as_one.note(counting)
        if ends == _REWRITING:  # after which tensors may be deleted
            self.as_one.forget()

    def _put_first(self, puts: list[tuple[str, Any]], *, is_shown: bool) -> None:
        storage = self.state.storage
        if not is_shown:
            put_many(storage, puts)
            return
        undone = "the changes wait in memory; flush() writes them, and the dataset loaded anew has none of them"
        with Progress(f"write changes to {storage.url}", "objects", len(puts), undone) as progress:
            put_many(storage, puts, progress=progress)

    def _ends(self) -> tuple[Phase, ...]:
        """The phases that end a round, after which all is made as one; that costs two requests.

        As one is made all but the chunks, where more changes than what is added at the end; and what makes rows count,
        where several objects that are there do, so that a row is in all tensors or in none.
        """
        appenders = self.appenders.values()
        if self.is_rewriting or any(one.rewriter.is_dirty or one.is_shorter for one in appenders):
            return _REWRITING
        longer = [one for one in appenders if one.is_dirty and not one.is_new]
        if not longer:
            return _ADDING_TENSORS
        several = sum(not one.tensor.meta.hidden for one in longer) + self.is_meta_dirty > 1
        return _EXTENDING_SEVERAL if several else _EXTENDING_ONE

    def sweep(self) -> None:
        """Delete what the flush before the last one left: until then other threads may read it."""
        discard(self.state.storage, self._garbage)

    def close(self) -> None:
        """Flush and give the write lock up; a later write takes it again."""
        self.flush()
        self.sweep()
        self._lock.release()

    def abandon(self) -> None:
        """Give the write lock up, and with it what is not written."""
        self._lock.abandon()

    def move(self, storage: StorageProvider) -> None:
        """Go on at the same place under another name."""
        with self._writing:
            self.close()
            self.state.storage = storage
            self.outgoing.storage = storage  # tensors have it
            self._lock = self._new_lock()

    def settled(self, tensor: TensorState) -> TensorState:
        """The tensor as a reader should see it: with all its rows, which are flushed first if need be.

        While another thread is writing, and within an ``extend``, it is as the last flush left it.
        """
        self.state.tables(tensor)  # so that the snapshot has them, and they are read once
        seen = tensor.snapshot()
        appender = self.appenders.get(tensor.key)
        if appender is None or appender.flushed_tensor is None:
            return seen
        if self._writing.acquire(blocking=self._thread == threading.get_ident()):
            try:
                if (appender.has_appended or self.waiting.count) and not self._is_extending:
                    self.flush()
                elif appender.rewriter.is_dirty:
                    return tensor  # changed rows are read where they wait for a flush
            finally:
                self._writing.release()
        return appender.flushed_tensor

    def _bookkeeping(self) -> list[Put]:
        state, commit = self.state, self.state.commit.id
        puts = []
        for key, appender in self.appenders.items():
            rewriter = appender.rewriter
            if commit != keys.FIRST_COMMIT and (appender.tail.written or appender.shared or rewriter.is_dirty):
                gone = {path.rpartition("/")[2] for path in rewriter.replaced}
                entries = {
                    name: to for name, to in state.chunk_set(commit, key).items() if name not in gone
                } | appender.shared
                entries.update((keys.chunk_name(one), ("", "")) for one in (*appender.tail.written, *rewriter.written))
                state.remember_chunk_set(commit, key, entries)
                puts.append(Put(Phase.TABLES, keys.chunk_set(commit, key), encode_chunk_set(entries)))
        if self._info_dirty:
            puts.append(Put(Phase.TABLES, keys.dataset_info(commit), companions.stored_info(state.dataset_info())))
        changed = {key: one for key, one in self.appenders.items() if one.is_dirty or one.is_info_dirty}
        for key, appender in changed.items():
            diff = self.changes.tensors[key]
            diff.added_stop = max(diff.added_first, state.tensors[key].length)
            diff.info_updated |= appender.is_info_dirty and not diff.created
        puts += self.changes.puts(changed)
        if self.is_meta_dirty:
            puts.append(Put(Phase.DATASET, keys.dataset_meta(commit), state.meta.encode()))
        return puts

    def touch_rows(self, tensors: Sequence[str], *, are_added: bool) -> dict[str, Appender]:
        """As `touch`, where rows are about to change, with two rounds of requests however many tensors there are."""
        state = self.state
        if new := [state.tensors[key] for key in tensors if key not in self.appenders]:
            side_by_side(
                state.storage,
                lambda: self.changes.load(tensors),
                lambda: state.load_tables(new, are_added_to=are_added),
            )
        touched = self.touch(tensors)
        if are_added and state.storage.concurrency > 1:
            state.bring({path: one.tensor for one in touched.values() if (path := one.tail.end)})
        return touched

    def touch(self, tensors: Sequence[str]) -> dict[str, Appender]:
        """Appenders of tensors (by key) that are about to change."""
        self.changes.load(tensors)
        for key in tensors:
            if key not in self.appenders:
                self.appenders[key] = Appender(self.state, self.state.tensors[key], self.outgoing)
        return {key: self.appenders[key] for key in tensors}


def discard(storage: StorageProvider, paths: list[str]) -> None:
    """Delete objects that nothing names; one that stays takes some room, and that is all.

    Many files go by all cores, as the system takes their pages one by one.
    """
    workers = storage.concurrency if len(paths) < _MANY else most_workers(storage)

    def drop(path: str) -> None:
        with suppress(LakeError):
            storage.delete(path)

    try:
        for _ in in_parallel(drop, paths, min(workers, len(paths))):
            pass
    except RuntimeError:  # no thread begins as the process ends
        for path in paths:
            drop(path)
    paths.clear()
