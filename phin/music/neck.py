"""How a tune lies on the neck: a picture of the frets with every place that is played, and how long it sounds.

The neck is drawn as a player sees it who looks down on it: the lowest string nearest to the player, at the foot, the
highest on top; strings are numbered from the highest. Frets stand where they stand on the string (`FRET_DISTANCES`).
"""

from typing import TYPE_CHECKING

from phin.music.fingering import Fingering, finger
from phin.music.fretboard import FRET_DISTANCES, FRETS, Tuning, tuning_of
from phin.music.lai import label_lai
from phin.music.phrase import Phrase, Voice, pitch_name
from phin.music.picture import COLOURS, LEFT, RIGHT, WIDTH, write_head

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

STRING_GAP, HEAD, FOOT, NAMES = 0.55, 0.95, 0.75, 0.45
"""Inches."""
SMALLEST, LARGEST = 120.0, 900.0
"""Areas of dots, in square points, of a place touched in passing and of the one that sounds longest."""
OPEN_AT = -0.022
"""Where the dot of an open string stands: before the nut."""

_GREY, _FAINT = "#555555", "#BBBBBB"
_TONIC = "#D55E00"


def neck(
    phrase: Phrase, tuning: Tuning | None = None, fingering: Fingering | None = None
) -> "matplotlib.figure.Figure":
    """The neck as a figure of its own: a dot on each place that is played, its area the time it sounds.

    `tuning` is the phrase's own unless given. Raises Unplayable where the phrase cannot be fingered.
    """
    from matplotlib.figure import Figure

    tuning = tuning or tuning_of(phrase)
    fingering = fingering or finger(phrase, tuning)
    height = HEAD + FOOT + STRING_GAP * tuning.num_strings
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    box = ((LEFT + NAMES) / WIDTH, FOOT / height, (WIDTH - LEFT - NAMES - RIGHT) / WIDTH, 1 - (HEAD + FOOT) / height)
    axes = figure.add_axes(box)
    end = FRET_DISTANCES[-1] * 1.015
    axes.set(xlim=(2 * OPEN_AT, end), ylim=(tuning.num_strings + 0.6, 0.4))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=_GREY, labelsize=8)
    axes.vlines(FRET_DISTANCES[1:], 0.6, tuning.num_strings + 0.4, color=_FAINT, linewidth=1)
    axes.vlines(0, 0.6, tuning.num_strings + 0.4, color=_GREY, linewidth=3)
    for string in range(1, tuning.num_strings + 1):
        axes.hlines(string, 0, end, color=_GREY, linewidth=0.6 + 0.35 * string, zorder=1)
    names = [f"string {string}: {pitch_name(tuning.open_pitch(string))}" for string in range(1, tuning.num_strings + 1)]
    axes.set_yticks(range(1, tuning.num_strings + 1), names)
    axes.set_xticks([_finger_at(fret) for fret in range(len(FRETS))], [str(fret) for fret in range(len(FRETS))])
    axes.set_xlabel("fret (0 is the open string)", loc="left", color=_GREY, fontsize=8)
    tonic = label_lai(phrase).tonic
    _draw_places(axes, phrase, fingering, tonic)
    write_head(
        figure,
        phrase,
        phrase.title,
        "On the neck",
        f"tuning {tuning} (low string first), strings numbered from the highest",
        "the larger the dot, the longer it sounds",
        "ringed: the tonic" if tonic is not None else "",
    )
    return figure


def _finger_at(fret: int) -> float:
    """Where a finger stops a string, just behind its fret; before the nut for the open string."""
    if not fret:
        return OPEN_AT
    return (FRET_DISTANCES[fret - 1] + 2 * FRET_DISTANCES[fret]) / 3


def _draw_places(axes: "matplotlib.axes.Axes", phrase: Phrase, fingering: Fingering, tonic: int | None) -> None:
    """Draws a dot on each place, the large ones first, so that none hides another."""
    steps: dict[tuple[int, int, int], int] = {}
    columns = (fingering.string, fingering.fret, phrase.voice, phrase.duration)
    for string, fret, voice, duration in zip(*(column.tolist() for column in columns), strict=True):
        steps[string, fret, voice] = steps.get((string, fret, voice), 0) + duration
    longest = max(steps.values(), default=1)
    for (string, fret, voice), time in sorted(steps.items(), key=lambda place: -place[1]):
        at, pitch = _finger_at(fret), fingering.tuning.open_pitch(string) + FRETS[fret]
        axes.scatter(
            [at],
            [string],
            s=SMALLEST + (LARGEST - SMALLEST) * time / longest,
            color=COLOURS[Voice(voice)],
            edgecolors=_TONIC if pitch % 12 == tonic else "white",
            linewidths=2.5 if pitch % 12 == tonic else 1,
            zorder=3,
        )
        axes.annotate(pitch_name(pitch), (at, string), ha="center", va="center", color="white", fontsize=7, zorder=4)
