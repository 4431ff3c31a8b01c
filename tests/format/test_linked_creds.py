"""Names of credentials: a sample stores a number, which keeps its meaning whatever is done to the names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplake_nb.errors import CredentialsError
from deeplake_nb.format.meta import LinkedCreds

NAMES = st.sampled_from(["a", "b", "c", "d"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), NAMES, st.booleans()),
        st.tuples(st.just("rename"), NAMES, NAMES),
        st.tuples(st.just("manage"), NAMES, st.booleans()),
        st.tuples(st.just("use"), NAMES, st.none()),
    ),
    max_size=12,
)


def step(creds, what, name, value):
    match what:
        case "add":
            creds.add(name, managed=value)
        case "rename":
            creds.rename(name, value)
        case "manage":
            creds.manage(name, managed=value)
        case "use":
            creds.check(name)
            creds.use({name})


@given(STEPS)
def test_a_number_goes_on_meaning_its_key_under_all_its_names(steps):
    creds, meant, used, managed = LinkedCreds(), [], set(), set()
    for what, name, value in steps:
        before = creds.encode()
        try:
            step(creds, what, name, value)
        except CredentialsError:
            assert creds.encode() == before, "a refusal changes nothing"
            continue
        if (what in ("add", "manage") and value) or (what == "rename" and name in managed and value not in meant):
            managed.add(value if what == "rename" else name)
        if (what == "manage" and not value) or (what == "rename" and name != value):
            managed.discard(name)
        if what == "add":
            meant.append(name)
        elif what == "rename":
            meant = [value if one == name else one for one in meant]
            used = {value if one == name else one for one in used}
        elif what == "use":
            used.add(name)
        assert [creds.name(code + 1, "x") for code in range(len(meant))] == meant
        assert set(creds.used_creds_keys) == used
        assert set(creds.managed_creds_keys) == managed
        assert LinkedCreds.decode(creds.encode(), "x") == creds


def test_what_is_refused_names_what_there_is():
    creds = LinkedCreds(["team"])
    with pytest.raises(CredentialsError, match=r"no credentials key 'teem' \(did you mean 'team'\?\) \(team\)"):
        creds.check("teem")
    with pytest.raises(CredentialsError, match=r"it has none"):
        LinkedCreds().check("x")
    with pytest.raises(CredentialsError, match="'team' already"):
        creds.add("team", managed=False)


def test_a_key_under_its_own_name_stays_as_it_is():
    creds = LinkedCreds(["a", "b"], ["a"], ["a"])
    creds.rename("a", "a")
    assert creds == LinkedCreds(["a", "b"], ["a"], ["a"])
