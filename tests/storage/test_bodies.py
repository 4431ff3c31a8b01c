"""Bodies of answers: to the last byte, or not at all."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError

from deeplake_nb.storage import bodies
from deeplake_nb.storage.bodies import Body, BodyError, answered_range, received, received_into
from deeplake_nb.storage.ranges import ByteRange


class Raw:
    """An answer that comes in pieces, and maybe breaks off."""

    def __init__(self, *pieces, chunked=False, breaks=None):
        self.pieces, self.chunked, self.breaks = list(pieces), chunked, breaks

    def read1(self, nbytes):
        while self.pieces:
            piece = self.pieces.pop(0)
            if len(piece) > nbytes:
                self.pieces.insert(0, piece[nbytes:])
            if piece:
                return piece[:nbytes]
        if self.breaks:
            raise self.breaks
        return b""


@given(st.lists(st.binary(max_size=9), max_size=9), st.booleans())
def test_pieces_become_the_whole(pieces, chunked):
    content = b"".join(pieces)
    body = Body(Raw(*pieces, chunked=chunked), None if chunked else len(content), None)
    data = received(body, None)
    assert bytes(data) == content
    assert data.readonly


@given(st.binary(min_size=1, max_size=30), st.integers(0, 40), st.integers(1, 40), st.booleans())
def test_a_range_is_had_from_any_server(content, start, length, knows_ranges):
    asked = ByteRange(start, start + length)
    expected = content[start : start + length]
    if knows_ranges and expected:
        header = f"bytes {start}-{start + len(expected) - 1}/{len(content)}"
        bodies_ = [Body(Raw(expected), len(expected), header) for _ in range(2)]
    else:
        bodies_ = [Body(Raw(content), len(content), None) for _ in range(2)]
    assert bytes(received(bodies_[0], asked)) == expected
    target = memoryview(bytearray(length))
    nbytes = received_into(bodies_[1], asked, target)
    assert bytes(target[:nbytes]) == expected


@pytest.mark.parametrize("cut", range(10))
def test_a_body_that_breaks_off_is_no_body(cut):
    for raw in (Raw(b"0123456789"[:cut]), Raw(b"0123456789"[:cut], breaks=ProtocolError("gone"))):
        with pytest.raises(BodyError, match=f"{cut} of 10 bytes|ProtocolError"):
            received(Body(raw, 10, None), None)


def test_what_has_no_end_cannot_be_trusted():
    with pytest.raises(BodyError, match="without a length"):
        received(Body(Raw(b"any"), None, None), None)
    with pytest.raises(BodyError, match="ProtocolError"):
        received(Body(Raw(b"any", chunked=True, breaks=ProtocolError("cut")), None, None), None)


def test_a_body_that_crawls_is_given_up(monkeypatch):
    seconds = [0.0]
    monkeypatch.setattr(bodies, "_Watch", partial(bodies._Watch, lambda: seconds[0]))

    class Crawling(Raw):
        def read1(self, nbytes):
            seconds[0] += 20
            return super().read1(nbytes)

    for nbytes in (100, None):
        with pytest.raises(BodyError, match=r"only 4 bytes in 80 s"):
            bodies.read(Crawling(*[b"x"] * 100, chunked=True), nbytes)
    monkeypatch.setattr(bodies, "SLOWEST_PER_SECOND", 0.05)
    assert len(bodies.read(Crawling(*[b"x"] * 100), 100)) == 100


@pytest.mark.parametrize(
    ("header", "nbytes"),
    [
        ("bytes 3-9/100", 7),
        ("bytes 2-10/100", 9),
        ("bytes 2-9/100", 7),
        ("bytes */100", 8),
        ("items 2-9/100", 8),
        ("", 8),
    ],
)
def test_other_bytes_than_asked_for_are_refused(header, nbytes):
    with pytest.raises(BodyError, match="in answer to bytes 2-9"):
        answered_range(header, ByteRange(2, 10), nbytes)


def test_the_range_of_an_answer():
    assert answered_range("bytes 2-9/100", ByteRange(2, 10), 8) == (2, 10)
    assert answered_range(" bytes 2-5/* ", ByteRange(2, 10), None) == (2, 6)
    assert answered_range(None, ByteRange(2, 10), 8) is None
