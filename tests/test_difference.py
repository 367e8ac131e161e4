"""Differences of settings: every one that there is, by a key that a person can type, and no other."""

from phin.difference import MISSING, Difference, differences


def test_every_difference_is_named_by_its_dotted_key() -> None:
    """Fails: a run goes on with another model, and is not told which setting it was."""
    there = {"model": {"dim": 8, "heads": 2}, "seed": 1, "old": True}
    here = {"model": {"dim": 16, "heads": 2}, "seed": 1, "new": [1]}
    assert differences(there, here) == [
        Difference("model.dim", 8, 16),
        Difference("new", MISSING, [1]),
        Difference("old", True, MISSING),
    ]


def test_what_is_alike_has_no_differences() -> None:
    """Fails: nobody can ever go on with a run."""
    assert differences({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 2}]}}) == []
