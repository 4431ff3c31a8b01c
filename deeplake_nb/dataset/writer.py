"""Changes to a dataset: appended rows, info, closed versions."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from deeplake_nb.dataset import commits, companions, updates
from deeplake_nb.dataset.facts import TensorFacts
from deeplake_nb.dataset.flushing import Flushing, discard
from deeplake_nb.dataset.slabs import slabs, total
from deeplake_nb.dataset.waiting import Kind
from deeplake_nb.errors import LakeError, SampleError, is_of_input
from deeplake_nb.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deeplake_nb.dataset.appender import Appender


class Writer(Flushing):
    """The one writing end of a dataset version."""

    _is_joining = False
    block: Progress | None = None  # the ``with ds:`` that is open

    # ------------------------------------------------------------------ versions

    def commit(self, message: str | None) -> str:
        """Close this version; the writer goes on in the new head of the branch. Gives the id of what was closed.

        Raises:
            LockedError: another writer has it, or has closed it.
        """
        with self._writing:
            self._hold_for_version("commit")
            self.cut_leftovers()
            closed = self.state.commit.id
            commits.commit(self.state.storage, closed, message)
            self._go_on()
            return closed

    def restart(self) -> None:
        """Forget everything since the last commit; nothing else of this version is left."""
        with self._writing:
            self._hold_for_version("reset")
            commits.restart(self.state.storage, self.state.commit.id)
            self._go_on()

    def _hold_for_version(self, what: str) -> None:
        if self._is_extending:
            raise SampleError(f"values of an extend cannot {what} the dataset while it is being extended")
        self._lock_for_writing()
        self.flush()

    def cut_leftovers(self) -> None:
        """Store tables without what a writer that died left at their ends: the original takes that for damage."""
        state = self.state
        state.load_all_tables()
        lengths = {key: tensor.meta.length for key, tensor in state.tensors.items()}  # of a sequence its items
        for tensor in state.tensors.values():
            for companion, link in tensor.meta.links.items():
                if companion in lengths:
                    lengths[companion] = tensor.meta.length if link.get("flatten_sequence") else tensor.length
        longer = [key for key, tensor in state.tensors.items() if tensor.meta.length > lengths[key]]
        cut = {key for key, tensor in state.tensors.items() if state.tables(tensor).is_cut}
        for key, appender in self.touch(sorted({*longer, *cut})).items():
            appender.cut(lengths[key])
            appender.is_dirty = True
            appender.tables.is_cut = False
        self.flush()

    def _go_on(self) -> None:
        """In the head that the branch has now."""
        self._lock.release()
        self.forget()
        self.state.refresh()
        self._lock = self._new_lock()

    @contextmanager
    def still(self) -> Iterator[None]:
        """Keep other threads from changing anything."""
        with self._writing:
            yield

    # ------------------------------------------------------------------ rows that wait

    def wait(self, group: str, sample: Mapping[str, Any]) -> bool:
        """Let a row wait, inside ``with ds:``; False where it must go the general way. See `Waiting`."""
        with self._writing:
            return self.may_wait and self.waiting.take(group, sample) and self._told(len(sample))

    def wait_one(self, key: str, value: Any) -> bool:
        """Let a value of one tensor wait, as `wait`."""
        with self._writing:
            return self.may_wait and self.waiting.take_one(key, value) and self._told(1)

    def wait_change(self, key: str, row: int, value: Any) -> bool:
        """Let a new value of a row wait, as `wait`."""
        with self._writing:
            return self.may_wait and self.waiting.take_change(key, row, value) and self._told(1)

    def _told(self, count: int) -> bool:
        """Values that wait count as written: what lets them join is not shown."""
        block = self.block
        if block is not None:
            block.done += count  # a report takes a lock, but nobody else counts here
            if (block.root or block).is_cancelled:
                block.check()
        return True

    def expect(self, values: Mapping[str, Any], group: str = "", names: Mapping[str, str] | None = None) -> None:
        """Values like these (by key), which have just been added, may wait from now on; see `Waiting.expect`."""
        with self._writing:
            if self.may_wait:
                self.waiting.expect(values, group, names)

    @property
    def may_wait(self) -> bool:
        """Whether this thread is inside ``with ds:``, and has written there."""
        return self._open > 0 and self._thread == threading.get_ident() and not self._is_extending

    def settle(self) -> None:
        """Let what waits join, where this thread has appended it; others see what the last flush left."""
        if self.waiting.count and self._thread == threading.get_ident():
            with self._writing:
                self.join_waiting()

    def join_waiting(self) -> None:
        """Add what waits, many rows at a time."""
        if self._is_joining or not self.waiting.count:
            return
        self._is_joining = True
        self.begin()  # whoever asks for this flushes, if need be
        try:
            if self.waiting.kind is Kind.CHANGES:
                updates.update(self, self.waiting.changes())
            else:
                self.extend(self.waiting.batches(), is_shown=False)
            self.waiting.clear()
        finally:
            self._open -= 1
            self._is_joining = False

    # ------------------------------------------------------------------ rows

    def extend(
        self,
        columns: Mapping[str, Any],
        *,
        in_step: bool = False,
        skip_bad: bool = False,
        known: Mapping[str, companions.Known] | None = None,
        is_shown: bool = True,
    ) -> None:
        """Append rows to tensors (by key), to all of them or to none; ``in_step`` only if all are as long.

        ``skip_bad`` leaves out rows with a value that does not fit; ``known`` is what companions are told of rows that
        come from another version; ``is_shown`` shows how far it is. Memory holds a chunk per tensor and one slab.

        Raises:
            SampleError: a value that does not fit; the dataset is as it was.
        """
        if skip_bad:
            self._extend_row_by_row(columns, in_step=in_step, is_shown=is_shown)
            return
        with self._adding(columns, "nothing was added", is_shown=is_shown) as progress, self.changing():
            if self._is_extending:
                raise SampleError("values of an extend cannot append to the dataset while it is being extended")
            if any(one.rewriter.is_dirty for one in self.appenders.values()):
                self.flush()
            if not all(isinstance(values, (Sequence, np.ndarray)) for values in columns.values()):
                self.flush()  # an iterator may read from this dataset, as may another tensor
            rows = {self.state.tensors[key].meta.name: self.state.tensors[key].length for key in columns}
            if in_step and len(set(rows.values())) > 1:
                raise SampleError(f"tensors have different numbers of rows already: {rows}; append to them one by one")
            touched = self.touch_rows(companions.with_companions(self.state, columns), are_added=True)
            marks = {key: appender.mark() for key, appender in touched.items()}
            self._is_extending = True
            try:
                for key, given in columns.items():
                    companions.align(self.state, self.appenders, key)
                    values = given.rows_given() if isinstance(given, TensorFacts) else given
                    for slab in slabs(values, self.state.tensors[key].meta):
                        self._extend_one(touched[key], slab, (known or {}).get(key), progress)
                if self._open:
                    self.outgoing.let_go()  # what is written may be the caller's memory
                else:
                    self.outgoing.wait()  # one that cannot be written leaves nothing of these rows
            except BaseException:
                orphans = [path for key, appender in touched.items() for path in appender.restore(marks[key])]
                self.outgoing.drop(orphans)
                discard(self.state.storage, orphans)
                raise
            finally:
                self._is_extending = False

    def _extend_row_by_row(self, columns: Mapping[str, Any], *, in_step: bool, is_shown: bool) -> None:
        with self._adding(columns, "rows before the last are added", is_shown=is_shown) as progress:
            self.begin()
            try:
                for row in zip(*columns.values(), strict=True):
                    try:
                        self.extend({key: [value] for key, value in zip(columns, row, strict=True)}, in_step=in_step)
                    except LakeError as error:
                        if not is_of_input(error):
                            raise
                    progress(len(columns))
            finally:
                self.end()

    def _adding(self, columns: Mapping[str, Any], undone: str, *, is_shown: bool) -> Progress:
        return Progress(f"add to {self.state.storage.url}", "samples", total(columns), undone, is_shown=is_shown)

    @contextmanager
    def editing(self, tensors: Sequence[str]) -> Iterator[dict[str, Appender]]:
        """Change rows of tensors (by key): gives their appenders, and those of their companions, all rows stored.

        Raises:
            SampleError: within an extend.
        """
        with self.changing():
            if self._is_extending:
                raise SampleError("values of an extend cannot change the dataset while it is being extended")
            if any(one.has_appended for one in self.appenders.values()):
                self.flush()
            touched = self.touch_rows(companions.with_companions(self.state, tensors), are_added=False)
            marks = {key: appender.mark() for key, appender in touched.items()}
            try:
                for key in tensors:
                    companions.align(self.state, self.appenders, key)
                yield touched
            except BaseException:
                for key, appender in touched.items():
                    appender.restore(marks[key])
                raise

    def _extend_one(
        self,
        appender: Appender,
        values: Any,
        known: companions.Known | None,
        told: Callable[[int], None],
        *,
        is_companion: bool = False,
    ) -> None:
        links = appender.tensor.meta.links
        added = appender.extend(values, told, is_ours=is_companion)
        added = added if known is None else known.told(added)
        for key, link in links.items():
            told_of = companions.told(self.state, key, link, added, appender.tensor.meta.htype)
            for piece in companions.pieces(told_of):
                self._extend_one(self.appenders[key], piece, None, lambda _: None, is_companion=True)

    # ------------------------------------------------------------------ info

    def set_info(self, key: str | None, info: dict[str, Any]) -> None:
        """Replace the info of a tensor (by key), or of the dataset."""
        with self.changing():
            if key is None:
                self.changes.of_dataset().info_updated = True
                self.state.info = info
                self._info_dirty = True
            else:
                tensor = self.state.tensors[key]
                info = self.state.described(tensor.meta, info)
                self.touch([key])[key].is_info_dirty = True
                self.changes.tensors[key].info_updated = True  # also of a new tensor: it was not made so
                tensor.info = info
