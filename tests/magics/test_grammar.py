from __future__ import annotations

import builtins
import contextlib
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import CommandError
from deeplake_nb.magics.commands import VERBS, Help, Load, Ls, Show, Why
from deeplake_nb.magics.grammar import format_line, parse


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("", Help()),
        ("   ", Help()),
        (";", Help()),
        ("--help", Help()),
        ("-h", Help()),
        ("help", Help()),
        ("help load", Help("load")),
        ("load --help", Help("load")),
        ("load -h", Help("load")),
        ("ls ./x --help", Help("ls")),
        ("why", Why()),
        ("load ./cars", Load("./cars")),
        ("load ./cars;", Load("./cars")),
        ("load ./cars ;  ", Load("./cars")),
        ("load './cars;'", Load("./cars;")),
        ("load ./cars as c", Load("./cars", "c")),
        ("load ./cars --as c", Load("./cars", "c")),
        ("load --as=c ./cars", Load("./cars", "c")),
        ("load ./cars as c;", Load("./cars", "c")),
        ("load s3://b/cars --branch dev --read-only as c", Load("s3://b/cars", "c", "dev", read_only=True)),
        ("load s3://b/cars --branch='my branch'", Load("s3://b/cars", branch="my branch")),
        ("load s3://b/cars --code", Load("s3://b/cars", code=True)),
        ("load './my cars' as c", Load("./my cars", "c")),
        ('load "./it\'s" as c', Load("./it's", "c")),
        ("load 'as' as c", Load("as", "c")),
        ("load '--branch'", Load("--branch")),
        ("load as=c", Load("as=c")),
        ("load '#1'", Load("#1")),
        ("load {path} as c", Load("{path}", "c")),
        (r"load C:\my\cars", Load(r"C:\my\cars")),
        ("show cars", Show("cars")),
        ("show cars[10:20]", Show("cars[10:20]")),
        ("show cars[ -5 : ]", Show("cars[ -5 : ]")),
        ('show cars["a b"] [1, 2] --tensor images', Show('cars["a b"] [1, 2]', "images")),
        ("show --tensor=images cars[[1, 2]];", Show("cars[[1, 2]]", "images")),
        ("ls", Ls()),
        ("ls s3://b", Ls("s3://b")),
    ],
)
def test_a_line_is_read_as_a_command(line, command):
    assert parse(line) == command


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("laod ./cars", "no verb 'laod' (did you mean 'load'?); %lake help lists them"),
        ("xyz", "no verb 'xyz'; %lake help lists them"),
        ("./cars", "did you mean %lake load ./cars?"),
        ("'my cars/x'", "did you mean %lake load 'my cars/x'?"),
        ("help lod", "no verb 'lod' (did you mean 'load'?)"),
        ("load", "needs URL: a folder, s3://bucket/prefix or mem://name"),
        ("load as c", "needs URL"),
        ("load ./cars as", "needs as NAME: the variable to bind"),
        ("load ./cars --branch", "needs --branch BRANCH"),
        ("load ./cars --branch --read-only", "needs --branch BRANCH"),
        ("load ./cars --branch=", "BRANCH is empty"),
        ("load ''", "URL is empty"),
        ("load ./my cars", "can't place 'cars'; text with spaces goes in quotes"),
        ("load ./cars as c as d", "was given as twice"),
        ("load ./cars as c --as d", "was given --as twice"),
        ("load ./cars --brnch dev", "no option --brnch (did you mean '--branch'?)"),
        ("load ./cars --read-only=yes", "--read-only takes no value"),
        ("load ./cars as 3", "'3' is no name for a variable"),
        ("load ./cars as a.b", "'a.b' is no name for a variable"),
        ("load ./cars as list", "'list' is Python's own"),
        ("load ./cars as for", "'for' is Python's own"),
        ("load './cars", "the quote ' is opened and never closed: './cars"),
        ("show", "needs DATASET"),
        ("show cars --tensor images [1]", "can't place '[1]'"),
        ("ls a b", "can't place 'b'"),
        ("ls s3://b   # what is there", "a comment can't follow %lake"),
        ("help # every verb", "a comment can't follow %lake"),
        ("why not", "can't place 'not'"),
        ("load ./cars --token abc", "looks like a secret"),
    ],
)
def test_a_mistake_says_what_would_be_right(line, says):
    with pytest.raises(CommandError) as caught:
        parse(line)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_one_verb_ends_with_its_usage():
    with pytest.raises(CommandError, match=r"Usage: %lake ls \[URL\] \[--code\]$"):
        parse("ls a b")


# What a line can hold: one line of text, and no secret.
texts = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), min_size=1
)
safe = texts.filter(lambda text: not any(sign in text for sign in ("=", ":", "?", "--", "AKIA", "ASIA")))
names = st.from_regex(r"\A[a-zA-Z_]\w{0,8}\Z").filter(
    lambda name: name.isidentifier() and not keyword.iskeyword(name) and not hasattr(builtins, name)
)
expressions = st.sampled_from(
    ["cars", "cars[1:2]", 'cars["a b"]', "cars[ -1 : ]", "f(cars, 'x y')", "cars[[1, 2]] [0]"]
)
optional = st.none
commands = st.one_of(
    st.builds(Load, safe, optional() | names, optional() | safe, read_only=st.booleans(), code=st.booleans()),
    st.builds(Show, expressions, optional() | safe, code=st.booleans()),
    st.builds(Ls, safe, code=st.booleans()),
    st.builds(Help, optional() | st.sampled_from(sorted(VERBS))),
    st.builds(Why),
)


@given(commands)
def test_a_command_survives_being_written_and_read(command):
    assert parse(format_line(command)) == command


@pytest.mark.parametrize(
    "value", ["as", "--as", "--branch", "--code", "-h", "--help", "a;", ";", "it's", "a\"b'c", "a=b", "--x=1"]
)
def test_a_value_that_looks_like_grammar_survives_too(value):
    assert parse(format_line(Load(value, "c"))) == Load(value, "c")
    assert parse(format_line(Load("./x", branch=value))) == Load("./x", branch=value)


@given(st.text())
def test_any_line_is_a_command_or_one_typed_mistake(line):
    for text in (line, f"load {line}", f"show {line}", f"ls {line}"):
        with contextlib.suppress(CommandError):
            assert type(parse(text)) in VERBS.values()
