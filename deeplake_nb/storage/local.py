"""Objects as files below a folder."""
# A pathlib object costs as much as the system call it makes, so there is none here:
# ruff: noqa: PTH100, PTH103, PTH105, PTH108, PTH111, PTH112, PTH114, PTH116, PTH120, PTH123

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from bisect import bisect_right
from io import FileIO
from itertools import accumulate, repeat
from typing import TYPE_CHECKING, Literal

from deeplake_nb.errors import (
    KeyExistsError,
    KeyNotFoundError,
    LakeError,
    PermissionDeniedError,
    StorageError,
    UrlError,
)
from deeplake_nb.storage.leases import leased, stamp_of
from deeplake_nb.storage.provider import Entry, check_key, check_length, check_prefix, flat, parts
from deeplake_nb.storage.ranges import ByteRange, clip
from deeplake_nb.urls import Url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from io import BufferedWriter

    from typing_extensions import Buffer

    from deeplake_nb.credentials.provider import CredentialProvider
    from deeplake_nb.storage.leases import Mapped
    from deeplake_nb.storage.patches import Patched

_TEMPORARY = ".deeplake_nb-"  # starts the name of a file that is still being written; listings leave it out

_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
_ADVICE = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EFBIG: "larger than this process or file system may write: use smaller chunks",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EMFILE: "too many open files: close some, or raise the limit with ulimit -n",
    errno.ENAMETOOLONG: "the name is too long for this file system: choose a shorter one",
    errno.EISDIR: "a folder of this name is in the way",
    errno.ENOTDIR: "a file is in the way where a folder is needed",
    errno.EEXIST: "a file is in the way where a folder is needed",
    errno.EACCES: "check the permissions of the file and its folder",
    errno.EPERM: "check the permissions of the file and its folder",
    errno.EROFS: "the file system is mounted read-only",
}
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_COPIES = (errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
_MOST_AT_ONCE = 1 << 30
_SMALL_NBYTES = 64 << 10  # a range of a file is read without a look at the file's size
_FEW_BUFFERS, _MOST_BUFFERS = 4, 1024  # for one call to the system: no system takes fewer than the most
_GROUP_NBYTES = 1 << 20
"""More in one call asks for the largest blocks of memory, which a virtual machine has to get from its host first."""
_LARGE_NBYTES = 16 << 20
"""That pays for what is as large as this: chunks of vectors to search in, which are mapped, best in such blocks."""
_READING = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_NO_HARD_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class LocalStorage:
    """A folder. It need not exist: the first put makes it.

    A put writes a temporary file beside its target and renames it: readers see old or new bytes, and a writer that is
    killed leaves the old object. Nothing is forced to the disk, so that a power cut may lose what was written last.
    Objects are read, and mapped into memory only under a lease: another program that shortens a file in place, as the
    original library does, would take the mapped bytes away and this process with them. Bulk reads copy once through
    `get_into`.
    """

    concurrency = 1

    def __init__(self, url: Url, credentials: CredentialProvider | None = None) -> None:
        del credentials  # every storage is opened alike; the file system knows who we are
        path = os.path.expanduser(url.path)
        if path.startswith("~") and url.path == path:
            raise UrlError(f"no home folder for {url}: give an absolute path, or ./{url} for a folder of that name")
        self._root = os.path.abspath(path)
        self._base = self._root.rstrip("/") + "/"
        self.url = Url("file", path=self._root)

    def get(self, key: str, byte_range: ByteRange | None = None) -> memoryview:
        """The object's bytes, read in one piece."""
        try:
            return memoryview(_content(self._base + check_key(key), byte_range))
        except OSError as error:
            raise self._error("read", key, error) from error

    def get_into(self, key: str, buffer: Buffer, start: int = 0) -> int:
        """Read the object from ``start`` on straight into the buffer; returns the bytes read."""
        try:
            with open(self._base + check_key(key), "rb", buffering=0) as file:
                if start:
                    file.seek(start)
                return _fill(file, flat(buffer))
        except OSError as error:
            raise self._error("read", key, error) from error

    def get_rows(self, key: str, rows: Sequence[Buffer], starts: Sequence[int]) -> int:
        """Fill rows of memory from places in the object, which is opened once."""
        try:
            with open(self._base + check_key(key), "rb", buffering=0) as file:
                return sum(_rows(file, rows, starts))
        except OSError as error:
            raise self._error("read", key, error) from error

    def lend(self, key: str, most: int) -> AbstractContextManager[Mapped | None]:
        """The file mapped into memory, under a lease; None where that cannot be had."""
        return leased(self._base + check_key(key), most)

    def stamp(self, key: str) -> str | None:
        """What tells the file from what it was or will be at another time."""
        return stamp_of(self._base + check_key(key))

    def put(self, key: str, data: Buffer | Sequence[Buffer], *, if_absent: bool = False) -> None:
        """Write a temporary file, then rename it."""
        buffers = parts(data)
        with self._written(key, if_absent=if_absent) as file:
            _write(file, buffers)

    def put_parts(
        self, key: str, data: Iterable[Buffer], nbytes: int, *, progress: Callable[[int], None] | None = None
    ) -> None:
        """Write a temporary file piece by piece, then rename it."""
        written = 0
        with self._written(key) as file:
            for piece in data:
                count = file.write(piece)
                written += count
                if progress is not None:
                    progress(count)
            check_length(key, written, nbytes)

    def put_patched(self, key: str, content: Patched) -> None:
        """Let the system copy the file, or share its blocks where it can; change the copy, then rename it."""
        try:
            source = FileIO(self._base + check_key(content.source))
        except OSError as error:
            raise self._error("read", content.source, error) from error
        with source, self._written(key) as file:
            for start, data in content.within(_copied(source, file)):
                file.seek(start)
                file.write(data)

    @contextlib.contextmanager
    def _written(self, key: str, *, if_absent: bool = False) -> Iterator[BufferedWriter]:
        """A file that gets its name once it is complete, and is gone if it never is."""
        path = self._base + check_key(key)
        folder, _, name = path.rpartition("/")
        if name.startswith(_TEMPORARY):
            raise UrlError(f"cannot write {key!r}: names that start with {_TEMPORARY!r} are kept for temporary files")
        temporary = f"{folder}/{_TEMPORARY}{os.urandom(8).hex()}"
        try:
            with _create(temporary) as file:
                yield file
            if if_absent:
                self._claim(temporary, path, key)
            else:
                os.replace(temporary, path)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            if isinstance(error, OSError) and not isinstance(error, LakeError):
                raise self._error("write", key, error, reading=False) from error
            raise

    def _claim(self, temporary: str, path: str, key: str) -> None:
        """Give a complete file its name, if no one has it."""
        try:
            try:
                os.link(temporary, path)
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
                open(path, "xb").close()  # still one winner, but a reader may catch the object empty for a moment
                os.replace(temporary, path)
            else:
                os.unlink(temporary)
        except FileExistsError as error:
            raise KeyExistsError(f"{self.url.join(key)} exists already") from error

    def delete(self, key: str) -> None:
        """Remove the file, if it is there; its folder stays."""
        path = self._base + check_key(key)
        try:
            os.unlink(path)
        except OSError as error:
            if isinstance(error, _ABSENT) or os.path.isdir(path):  # macOS refuses to unlink a folder with EPERM
                return
            raise self._error("delete", key, error) from error

    def delete_all(self, folder: str = "", *, progress: Callable[[int], None] | None = None) -> None:
        """Remove the folder and everything in it, temporary files of killed writers too."""
        del progress  # a tree goes as fast as it could be counted
        path = self._base + check_prefix(folder)
        if path in ("/", os.path.expanduser("~/")):
            raise PermissionDeniedError(f"{path} is not deleted as a whole: give a folder in it")
        try:
            if os.path.islink(path.rstrip("/")):  # empty what it points to; the link is the user's
                with os.scandir(path) as children:
                    for child in list(children):
                        shutil.rmtree(child) if child.is_dir(follow_symlinks=False) else os.unlink(child)
            else:
                shutil.rmtree(path)
        except _ABSENT:
            return
        except OSError as error:
            raise self._error("delete", folder, error) from error

    def list(self, prefix: str = "", *, delimiter: Literal["", "/"] = "") -> Iterator[Entry]:
        """Files in key order, one folder read at a time. Links to files count, links to folders are not entered."""
        folder, slash, start = check_prefix(prefix).rpartition("/")
        try:
            for key, entry in self._walk(folder + slash, start, deep=not delimiter):
                with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                    yield Entry(key, None if key.endswith("/") else entry.stat().st_size)
        except OSError as error:
            raise self._error("list", prefix, error) from error

    def _walk(self, folder: str, start: str, *, deep: bool) -> Iterator[tuple[str, os.DirEntry[str]]]:
        try:
            with os.scandir(self._base + folder) as found:
                children = [
                    (f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name, entry)
                    for entry in found
                    if entry.name.startswith(start) and not entry.name.startswith(_TEMPORARY)
                ]
        except (FileNotFoundError, NotADirectoryError):
            return
        children.sort(key=lambda child: child[0])  # with the slash, so that "a-b" comes before "a/b", as in any store
        for name, entry in children:
            below = folder + name
            if not name.endswith("/"):
                if entry.is_file():
                    yield below, entry
            elif deep:
                yield from self._walk(below, "", deep=True)
            elif any(True for _ in self._walk(below, "", deep=True)):  # an empty folder holds no object
                yield below, entry

    def size(self, key: str) -> int:
        """Bytes of the file."""
        try:
            found = os.stat(self._base + check_key(key))
            if stat.S_ISDIR(found.st_mode):
                raise IsADirectoryError(errno.EISDIR, "a folder")
        except OSError as error:
            raise self._error("read", key, error) from error
        return found.st_size

    def _error(self, verb: str, key: str, error: OSError, *, reading: bool = True) -> LakeError:
        """Our error for the system's. Only numbers are looked at: texts differ by platform and language."""
        shown = self._base + key
        if reading and isinstance(error, _ABSENT):
            return KeyNotFoundError(f"no object {shown}")
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        message = f"cannot {verb} {shown}: {reason}; {_ADVICE.get(error.errno or 0, 'check the disk')}"
        return PermissionDeniedError(message) if error.errno in _DENIED else StorageError(message)


def _create(path: str) -> BufferedWriter:
    """A new file, its folders made as needed."""
    try:
        return open(path, "xb")
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return open(path, "xb")


def _seek_and_read(descriptor: int, nbytes: int, start: int) -> bytes:
    os.lseek(descriptor, start, os.SEEK_SET)
    return os.read(descriptor, nbytes)


_pread: Callable[[int, int, int], bytes] = getattr(os, "pread", _seek_and_read)


def _content(path: str, byte_range: ByteRange | None) -> Buffer:
    """All of a file or what it has of a range, with a third of the calls that a file object makes."""
    descriptor = os.open(path, _READING)
    try:
        if byte_range is not None and byte_range[0] >= 0 and 0 < byte_range[1] - byte_range[0] <= _SMALL_NBYTES:
            return _pread(descriptor, byte_range[1] - byte_range[0], byte_range[0])  # less only where the file ends
        nbytes = os.lseek(descriptor, 0, os.SEEK_END)  # a fifth of what fstat takes
        if nbytes > _MOST_AT_ONCE:
            nbytes = os.fstat(descriptor).st_size  # a folder may end anywhere
        start, stop = clip(byte_range, nbytes) if byte_range is not None else (0, nbytes)
        data = _pread(descriptor, min(stop - start + (byte_range is None), _MOST_AT_ONCE), start)
        if len(data) == stop - start:  # else it has changed, is no plain file, or is more than a call carries
            return data
        del data
        file = FileIO(descriptor, closefd=False)
        file.seek(start)
        if byte_range is None:
            return file.readall()
        content = memoryview(bytearray(stop - start))
        return content[: _fill(file, content)].toreadonly()
    finally:
        os.close(descriptor)


def _write(file: BufferedWriter, buffers: Sequence[memoryview]) -> None:
    """Write buffers one after the other: what is large with one call to the system, else a megabyte with each."""
    total = sum(map(len, buffers))
    if not hasattr(os, "writev") or (len(buffers) == 1 and total <= _GROUP_NBYTES):
        file.writelines(buffers)
        return
    is_large = len(buffers) < _FEW_BUFFERS and total >= _LARGE_NBYTES
    for group in [buffers] if is_large else _groups(buffers):
        done = os.writev(file.fileno(), group)
        for buffer in group if done < sum(map(len, group)) else ():
            file.write(buffer[done:])  # the disk is about to be full, or it is more than a call carries
            done = max(done - len(buffer), 0)
        file.flush()


def _groups(buffers: Sequence[memoryview]) -> Iterator[Sequence[memoryview]]:
    """The buffers, cut, as neighbours that are written together."""
    cut = [one[at : at + _GROUP_NBYTES] for one in buffers for at in range(0, len(one), _GROUP_NBYTES)]
    stops = list(accumulate(map(len, cut)))
    start = done = 0
    while start < len(cut):
        stop = min(max(bisect_right(stops, done + _GROUP_NBYTES), start + 1), start + _MOST_BUFFERS)
        yield cut[start:stop]
        start, done = stop, stops[stop - 1]


def _copied(source: FileIO, target: BufferedWriter) -> int:
    """Copy a whole file within the kernel, if there is a way; gives its bytes."""
    done = 0
    try:
        while count := os.copy_file_range(source.fileno(), target.fileno(), _MOST_AT_ONCE):
            done += count
    except (AttributeError, OSError) as error:  # no Linux; or two file systems, or one that cannot
        if done or getattr(error, "errno", errno.ENOSYS) not in _NO_COPIES:
            raise
        shutil.copyfileobj(source, target, 1 << 20)
        target.flush()
        done = target.tell()
    return done


def _rows(file: FileIO, rows: Sequence[Buffer], starts: Sequence[int]) -> Iterator[int]:
    """Read each row from its own place on; gives how much that was."""
    if hasattr(os, "preadv"):  # one call to the system for each instead of two
        return map(os.preadv, repeat(file.fileno()), zip(rows, strict=True), starts)
    return (file.readinto(row) for row, start in zip(rows, starts, strict=True) if file.seek(start) is not None)


def _fill(file: FileIO, target: memoryview) -> int:
    """Read until the target is full or the file ends; one system call carries 2 GB at most."""
    done = 0
    while done < len(target) and (count := file.readinto(target[done:])):
        done += count
    return done
