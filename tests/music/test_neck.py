"""The neck: a dot on every place that is played and on no other, behind its fret."""

from pathlib import Path

import numpy as np
import pytest

from phin.music.fingering import Unplayable, finger
from phin.music.fretboard import FRET_DISTANCES, Tuning
from phin.music.neck import neck
from phin.music.notation import parse_letters
from phin.music.phrase import Phrase
from phin.music.picture import save

PAGE = "| - - - ลฺ | - ด - ร | - ม - ซ | - - - ดํ | - - - - | - - - ล |"


def tune(page: str = PAGE) -> Phrase:
    return parse_letters(page).phrase


def dots(phrase: Phrase) -> dict[str, tuple[float, int, float]]:
    """Name of each dot: where along the string, on which string, how large."""
    (axes,) = neck(phrase).axes
    drawn = [dot for dot in axes.collections if hasattr(dot, "get_sizes") and len(dot.get_sizes())]
    found = {}
    for text, dot in zip(axes.texts, drawn, strict=True):
        x, y = dot.get_offsets()[0]
        found[text.get_text()] = (float(x), round(float(y)), float(dot.get_sizes()[0]))
    return found


def test_a_dot_stands_behind_the_fret_that_is_stopped_on_the_string_that_is_struck() -> None:
    """Fails: the picture teaches another place than the tablature."""
    phrase = tune()
    fingering = finger(phrase)
    places = set(zip(fingering.string.tolist(), fingering.fret.tolist(), strict=True))
    drawn = dots(phrase)
    assert {(string, int(np.searchsorted(FRET_DISTANCES, x))) for x, string, _ in drawn.values()} == places
    assert drawn["A3"][0] < 0, "an open string is left of the nut"


def test_the_tonic_is_ringed_where_the_tune_comes_home_to_one_and_nothing_else() -> None:
    """Fails: the player sees home where the scale begins, and the drone is tuned to it."""

    def ringed(page: str) -> tuple[set[str], bool]:
        """The names of the dots with a wide edge, and whether the picture says what that means."""
        figure = neck(tune(page))
        (axes,) = figure.axes
        drawn = [dot for dot in axes.collections if hasattr(dot, "get_sizes") and len(dot.get_sizes())]
        wide = {text.get_text() for text, dot in zip(axes.texts, drawn, strict=True) if dot.get_linewidths()[0] > 1}
        return wide, any("ringed: the tonic" in text.get_text() for text in figure.texts)

    assert ringed(PAGE) == ({"A3", "A4"}, True), "lai yai: its set begins on C, its tonic is A"
    assert ringed(PAGE.replace("- - - ล |", "- - - ด |")) == (set(), False)


def test_what_sounds_longer_is_drawn_larger() -> None:
    """Fails: the places that matter cannot be seen."""
    drawn = dots(tune())
    assert drawn["C5"][2] > drawn["D4"][2]


def test_the_picture_has_the_strings_of_the_tuning_and_can_be_written(tmp_path: Path) -> None:
    """Fails: a player of two strings gets three."""
    figure = neck(tune("| - - - ลฺ | - - - ม |"), Tuning.parse("E-A"))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["string 1: A3", "string 2: E3"]
    save(figure, tmp_path / "neck.png")
    assert (tmp_path / "neck.png").read_bytes()[:4] == b"\x89PNG"


def test_what_cannot_be_fingered_is_refused() -> None:
    """Fails: a dot is drawn where no fret is."""
    with pytest.raises(Unplayable):
        neck(tune("| - - - ลํํ | - - - ด |"))
