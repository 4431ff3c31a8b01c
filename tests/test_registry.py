"""The registry: names, aliases, late imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from deeplake_nb.errors import FormatError, UnsupportedError
from deeplake_nb.registry import Registry


def test_an_entry_is_found_by_name_and_by_alias():
    codecs = Registry("codec", {"jpeg": 1, "png": 2}, aliases={"jpg": "jpeg"})
    assert (codecs["jpeg"], codecs["jpg"], codecs["png"]) == (1, 1, 2)
    assert codecs.canonical("jpg") == "jpeg"
    assert ("jpg" in codecs, "gif" in codecs, 3 in codecs) == (True, False, False)
    assert (list(codecs), len(codecs)) == (["jpeg", "png"], 2)


def test_register_adds_and_replaces():
    codecs = Registry[int]("codec")
    codecs.register("jpeg", 1, "jpg", "jfif")
    codecs.register("jpeg", 2)
    assert (codecs["jfif"], list(codecs)) == (2, ["jpeg"])


def test_an_unknown_name_names_the_nearest_and_all():
    codecs = Registry("codec", {"jpeg": 1, "png": 2}, aliases={"jpg": "jpeg"})
    with pytest.raises(UnsupportedError) as caught:
        codecs["pgn"]
    assert str(caught.value) == "unknown codec 'pgn' (did you mean 'png'?); known: jpeg, png"


def test_the_error_of_an_unknown_name_is_the_owners_choice():
    with pytest.raises(FormatError, match="unknown codec 'x'; known: "):
        Registry[int]("codec", error=FormatError).canonical("x")


def test_a_text_entry_is_imported_at_first_use_only():
    code = (
        "import sys; from deeplake_nb.registry import Registry\n"
        "table = Registry('thing', {'wave': 'wave:Error'})\n"
        "assert 'wave' in table and 'wave' not in sys.modules\n"
        "first = table['wave']\n"
        "assert 'wave' in sys.modules and first is sys.modules['wave'].Error and table['wave'] is first\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_broken_entry_fails_as_the_import_does():
    table = Registry("thing", {"a": "deeplake_nb.no_such_module:x", "b": "deeplake_nb.errors:NoSuch"})
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        table["a"]
    with pytest.raises(AttributeError, match="NoSuch"):
        table["b"]
