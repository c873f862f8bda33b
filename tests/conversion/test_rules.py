"""Rules: the first that matches a whole key is used, none is used twice for one of ours."""

from dataclasses import replace

import pytest

from posebench.conversion.rules import Rule, map_keys
from posebench.errors import WeightsError
from zoo.conversions.videopose3d import CONVERSION

RULES = replace(
    CONVERSION,
    rules=(Rule(r"timer\..+", None), Rule(r"(head)\.(w|b)", r"network.\1.\2"), Rule(r"head\.w2", "network.head.w")),
)


def test_keys_become_ours_or_are_left_away() -> None:
    assert map_keys(RULES, ["timer.beta", "head.w"]) == {"timer.beta": None, "head.w": "network.head.w"}


def test_a_rule_matches_a_whole_key() -> None:
    with pytest.raises(WeightsError, match=r"'head\.w\.x' is not one of"):
        map_keys(RULES, ["head.w.x"])


def test_two_keys_do_not_become_one() -> None:
    with pytest.raises(WeightsError, match=r"'head\.w' and 'head\.w2' both become 'network\.head\.w'"):
        map_keys(RULES, ["head.w", "head.w2"])
