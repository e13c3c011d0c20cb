"""The naughty strings themselves: how many there are, and that none is there twice."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.kit.naughty.strings import GROUPS, MORE, Group, made, naughty_strings


def test_there_are_more_than_in_the_list_that_these_took_the_place_of() -> None:
    """The earlier list had 515 strings; a string counts once."""
    assert len(set(made()) - set(MORE)) >= 515


def test_each_string_is_made_once() -> None:
    """Each string is made by one rule only, or is one of those in every turn."""
    assert [text for text, count in Counter([*made(), *MORE]).items() if count > 1] == []


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_a_group_makes_the_same_each_time(group: Group) -> None:
    """A group makes enough strings for each turn to have some."""
    assert list(group()) == list(group())
    assert len(list(group())) >= 4


def test_two_turns_have_all_of_them() -> None:
    """Each turn has half of the strings that rules make, and all of the others."""
    one, other = naughty_strings(turn=0), naughty_strings(turn=1)
    assert set(one) & set(other) == set(MORE)
    assert set(one) | set(other) == set(naughty_strings())
    assert naughty_strings(turn=2) == one
