from __future__ import annotations

import ast

import pytest

from deeplake_nb.magics.command import Call
from deeplake_nb.magics.commands import VERBS, Connect, Cors, Load, Ls, Show, usage
from deeplake_nb.magics.grammar import parse
from deeplake_nb.magics.manual import overview, page


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_documented_by_its_row(verb):
    text = page(verb)
    assert text.startswith(usage(verb))
    assert VERBS[verb].__doc__ in text
    for argument in VERBS[verb].arguments():
        assert argument.help in text
    assert usage(verb).removesuffix(" [--code]") in overview()


def test_the_sentences_of_the_overview_fit_a_terminal():
    """A page that is narrower than a line breaks it anywhere, also within words."""
    said = [line for line in overview().splitlines() if line.startswith("      ")]
    assert len(said) > len(VERBS)
    assert max(map(len, said)) <= 80


@pytest.mark.parametrize("verb", VERBS)
def test_every_example_is_a_line_of_its_verb(verb):
    command = parse(VERBS[verb].example)
    assert type(command) is VERBS[verb]
    assert f"%lake {VERBS[verb].example}" in page(verb)


@pytest.mark.parametrize(
    ("command", "python"),
    [
        (Load("./it's", "c"), """c = deeplake_nb.load("./it's")"""),
        (Load("s3://b/c", branch="dev", read_only=True), "deeplake_nb.load('s3://b/c@dev', read_only=True)"),
        (Show("cars[1:2]", "images"), "deeplake_nb.widgets.display.show(cars[1:2], tensor='images')"),
        (Ls("./x"), "deeplake_nb.magics.listing.listing(deeplake_nb.session.default().storage('./x'))"),
        (Ls("hub://org/x"), "deeplake_nb.magics.listing.listing(deeplake_nb.session.default().storage('hub://org/x'))"),
        (Ls("hub://org/"), "deeplake_nb.magics.listing.named(deeplake_nb.hub(), 'org')"),
        (Ls("hub://"), "deeplake_nb.magics.listing.named(deeplake_nb.hub(), '')"),
        (Connect("cars", "hub://o/c", key="k"), "cars.connect(dest_path='hub://o/c', creds_key='k')"),
        (Cors("s3://b"), "deeplake_nb.storage.cors.cors(deeplake_nb.session.default().storage('s3://b'))"),
        (
            Cors("s3://b", "https://o", apply=True),
            "deeplake_nb.storage.cors.cors(deeplake_nb.session.default().storage('s3://b'), 'https://o', apply=True)",
        ),
        (Connect("s3://b/c", "hub://o"), "deeplake_nb.connect('s3://b/c', org_id='o')"),
    ],
)
def test_the_equal_python_call(command, python):
    assert command.python == python
    ast.parse(python)


def test_every_verb_that_does_something_equals_a_call():
    assert {verb for verb, command in VERBS.items() if not issubclass(command, Call)} == {"help", "why"}


def test_no_two_arguments_of_a_verb_share_a_word():
    for command in VERBS.values():
        words = [word for argument in command.arguments() for word in argument.words]
        assert len(words) == len(set(words))
