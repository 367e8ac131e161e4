"""Numbers with their nouns."""

from phin.counted import counted


def test_one_is_one_and_all_others_are_several() -> None:
    """Fails: a person reads of 1 notes, or of 0 note."""
    assert [counted(number, "note") for number in (0, 1, 2)] == ["0 notes", "1 note", "2 notes"]
    assert counted(1200, "family", "families", style=",") == "1,200 families"
