"""Trying again."""

from __future__ import annotations

import pytest

from deeplake_nb.errors import KeyNotFoundError, StorageError
from deeplake_nb.storage.retries import ATTEMPTS, TransientError, pauses, retrying


def test_pauses_double_up_to_a_limit_and_are_left_to_chance():
    assert list(pauses(9, chance=lambda: 1.0)) == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert list(pauses(3, chance=lambda: 0.5)) == [0.05, 0.1]
    assert list(pauses(1)) == []
    drawn = {pause for _ in range(50) for pause in pauses(2)}
    assert len(drawn) > 40
    assert all(0 <= pause <= 0.1 for pause in drawn)


def attempt(failures, error):
    def once():
        made.append(1)
        if len(made) <= failures:
            raise error("lost") from KeyError("why")
        return "found"

    made = []
    return once, made


@pytest.mark.parametrize("failures", range(ATTEMPTS))
def test_what_fails_by_chance_is_tried_again(failures):
    once, made = attempt(failures, TransientError)
    slept = []
    assert retrying(once, slept.append) == "found"
    assert (len(made), len(slept)) == (failures + 1, failures)


def test_the_last_failure_is_a_plain_error_with_its_cause():
    once, made = attempt(99, TransientError)
    with pytest.raises(StorageError, match="lost") as caught:
        retrying(once, lambda _: None)
    assert type(caught.value) is StorageError
    assert isinstance(caught.value.__cause__, KeyError)
    assert len(made) == ATTEMPTS


@pytest.mark.parametrize("error", [StorageError, KeyNotFoundError, ZeroDivisionError])
def test_other_errors_are_not_tried_again(error):
    once, made = attempt(99, error)
    with pytest.raises(error):
        retrying(once, lambda _: None)
    assert len(made) == 1
