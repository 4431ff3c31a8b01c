"""What an administrator decides: defaults that are safe, and values that are read or refused."""

from __future__ import annotations

from dataclasses import fields

import pytest

from deeplake_nb.errors import UrlError
from deeplake_nb.server.settings import Settings


def test_the_defaults_let_nobody_else_in():
    settings = Settings.from_environ({})
    assert settings == Settings()
    assert set(settings.hosts) == {"localhost", "127.0.0.1", "[::1]"}
    assert settings.origins == settings.reach == ()


def test_every_setting_has_a_variable_and_a_sentence():
    for one in fields(Settings):
        assert one.metadata["variable"].startswith("DEEPLAKE_NB_HUB_")
        assert len(one.metadata["says"]) > 10


def test_values_are_read():
    settings = Settings.from_environ(
        {
            "DEEPLAKE_NB_HUB_HOSTS": "Hub.Example.org, localhost",
            "DEEPLAKE_NB_HUB_ORIGINS": "https://lab.example.org:8888",
            "DEEPLAKE_NB_HUB_REACH": "10.0.0.0/8,minio.internal",
            "DEEPLAKE_NB_HUB_PER_TOKEN": "7",
            "DEEPLAKE_NB_HUB_SECONDS": " ",
        }
    )
    assert settings.hosts == ("hub.example.org", "localhost")
    assert settings.origins == ("https://lab.example.org:8888",)
    assert settings.reach == ("10.0.0.0/8", "minio.internal")
    assert (settings.per_token, settings.seconds) == (7, 60)


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("DEEPLAKE_NB_HUB_ORIGINS", "*"),
        ("DEEPLAKE_NB_HUB_ORIGINS", "https://*.example.org"),
        ("DEEPLAKE_NB_HUB_ORIGINS", "https://lab.example.org/page"),
        ("DEEPLAKE_NB_HUB_REACH", "10.0.0.0/99"),
        ("DEEPLAKE_NB_HUB_PER_TOKEN", "0"),
        ("DEEPLAKE_NB_HUB_SECONDS", "-1"),
        ("DEEPLAKE_NB_HUB_BODY_NBYTES", "many"),
    ],
)
def test_a_value_that_cannot_be_read_names_its_variable(variable, text):
    with pytest.raises(UrlError, match=variable):
        Settings.from_environ({variable: text})
