from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import CommandError
from deeplake_nb.magics.words import quote, refuse_secrets, split


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("", []),
        ("  \t ", []),
        ("load ./a as b", ["load", "./a", "as", "b"]),
        ("  load   './my photos'  ", ["load", "./my photos"]),
        ('"./it\'s here"', ["./it's here"]),
        ("./'my photos'/cats", ["./my photos/cats"]),
        (r"C:\data\cars", [r"C:\data\cars"]),
        (r"'C:\my data\'", [r"C:\my data" + "\\"]),
        ("{x} $y {{z}}", ["{x}", "$y", "{{z}}"]),
        ("# no comment", ["#", "no", "comment"]),
        ("'' \"\"", ["", ""]),
        ("a''b", ["ab"]),
        ("größe/日本", ["größe/日本"]),
    ],
)
def test_a_line_is_split_at_spaces_outside_quotes(line, values):
    assert [word.value for word in split(line)] == values


def test_each_word_knows_how_and_where_it_was_written():
    line = "show  cars['a b'] --tensor 'x y'"
    for word in split(line):
        assert line[word.start : word.stop] == word.raw
    assert [word.raw for word in split(line)] == ["show", "cars['a b']", "--tensor", "'x y'"]


@pytest.mark.parametrize(("line", "mark"), [("a 'b c", "'"), ("a \"b'", '"'), ("a 'b'", ""), ("a ''\"", '"')])
def test_an_open_quote_is_reported(line, mark):
    assert split(line)[-1].open_quote == mark


@given(st.lists(st.text(min_size=1), min_size=1))
def test_quoted_values_are_split_back(values):
    words = split(" ".join(map(quote, values)))
    assert [word.value for word in words] == values
    assert not words[-1].open_quote


@given(st.text())
def test_any_line_is_split_without_losing_a_character_that_is_no_space(line):
    words = split(line)
    assert all(line[w.start : w.stop] == w.raw for w in words)
    assert (
        "".join(w.raw for w in words).replace(" ", "").split()
        == "".join(line[w.start : w.stop] for w in words).replace(" ", "").split()
    )
    covered = {place for w in words for place in range(w.start, w.stop)}
    assert all(line[place].isspace() for place in range(len(line)) if place not in covered)


@pytest.mark.parametrize("value", ["cars", "./a/b-c_d.e", "s3://bucket/cars@dev", r"C:\cars", "~/cars", "größe"])
def test_nothing_is_quoted_without_need(value):
    assert quote(value) == value


SECRETS = [
    "load s3://b/c AKIAIOSFODNN7EXAMPLE",
    "load s3://ASIAIOSFODNN7EXAMPLE/c",
    "load s3://b/c wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "load s3://b/c aws_secret_access_key=abc",
    "load s3://b/c aws_secret_access_key = abc",
    "load s3://b/c AWS_SESSION_TOKEN=abc",
    'load s3://b/c {"aws_access_key_id": "abc"}',
    'load s3://b/c \'{"secret_access_key": "abc"}\'',
    "load https://a.blob.core.windows.net/c?sv=2024&sig=abc%3D",
    "load https://b.s3.amazonaws.com/c?X-Amz-Signature=abc",
    "load https://storage.googleapis.com/b/c?X-Goog-Credential=abc",
    "load az://a/c account_key=abc==",
    "load az://a/c 'DefaultEndpointsProtocol=https;AccountKey=abc=='",
    "load az://a/c sas_token=abc",
    "load az://a/c client_secret='abc'",
    'load gs://b/c \'{"private_key": "-----BEGIN PRIVATE KEY-----"}\'',
    "load gs://b/c ya29.abcdef",
    "load hub://o/n eyJhbGciOi.eyJzdWIi.abc",
    "load https://user:hunter2@host/c",
    "load s3://b/c password=hunter2",
    "load s3://b/c Bearer abc",
    "load hub://o/n --token abc",
    "load hub://o/n --api-key=abc",
    "load s3://b/c --secret abc",
    "load s3://b/c --aws-secret-access-key abc",
    "load s3://b/c --key abc",
    "load az://a/c --sas abc",
    "load s3://b/c --password abc",
]


@pytest.mark.parametrize("line", SECRETS)
def test_a_secret_is_refused_and_never_repeated(line):
    with pytest.raises(CommandError, match=r"looks like .* history") as caught:
        refuse_secrets(split(line))
    for part in ("abc", "hunter2", "EXAMPLE", "ya29", "eyJ"):
        assert part not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        "load s3://tokens/password-reset-mails as keys",
        "load s3://bucket/secret/key/token as cars",
        "load ./access_key_photos",
        "load ./token=3/part=4",
        "load s3://bucket/cars@firstdbf9474d461a19e9333c2fd19b46115348f",
        "load ./a --branch 0123456789abcdef0123456789abcdef01234567",
        "show cars[cars.keys[:] == 3] --tensor keypoints",
        "load https://example.org/cars?signature=no",
        "load mem://a:b/c@d",
        "load ./sig=3",
    ],
)
def test_ordinary_lines_are_no_secrets(line):
    refuse_secrets(split(line))
