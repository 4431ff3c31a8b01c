"""Full chunks on their way to the storage, while further samples are made ready.

Where answers are waited for they go on after the call that appended them, until a flush. Such an object is kept until
it is there: one that could not be written is tried again when somebody waits, who is told if it fails once more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from deeplake_nb.storage.parallel import LARGE_NBYTES, most_workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future, ThreadPoolExecutor

    from typing_extensions import Buffer

    from deeplake_nb.storage.provider import StorageProvider

_MOST_NBYTES = 64 << 20
"""What is under way holds so many bytes at the most, or is one object."""


@dataclass(slots=True, eq=False)
class _Object:
    key: str
    data: Sequence[Buffer]
    nbytes: int
    written: Future[None] | None = None  # None: the last attempt has failed, and was told
    has_failed: bool = False


class Outgoing:
    """Objects that are being written side by side, in no order, until somebody waits for them. For one thread."""

    def __init__(self, storage: StorageProvider) -> None:
        self.storage = storage
        self._pool: ThreadPoolExecutor | None = None
        self._objects: dict[str, _Object] = {}

    def put(self, key: str, data: Sequence[Buffer], nbytes: int) -> None:
        """Begin to write an object of about so many bytes, as soon as there is room for it.

        Its buffers must stay as they are until `let_go`.

        Raises:
            LakeError: an earlier one could not be written, twice; it is kept.
        """
        is_near = self.storage.concurrency == 1
        if is_near and nbytes < LARGE_NBYTES:
            self.storage.put(key, data)
            return
        while self._objects and sum(one.nbytes for one in self._objects.values()) + nbytes > _MOST_NBYTES:
            self._wait_for_one()
        self._begin(_Object(key, data if is_near else [b"".join(data)], nbytes))

    def let_go(self) -> None:
        """The buffers may be changed from now on.

        Raises:
            LakeError: as `wait`.
        """
        if self.storage.concurrency == 1 and not all(map(_is_fixed, self._objects.values())):
            self.wait()  # elsewhere they were copied, as that costs less than to wait

    def wait(self) -> None:
        """Until all of them are there.

        Raises:
            LakeError: one could not be written, twice; all that are not there are kept, and tried again next time.
        """
        while self._objects:
            self._wait_for_one()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def drop(self, keys: Iterable[str]) -> None:
        """Forget objects: none of them is begun or under way any more."""
        dropped = [one for key in keys if (one := self._objects.pop(key, None)) is not None]
        for one in dropped:
            if one.written is not None and not one.written.cancel():
                one.written.exception()  # waits for it

    def _begin(self, one: _Object) -> None:
        from concurrent.futures import ThreadPoolExecutor

        if self._pool is None:
            self._pool = ThreadPoolExecutor(most_workers(self.storage), thread_name_prefix="outgoing")
        self._objects[one.key] = one
        one.written = self._pool.submit(self.storage.put, one.key, one.data)

    def _wait_for_one(self) -> None:
        from concurrent.futures import FIRST_COMPLETED, wait

        for one in [one for one in self._objects.values() if one.written is None]:
            self._begin(one)
        wait([one.written for one in self._objects.values() if one.written is not None], return_when=FIRST_COMPLETED)
        told = []
        for one in list(self._objects.values()):
            if one.written is None or not one.written.done():
                continue
            if one.written.exception() is None:
                del self._objects[one.key]
            elif one.has_failed:
                told.append(one.written)
                one.written, one.has_failed = None, False
            else:
                one.has_failed = True
                self._begin(one)
        while told:  # without keeping one: an error's traceback would hold it, and it the error
            told.pop(0).result()


def _is_fixed(one: _Object) -> bool:
    """Whether nobody can change what is being written."""
    return all(type(memoryview(part).obj) is bytes for part in one.data)
