"""The grammar of paths."""

from __future__ import annotations

import pickle
import traceback
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from deeplake_nb.errors import UrlError
from deeplake_nb.urls import DiscreetText, Url, parse, redact

WRITTEN = [
    ("cars", Url("file", path="cars")),
    ("./cars/", Url("file", path="./cars")),
    ("../a b/cars", Url("file", path="../a b/cars")),
    ("/", Url("file", path="/")),
    ("///", Url("file", path="/")),
    ("/data/cars//", Url("file", path="/data/cars")),
    ("~/cars", Url("file", path="~/cars")),
    ("data?x=1#2", Url("file", path="data?x=1#2")),
    ("notes:today", Url("file", path="notes:today")),
    ("./s3:x", Url("file", path="./s3:x")),
    ("file:///data/my%20cars/", Url("file", path="/data/my cars")),
    ("file://localhost/data", Url("file", path="/data")),
    ("FILE:///data", Url("file", path="/data")),
    ("file:///C:/data", Url("file", path="C:/data")),
    ("C:\\data\\cars\\", Url("file", path="C:/data/cars")),
    ("d:/", Url("file", path="d:/")),
    ("mem://scratch", Url("mem", "scratch")),
    ("mem://scratch/cars", Url("mem", "scratch", "cars")),
    ("s3://bucket", Url("s3", "bucket")),
    ("s3://bucket/", Url("s3", "bucket")),
    ("S3://bucket/a/b/", Url("s3", "bucket", "a/b")),
    ("  s3://bucket/a", Url("s3", "bucket", "a")),
    ("s3://bucket//a//b", Url("s3", "bucket", "/a//b")),
    ("s3://bucket/a b/ü%20+@x", Url("s3", "bucket", "a b/ü%20+@x")),
    ("gcs://bucket/a", Url("gcs", "bucket", "a")),
    ("gs://bucket/a", Url("gcs", "bucket", "a")),
    ("gcp://bucket/a", Url("gcs", "bucket", "a")),
    ("azure://account/box/a", Url("azure", "account", "box/a")),
    ("az://account/box/a/", Url("azure", "account", "box/a")),
    ("abfss://box@account.dfs.core.windows.net/a/b", Url("azure", "account", "box/a/b")),
    ("abfss://box@account.dfs.core.windows.net", Url("azure", "account", "box")),
    ("abfs://box@account.blob.core.windows.net/a", Url("azure", "account", "box/a")),
    ("abfss://box@account.dfs.core.chinacloudapi.cn/a", Url("azure", "account.dfs.core.chinacloudapi.cn", "box/a")),
    ("hub://org/name", Url("hub", "org", "name")),
    ("http://host", Url("http", "host")),
    ("https://me:pw@host:8080/a%20b/?x=1&y=2#top", Url("https", "me:pw@host:8080", "a%20b/", "x=1&y=2")),
    ("http://[::1]:80/a", Url("http", "[::1]:80", "a")),
]

BAD = [
    ("", "the path is empty: give a folder, or a url such as s3://bucket/folder"),
    ("   ", "the path is empty"),
    (" /", "the path is empty"),
    ("a\0b", "NUL character: remove it"),
    ("file:///a%00b", "no local file url"),
    ("s3://", "no valid bucket after 's3://': write s3://bucket/folder"),
    ("s3:///key", "no valid bucket after 's3://'"),
    ("s3://my bucket/key", "no valid bucket"),
    ("gs://", "no valid bucket after 'gs://': write gcs://bucket/folder"),
    ("az://", "no valid account after 'az://': write azure://account/container/folder"),
    ("abfss://account.dfs.core.windows.net/a", "needs abfss://container@account.dfs.core.windows.net/folder"),
    ("hub://", "no valid organisation after 'hub://': write hub://organisation/name"),
    ("mem://", "no valid name after 'mem://': write mem://name"),
    ("http:///x", "no valid host after 'http://': write http://host/path"),
    ("http://host:x/", "no valid host"),
    ("file://host/share", "no local file url: write file:///folder"),
    ("file://", "no local file url"),
    ("s3a://bucket", "unknown scheme 's3a://' in 's3a://bucket' (did you mean 's3'?); known: a local path, file://"),
    ("htps://host", "did you mean 'https'?"),
    ("s3:/bucket/cars", "has no '//' after 's3:': write s3://bucket/folder as text (a pathlib.Path loses"),
    ("GS:bucket", "has no '//' after 'gs:'"),
    ("file:/data", "write file:///folder"),
    (7, "a path is text or a pathlib.Path, not int"),
    (None, "not NoneType"),
    (b"cars", "not bytes"),
]


@pytest.mark.parametrize(("text", "url"), WRITTEN)
def test_every_form_is_understood(text, url):
    assert parse(text) == url
    assert parse(url.reveal()) == url


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad_input_says_what_to_write(text, message):
    with pytest.raises(UrlError) as caught:
        parse(text)
    assert message in str(caught.value)


def test_paths_and_urls_are_taken_too():
    assert parse(Path("/data/cars")) == Url("file", path="/data/cars")
    url = parse("s3://bucket/cars")
    assert parse(url) is url
    with pytest.raises(UrlError, match="pathlib"):
        parse(Path("s3://bucket/cars"))


SECRET = "c4nary"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"https://me:{SECRET}@host/a", "https://***@host/a"),
        (f"https://{SECRET}@host", "https://***@host"),
        (f"http://host/a?X-Amz-Signature={SECRET}&X-Amz-Date=1", "http://host/a?X-Amz-Signature=***&X-Amz-Date=***"),
        (f"http://host/a?sv=1&sig={SECRET}%3D", "http://host/a?sv=***&sig=***"),
        (f"az://account/box/a?sig={SECRET}", "azure://account/box/a?sig=***"),
    ],
)
def test_no_secret_is_shown(text, shown):
    url = parse(text)
    assert str(url) == f"{url}" == shown
    assert repr(url) == f"Url({shown!r})"
    assert SECRET in url.reveal()
    assert SECRET not in str(url.join("b"))


@pytest.mark.parametrize(
    "text",
    [
        f"s3://AKIA:{SECRET}@bucket/a",
        f"s3://AKIA:{SECRET}/{SECRET}@bucket/a",
        f"https://me:{SECRET}/{SECRET}@host/a",
        f"htpps://me:{SECRET}@host/a?sig={SECRET}",
        f"http://?sig={SECRET}",
        f"s3:/AKIA:{SECRET}@bucket?sig={SECRET}",
        f"s3://bucket?sig={SECRET}\0",
        f"hub://me:{SECRET}@org/name",
    ],
)
def test_no_secret_is_in_an_error(text):
    with pytest.raises(UrlError) as caught:
        parse(text)
    assert SECRET not in str(caught.value)


def test_redact_leaves_other_text_alone():
    assert redact("a?b=c") == "a?b=c"
    assert redact("s3://bucket/a@b?c") == "s3://bucket/a@b?c"


@pytest.mark.parametrize(
    ("text", "parent", "name"),
    [
        ("s3://bucket/a/b", "s3://bucket/a", "b"),
        ("s3://bucket/a", "s3://bucket", "a"),
        ("s3://bucket", "s3://bucket", "bucket"),
        ("azure://account/box", "azure://account", "box"),
        ("https://me@host/a/b%20c?x=1", "https://me@host/a", "b c"),
        ("https://me@host", "https://me@host", "host"),
        ("/a/b", "/a", "b"),
        ("/a", "/", "a"),
        ("/", "/", ""),
        ("a", ".", "a"),
        (".", "..", "."),
        ("..", "../..", ".."),
        ("~/a", "~", "a"),
        ("~", "~/..", "~"),
        ("C:/a", "C:/", "a"),
        ("C:/", "C:/", "C:"),
    ],
)
def test_parent_and_name(text, parent, name):
    url = parse(text)
    assert (url.parent, url.name) == (parse(parent), name)


def test_join_goes_below():
    assert parse("s3://bucket").join("a", "b/c/") == parse("s3://bucket/a/b/c")
    assert parse("/").join("a") == parse("/a")
    assert parse("C:/").join("a") == parse("C:/a")
    assert parse("cars").join("ü b").path == "cars/ü b"
    assert parse("https://host/a/?x=1").join("b c?", "~d") == Url("https", "host", "a/b%20c%3F/~d")


@pytest.mark.parametrize("key", ["", "/", "/a", "../a", "a/..", "a/../../b", "a\0"])
def test_join_never_climbs(key):
    with pytest.raises(UrlError, match="cannot join"):
        parse("s3://bucket/a").join(key)


def test_a_url_is_a_value():
    url = parse("s3://bucket/a")
    assert {url: 1}[parse("s3://bucket/a/")] == 1
    assert pickle.loads(pickle.dumps(url)) == url
    with pytest.raises(AttributeError):
        url.path = "b"


@given(st.text())
@example("s3://b/\x1f")
@example("C:\\")
@example("C://")
@example("file:///%2")
@example("~")
@example(" ./")
def test_any_text_is_an_error_or_goes_round(text):
    try:
        url = parse(text)
    except UrlError:
        return
    assert parse(url.reveal()) == url
    assert parse(url.parent.reveal()) == url.parent


_word = st.text(st.characters(exclude_characters="/\0\\?#:@ \t\r\n\x0b\x0c", exclude_categories=["Z", "C"]), min_size=1)
_word = _word.filter(lambda word: word.strip(".") != "")
_roots = st.one_of(
    st.builds("{}://{}".format, st.sampled_from(["s3", "gs", "gcs", "az", "hub", "mem", "https"]), _word),
    st.builds("abfss://{}@{}.dfs.core.windows.net".format, _word, _word),
    st.builds("/{}".format, _word),
)


@given(_roots.filter(lambda text: "[" not in text and "]" not in text), st.lists(_word, min_size=1, max_size=4))
def test_join_and_parent_are_inverse(root, words):
    root = parse(root)
    url = root.join(*words)
    assert url == root.join("/".join(words))
    assert parse(url.reveal()) == url
    assert url.name == words[-1]
    for _ in words:
        url = url.parent
    assert url == root


def test_discreet_text_is_the_text_and_shows_no_secret():
    for text in ("https://me:pw@host/x?sig=c4nary", "k?sig=c4nary&x=1", "s3://AKIA:c4nary@bucket"):
        discreet = DiscreetText(text)
        assert discreet == text
        assert str(discreet) == text
        assert "c4nary" not in repr(discreet) + f"{discreet!r}"
        assert "pw" not in repr(discreet)
    assert repr(DiscreetText("/data/cars")) == "'/data/cars'"


def test_no_frame_of_a_refused_url_shows_it():
    with pytest.raises(UrlError) as caught:
        parse("s3://AKIA:c4nary@bucket/x")
    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]
    assert frames
    assert not [frame for frame in frames if "c4nary" in repr(frame.f_locals)]
    assert caught.value.__cause__ is caught.value.__context__ is None
