"""Objects as files."""

from __future__ import annotations

import multiprocessing
import os
import resource
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from deeplake_nb.errors import KeyExistsError, KeyNotFoundError, PermissionDeniedError, StorageError, UrlError
from deeplake_nb.storage import local
from deeplake_nb.storage.local import LocalStorage
from deeplake_nb.storage.provider import ByteRange, delete_all
from deeplake_nb.urls import parse
from tests.fakes.killed import killed
from tests.machine import opened_below
from tests.suites.storage import StorageSuite


@pytest.fixture
def provider(tmp_path):
    return LocalStorage(parse(tmp_path / "root"))


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


def contend(start, outcomes, root, key, number):
    content = b"%04d" % number * 5000
    start.wait(timeout=60)
    try:
        LocalStorage(parse(root)).put(key, content, if_absent=True)
    except KeyExistsError:
        outcomes.put((content, False))
    else:
        outcomes.put((content, True))


class TestLocal(StorageSuite):
    @pytest.fixture
    def provider(self, provider):
        return provider

    def write_behind(self, provider, key, content):
        path = Path(provider.url.path, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def read_behind(self, provider, key):
        path = Path(provider.url.path, key)
        return path.read_bytes() if path.is_file() else None

    def race(self, provider, key, count):
        """Processes, not threads: nothing but the file system can decide."""
        server = multiprocessing.get_context("forkserver")  # this process has threads, and may hold their locks
        server.set_forkserver_preload([__name__])
        start, outcomes = server.Barrier(count), server.SimpleQueue()
        given = start, outcomes, provider.url.path, key
        racers = [server.Process(target=contend, args=(*given, number)) for number in range(count)]
        for racer in racers:
            racer.start()
        result = dict(outcomes.get() for _ in racers)
        for racer in racers:
            racer.join()
        assert not any(local._TEMPORARY in name for name in files(provider.url.path))
        return result


class TestLocalWithoutHardLinks(TestLocal):
    """As on exFAT and some network folders."""

    @pytest.fixture(autouse=True)
    def no_links(self, monkeypatch):
        def link(source, target):
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "link", link)


class TestLocalWithoutCopiesInTheKernel(TestLocal):
    """As between two file systems, on old kernels, and on other systems."""

    @pytest.fixture(autouse=True, params=["two file systems", "another system"])
    def no_copies(self, monkeypatch, request):
        def copy(source, target, count):
            raise OSError(18, "Invalid cross-device link")

        if request.param == "two file systems":
            monkeypatch.setattr(os, "copy_file_range", copy)
        else:
            monkeypatch.delattr(os, "copy_file_range")


def test_relative_and_home_paths_are_resolved_when_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    storage = LocalStorage(parse("a/../b/"))
    assert storage.url == parse(tmp_path / "b")
    assert LocalStorage(parse("~/data")).url == parse(tmp_path / "me/data")
    assert LocalStorage(parse(f"file://{tmp_path}/c%20d")).url == parse(tmp_path / "c d")
    monkeypatch.chdir("/")
    storage.put("k", b"x")
    assert files(tmp_path) == ["b/k"]


def test_a_home_of_nobody_is_no_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UrlError, match=r"no home folder for ~nobody-here/x"):
        LocalStorage(parse("~nobody-here/x"))


def test_opening_and_reading_make_no_folder(provider):
    with pytest.raises(KeyNotFoundError):
        provider.get("k")
    assert list(provider.list()) == []
    assert not Path(provider.url.path).exists()


def test_an_object_shortened_in_place_by_another_program_stays_whole_here(provider):
    content = os.urandom(8 << 20)
    provider.put("large", content)
    held = provider.get("large")
    with Path(provider.url.path, "large").open("r+b") as file:
        file.truncate(10)
    assert held == content


def test_files_get_the_users_mask(provider):
    old = os.umask(0o027)
    try:
        provider.put("a/k", b"x")
    finally:
        os.umask(old)
    assert stat.S_IMODE(Path(provider.url.path, "a/k").stat().st_mode) == 0o640


def test_a_failed_write_leaves_the_old_object_and_nothing_else(provider):
    """The system itself stops the write in the middle: RLIMIT_FSIZE behaves as a full disk does."""
    provider.put("k", b"old")
    code = """
        import resource, sys
        from deeplake_nb.errors import StorageError
        from deeplake_nb.storage.local import LocalStorage
        from deeplake_nb.storage.provider import Patched
        from deeplake_nb.urls import parse
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        few, many = [b"x" * 60_000, b"y" * 60_000], [b"x" * 900] * 120
        for buffers, options in ((few, {}), (few, {"if_absent": True}), (many, {})):
            try:
                LocalStorage(parse(sys.argv[1])).put("k", buffers, **options)
            except StorageError as error:
                print(type(error).__name__, error)
        try:
            LocalStorage(parse(sys.argv[1])).put_patched("k", Patched("large", [(0, b"x")]))
        except StorageError as error:
            print(type(error).__name__, error)
    """
    provider.put("large", bytes(200_000))
    command = [sys.executable, "-c", textwrap.dedent(code), provider.url.path]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    expected = f"StorageError cannot write {provider.url}/k: File too large; larger than this process"
    assert [line[: len(expected)] for line in printed] == [expected] * 4
    assert bytes(provider.get("k")) == b"old"
    assert files(provider.url.path) == ["k", "large"]


def test_many_small_buffers_take_a_call_for_each_megabyte(provider, monkeypatch):
    calls = []
    written = os.writev
    monkeypatch.setattr(os, "writev", lambda file, group: calls.append(len(group)) or written(file, group))
    sizes = [1000] * 3000 + [3 << 20] + [0, 7, 1 << 20, 100_000]
    buffers = [bytes([at % 251]) * size for at, size in enumerate(sizes)]
    provider.put("k", buffers)
    assert bytes(provider.get("k")) == b"".join(buffers)
    assert calls == [1024, 1024, 952, 1, 1, 1, 1, 1, 1]
    calls.clear()
    provider.put("large", [b"head", bytes(16 << 20)])
    assert bytes(provider.get("large")) == b"head" + bytes(16 << 20)
    assert calls == [2]


def test_a_full_disk_is_one_clear_error(provider, monkeypatch):
    provider.put("k", b"old")

    class Full:
        def __enter__(self):
            return self

        def __exit__(self, *args):
            return False

        def writelines(self, buffers):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(local, "_create", lambda path: Full())
    with pytest.raises(StorageError) as caught:
        provider.put("k", b"new")
    assert str(caught.value) == (
        f"cannot write {provider.url}/k: No space left on device; the disk is full: free some space"
    )
    assert bytes(provider.get("k")) == b"old"


def test_a_killed_writer_leaves_the_old_object_and_no_listed_trace(provider):
    provider.put("k", b"old")
    code = """
        import sys
        from deeplake_nb.storage.local import LocalStorage
        from deeplake_nb.urls import parse
        storage = LocalStorage(parse(sys.argv[1]))
        data = b"new!" * 10_000_000
        print("ready", flush=True)
        while True:
            storage.put("k", data)
            storage.put("k", b"old")
    """
    for seconds in (0.0, 0.01, 0.03, 0.05):
        killed(code, provider.url.path, lines=1, seconds=seconds)
        assert provider.size("k") in (3, 40_000_000)
        assert [entry.key for entry in provider.list()] == ["k"]
        assert [entry.key for entry in provider.list(delimiter="/")] == ["k"]
    delete_all(provider)
    assert not Path(provider.url.path).exists()


def test_a_writer_killed_while_it_patches_leaves_the_old_object_or_the_new_one(provider):
    old, new = b"old!" * 5_000_000, b"new!" * 5_000_000
    provider.put("k", old)
    code = """
        import sys
        from deeplake_nb.storage.local import LocalStorage
        from deeplake_nb.storage.provider import Patched
        from deeplake_nb.urls import parse
        storage = LocalStorage(parse(sys.argv[1]))
        pages = range(0, 20_000_000, 4000)
        print("ready", flush=True)
        while True:
            storage.put_patched("k", Patched("k", [(start, b"new!" * 1000) for start in pages]))
            storage.put_patched("k", Patched("k", [(start, b"old!" * 1000) for start in pages]))
    """
    for seconds in (0.0, 0.02, 0.05, 0.1):
        killed(code, provider.url.path, lines=1, seconds=seconds)
        assert provider.get("k") in (old, new)
        assert [entry.key for entry in provider.list()] == ["k"]


def test_temporary_files_are_not_objects(provider):
    provider.put("a/k", b"x")
    leftover = Path(provider.url.path, "a", local._TEMPORARY + "0123")
    leftover.write_bytes(b"half")
    assert [entry.key for entry in provider.list()] == ["a/k"]
    assert [entry.key for entry in provider.list("a/.")] == []
    with pytest.raises(UrlError, match="are kept for temporary files"):
        provider.put(f"a/{leftover.name}", b"x")
    provider.delete("a/k")
    assert list(provider.list(delimiter="/")) == []
    delete_all(provider, "a/")
    assert files(provider.url.path) == []


def test_a_file_in_the_way_of_a_folder_and_the_reverse(provider):
    provider.put("a", b"x")
    for options in ({}, {"if_absent": True}):
        with pytest.raises(StorageError, match="a file is in the way where a folder is needed") as caught:
            provider.put("a/b", b"x", **options)
        assert f"cannot write {provider.url}/a/b" in str(caught.value)
    provider.put("c/d", b"x")
    with pytest.raises(StorageError, match="a folder of this name is in the way"):
        provider.put("c", b"x")
    with pytest.raises(KeyExistsError):
        provider.put("c", b"x", if_absent=True)
    assert files(provider.url.path) == ["a", "c/d"]


def test_a_name_too_long(provider):
    with pytest.raises(StorageError, match="the name is too long for this file system: choose a shorter one"):
        provider.put("x" * 300, b"x")
    assert files(provider.url.path) == []


def test_no_permission_is_said(provider):
    provider.put("k", b"x")
    provider.put("locked/k", b"x")
    code = """
        import os, sys
        from deeplake_nb.errors import PermissionDeniedError
        from deeplake_nb.storage.local import LocalStorage
        from deeplake_nb.storage.provider import delete_all
        from deeplake_nb.urls import parse
        storage = LocalStorage(parse(sys.argv[1]))
        if os.getuid() == 0:
            os.setuid(65534)  # permissions do not bind root
        for use in (
            lambda: storage.get("k"), lambda: storage.put("new", b"x"), lambda: storage.delete("k"),
            lambda: list(storage.list("locked/")), lambda: delete_all(storage),
        ):
            try:
                use()
            except PermissionDeniedError as error:
                print(error)
    """
    root = Path(provider.url.path)
    (root / "k").chmod(0o000)
    (root / "locked").chmod(0o000)
    root.chmod(0o555)
    for folder in list(root.parents)[:-2]:
        folder.chmod(folder.stat().st_mode | 0o555)
    try:
        command = [sys.executable, "-c", textwrap.dedent(code), str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    finally:
        root.chmod(0o755)
        (root / "locked").chmod(0o755)
    advice = "Permission denied; check the permissions of the file and its folder"
    assert done.stdout.splitlines() == [
        f"cannot read {root}/k: {advice}",
        f"cannot write {root}/new: {advice}",
        f"cannot delete {root}/k: {advice}",
        f"cannot list {root}/locked/: {advice}",
        f"cannot delete {root}/: {advice}",
    ]


def test_links_are_followed_to_files_only(provider, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"kept")
    provider.put("k", b"1234")
    root = Path(provider.url.path)
    (root / "file").symlink_to(root / "k")
    (root / "folder").symlink_to(outside)
    (root / "broken").symlink_to(root / "nowhere")
    (root / "loop").symlink_to(root)
    assert [(entry.key, entry.nbytes) for entry in provider.list()] == [("file", 4), ("k", 4)]
    assert bytes(provider.get("file")) == b"1234"
    delete_all(provider)
    assert not root.exists()
    assert (outside / "kept").read_bytes() == b"kept"


def test_a_root_that_is_a_link_is_emptied_and_stays(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    storage = LocalStorage(parse(tmp_path / "link"))
    storage.put("a/b", b"x")
    storage.put("c", b"x")
    delete_all(storage)
    assert list((tmp_path / "real").iterdir()) == []
    assert (tmp_path / "link").is_symlink()


def test_the_machine_and_the_home_are_not_deleted_as_a_whole(tmp_path, monkeypatch):
    (tmp_path / "kept").write_bytes(b"kept")
    monkeypatch.setenv("HOME", str(tmp_path))
    for place in ("~", tmp_path, "/"):
        with pytest.raises(PermissionDeniedError, match="is not deleted as a whole"):
            delete_all(LocalStorage(parse(place)))
    assert (tmp_path / "kept").exists()


def test_a_root_that_is_a_file_holds_nothing(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    storage = LocalStorage(parse(tmp_path / "file"))
    assert list(storage.list()) == []
    with pytest.raises(KeyNotFoundError):
        storage.get("k")
    with pytest.raises(StorageError, match="a file is in the way"):
        storage.put("k", b"x")
    delete_all(storage)
    assert (tmp_path / "file").exists()


def test_names_that_are_no_text_can_be_read(provider):
    provider.put("k", b"x")
    Path(os.fsdecode(os.fsencode(provider.url.path) + b"/caf\xe9")).write_bytes(b"coffee")
    keys = [entry.key for entry in provider.list()]
    assert keys == ["caf\udce9", "k"]
    assert bytes(provider.get(keys[0])) == b"coffee"


def test_no_descriptor_is_left_open(provider):
    provider.put("k", os.urandom(1 << 20))
    assert opened_below(provider.url.path) == []
    with Path(provider.url.path, "k").open("rb"):
        assert len(opened_below(provider.url.path)) == 1, "it would be seen"
    for _ in range(50):
        provider.get("k", ByteRange(0, 10))
        provider.get("k")
        provider.size("k")
        list(provider.list())
        provider.put("l", np.zeros(10))
    assert opened_below(provider.url.path) == []


def test_the_limit_of_open_files_is_named(provider):
    provider.put("k", b"x")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))  # 0, 1 and 2 are open
    try:
        with pytest.raises(StorageError, match="too many open files: close some"):
            provider.get("k")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
