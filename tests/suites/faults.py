"""What every storage behind a network must survive, or report: never wrong bytes, never a hang.

Subclass `ReadingFaults`, or `WritingFaults` where the storage takes objects, and give it a ``proxy`` in front of the
storage, a ``provider`` that goes through it, and ``write_behind`` and ``read_behind`` that go past it.
"""

from __future__ import annotations

import os
import random
import time

import pytest

from deeplake_nb.errors import ExpiredCredentialsError, KeyExistsError, KeyNotFoundError, LakeError, StorageError
from deeplake_nb.storage import bodies, retries
from deeplake_nb.storage.provider import ByteRange, delete_all, get_into, get_many, put_many, put_parts
from tests.fakes import proxy as faults

CONTENT = os.urandom(100_000)
SECONDS = 60  # no operation may take longer, however ill the storage is


def into(provider):
    target = bytearray(50_000)
    return bytes(target[: get_into(provider, "k", target, 30_000)])


READS = {
    "get": (lambda provider: bytes(provider.get("k")), CONTENT),
    "range": (lambda provider: bytes(provider.get("k", ByteRange(10_000, 90_000))), CONTENT[10_000:90_000]),
    "into": (into, CONTENT[30_000:80_000]),
    "size": (lambda provider: provider.size("k"), 100_000),
}

FAULTS = {
    "500": faults.status(500, "InternalError"),
    "502": faults.status(502, "BadGateway"),
    "503": faults.status(503, "SlowDown"),
    "504": faults.status(504, "GatewayTimeout"),
    "reset": faults.reset,
    "lost": faults.lost,
    "cut at the start": faults.truncated(0),
    "cut in the middle": faults.truncated(1000),
    "cut rudely": faults.truncated(30_000, rudely=True),
    "silent": faults.silent(0.8),
}
SILENCE_SECONDS = 0.4  # what a provider may wait for a byte, in tests of silence


def patience(request):
    """How long the provider of this test may wait for a byte: short only where waiting is what is tested."""
    return SILENCE_SECONDS if "silent" in request.node.name else 60


def outcome(use, *args):
    """What came of it, or the typed error; anything else fails the test, and so does a hang."""
    began = time.monotonic()
    try:
        return use(*args)
    except LakeError as error:
        return error
    finally:
        assert time.monotonic() - began < SECONDS


class ReadingFaults:
    @pytest.fixture(autouse=True)
    def _hurried(self, monkeypatch):
        monkeypatch.setattr(retries, "_FIRST_SECONDS", 0.001)

    @pytest.fixture(autouse=True)
    def _sound_proxy(self, proxy):
        yield
        assert proxy.unexpected == []

    @pytest.mark.parametrize(
        ("fault", "count"), [(fault, count) for fault in FAULTS for count in (1, 3) if (fault, count) != ("silent", 3)]
    )
    def test_a_read_survives(self, provider, proxy, fault, count):
        self.write_behind(provider, "k", CONTENT)
        for read, expected in READS.values():
            proxy.faults = [FAULTS[fault]] * count
            assert outcome(read, provider) == expected
            if count == 1:
                assert proxy.faults == []  # it did meet the fault

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_fault_that_stays_is_reported(self, provider, proxy, fault):
        self.write_behind(provider, "k", CONTENT)
        proxy.always = lambda _: FAULTS[fault]
        for name, (read, expected) in READS.items() if fault != "silent" else [("get", READS["get"])]:
            found = outcome(read, provider)
            if name == "size" and found == expected:
                assert fault.startswith("cut")  # a HEAD has no body to cut
            else:
                assert type(found) is StorageError
                assert str(provider.url) in str(found)

    def test_a_fault_that_stays_stands_in_its_place_among_many(self, provider, proxy):
        for n in range(20):
            self.write_behind(provider, f"k{n}", b"%d" % n)
        proxy.always = lambda exchange: faults.status(500) if "k7" in exchange.path else None
        answers = list(get_many(provider, [(f"k{n}", None) for n in range(20)]))
        assert [n for n, answer in enumerate(answers) if isinstance(answer, LakeError)] == [7]
        assert [bytes(answer) for n, answer in enumerate(answers) if n != 7] == [b"%d" % n for n in range(20) if n != 7]

    def test_what_is_not_there_is_told_through_all_faults(self, provider, proxy):
        for fault in ("500", "reset", "lost"):
            proxy.faults = [FAULTS[fault]]
            with pytest.raises(KeyNotFoundError):
                provider.get("none")

    def test_a_slow_body_arrives_and_a_crawling_one_is_given_up(self, provider, proxy, monkeypatch):
        self.write_behind(provider, "k", CONTENT)
        proxy.faults = [faults.slow(10_000, 0.05)]
        assert bytes(provider.get("k")) == CONTENT
        monkeypatch.setattr(bodies, "PATIENCE_SECONDS", 0.1)
        monkeypatch.setattr(bodies, "SLOWEST_PER_SECOND", 1e6)
        proxy.faults = [faults.slow(100, 0.05)]
        assert bytes(provider.get("k")) == CONTENT
        proxy.always = lambda _: faults.slow(100, 0.05)
        found = outcome(provider.get, "k")
        assert type(found) is StorageError
        assert "only " in str(found)

    def test_whatever_happens_bytes_are_right(self, provider, proxy):
        contents = {f"c{n}": os.urandom(20_000) for n in range(8)}
        for key, content in contents.items():
            self.write_behind(provider, key, content)
        chance = random.Random(3)
        kinds = [fault for name, fault in FAULTS.items() if name != "silent"]
        proxy.always = lambda _: chance.choice(kinds) if chance.random() < 0.4 else None
        requests = []
        for _ in range(120):
            start = chance.randrange(20_000)
            span = None if chance.random() < 0.5 else ByteRange(start, start + chance.randrange(1, 9000))
            requests.append((f"c{chance.randrange(8)}", span))
        right = 0
        for (key, span), answer in zip(requests, get_many(provider, requests), strict=True):
            if isinstance(answer, LakeError):
                assert type(answer) is StorageError
            else:
                assert bytes(answer) == (contents[key] if span is None else contents[key][span.start : span.stop])
                right += 1
        assert right > 60


class WritingFaults(ReadingFaults):
    def test_a_read_of_the_listing_survives(self, provider, proxy):
        for n in range(3):
            self.write_behind(provider, f"k{n}", b"x")
        for fault in FAULTS.values():
            proxy.faults = [fault]
            assert [entry.key for entry in outcome(lambda: list(provider.list()))] == ["k0", "k1", "k2"]

    @pytest.mark.parametrize("fault", FAULTS)
    def test_a_write_survives(self, provider, proxy, fault):
        proxy.faults = [FAULTS[fault]]
        assert outcome(provider.put, "k", CONTENT) is None
        assert self.read_behind(provider, "k") == CONTENT
        proxy.faults = [FAULTS[fault]]
        assert outcome(provider.delete, "k") is None
        assert self.read_behind(provider, "k") is None
        self.write_behind(provider, "a/k", CONTENT)
        proxy.faults = [FAULTS[fault]]
        assert outcome(delete_all, provider) is None
        assert self.read_behind(provider, "a/k") is None

    @pytest.mark.parametrize("fault", [name for name in FAULTS if not name.startswith("cut")])
    def test_a_write_that_cannot_be_is_reported(self, provider, proxy, fault):
        self.write_behind(provider, "k", b"old")
        proxy.always = lambda _: FAULTS[fault]
        uses = [
            lambda: provider.put("k", CONTENT),
            lambda: provider.put("new", CONTENT, if_absent=True),
            lambda: provider.delete("k"),
            lambda: list(provider.list()),
            lambda: put_many(provider, [("l", CONTENT), ("m", CONTENT)]),
        ]
        for use in uses if fault != "silent" else uses[:1]:
            found = outcome(use)
            # a lock whose answer was lost may be found there when it is asked for again
            kinds = {StorageError, KeyExistsError} if fault in {"lost", "silent"} else {StorageError}
            assert type(found) in kinds
            assert str(provider.url) in str(found)
        if fault != "lost":
            proxy.always = lambda _: None
            assert self.read_behind(provider, "k") == b"old"

    def test_a_lock_is_taken_or_told_of(self, provider, proxy):
        """After a lost answer the repetition may find the object there: it is ours, as reading it back tells."""
        for n, fault in enumerate(FAULTS.values()):
            proxy.faults = [fault]
            found = outcome(lambda key=f"lock{n}": provider.put(key, b"mine", if_absent=True))
            assert found is None or isinstance(found, KeyExistsError)
            assert self.read_behind(provider, f"lock{n}") == b"mine"
            proxy.faults = [fault]
            assert isinstance(
                outcome(lambda key=f"lock{n}": provider.put(key, b"other", if_absent=True)), KeyExistsError
            )
            assert self.read_behind(provider, f"lock{n}") == b"mine"

    def test_a_long_object_is_whole_or_not_there(self, provider, proxy):
        content = os.urandom(30 << 20)
        pieces = [content[start : start + (4 << 20)] for start in range(0, len(content), 4 << 20)]
        chance = random.Random(5)
        kinds = [FAULTS[name] for name in ("500", "503", "reset", "lost")]
        proxy.always = lambda _: chance.choice(kinds) if chance.random() < 0.3 else None
        for n in range(3):
            found = outcome(lambda key=f"long{n}": put_parts(provider, key, pieces, len(content)))
            assert found is None or type(found) is StorageError
            expected = content if found is None else None
            assert self.read_behind(provider, f"long{n}") in {expected, content}
        proxy.always = lambda exchange: faults.status(500) if exchange.method == "PUT" else None
        assert type(outcome(put_parts, provider, "none", pieces, len(content))) is StorageError
        assert self.read_behind(provider, "none") is None

    def test_whatever_happens_what_was_put_is_there(self, provider, proxy):
        chance = random.Random(7)
        kinds = [fault for name, fault in FAULTS.items() if name != "silent"]
        proxy.always = lambda _: chance.choice(kinds) if chance.random() < 0.4 else None
        put = {}
        for n in range(40):
            content = os.urandom(chance.randrange(5000))
            found = outcome(lambda content=content, key=f"w{n}": provider.put(key, content))
            assert found is None or type(found) is StorageError
            if found is None:
                put[f"w{n}"] = content
        assert len(put) > 20
        assert {key: self.read_behind(provider, key) for key in put} == put


def expired(proxy, provider, fault):
    """Keys that end while they are in use are told of as such, at once, whatever was asked."""
    proxy.always = lambda _: fault
    for use in (lambda: provider.get("k"), lambda: provider.put("k", b"x"), lambda: list(provider.list())):
        before = len(proxy.seen)
        found = outcome(use)
        assert type(found) is ExpiredCredentialsError
        assert len(proxy.seen) == before + 1
