"""How a tune looks: the piano roll of a phrase, broken into systems like a page of notation.

Where numbers stand follows the letters: slot 4 of a hong is its beat. So hong k has its number at step 24 (k - 1), its
slots 1 to 3 to the left of that, and a system begins with a slot 1: what leads up to a beat is not torn from it. Step
0 is the beat of hong 1, and a pickup lies left of it. A system ends with the beat of the next, so that what is held
until then is seen whole. matplotlib is imported where it is used: who only reads tunes shall not wait for it.
"""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from phin.counted import counted
from phin.errors import Defect, InvalidTune, PhinError
from phin.fonts import THAI
from phin.music.grid import BEAT
from phin.music.lai import NO_LAI
from phin.music.phrase import (
    HONG_PER_LINE,
    STEPS_PER_HONG,
    UNKNOWN,
    Phrase,
    Rows,
    Voice,
    hong_before_zero,
    pitch_name,
)
from phin.whole_file import whole_file

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

COLOURS = {Voice.MELODY: "#0072B2", Voice.ACCOMPANIMENT: "#E69F00"}
"""Okabe and Ito's blue and orange: every kind of colour vision tells them apart, and so does grey print."""
THICKNESS = {Voice.MELODY: 0.84, Voice.ACCOMPANIMENT: 0.56}
FAINTEST = 0.3
"""How strong the colour of a note of velocity 0 is: soft, but there."""

HONG_PER_SYSTEM = 2 * HONG_PER_LINE
# Inches.
WIDTH, LEFT, RIGHT, HEAD, FOOT, GAP = 11.0, 0.7, 0.25, 0.95, 0.6, 0.5
SEMITONE, FEWEST_SEMITONES = 0.115, 9
TALLEST = 400.0
DOTS_PER_INCH = 150

TITLE_LENGTH = 90
PLAIN_FONT = "DejaVu Sans"
SCRIPT_FONTS = (*THAI, "Noto Sans Lao", "Phetsarath OT", "Lao Sangam MN")
"""Fonts with Thai or Lao letters, which the plain one lacks; what is installed is used."""

_GREY, _FAINT, _STRONG = "#555555", "#DDDDDD", "#8C8C8C"


@dataclass(frozen=True)
class _Page:
    """Where everything goes: `edges` are the steps at which systems begin, and the one where the last ends."""

    edges: tuple[int, ...]
    steps_wide: int  # what the width of the page holds
    lowest: float
    highest: float

    @property
    def system_height(self) -> float:
        return (self.highest - self.lowest) * SEMITONE

    @property
    def height(self) -> float:
        num_systems = len(self.edges) - 1
        return HEAD + num_systems * self.system_height + (num_systems - 1) * GAP + FOOT


def piano_roll(phrase: Phrase, title: str | None = None) -> "matplotlib.figure.Figure":
    """The phrase as a figure of its own, known to no other; a note held far into the next system is drawn in both."""
    from matplotlib.figure import Figure

    page = _lay_out(phrase)
    inches_per_step = (WIDTH - LEFT - RIGHT) / page.steps_wide
    figure = Figure(figsize=(WIDTH, page.height), facecolor="white")
    for system, (left, after) in enumerate(pairwise(page.edges)):
        right = min(after + BEAT, page.edges[-1])
        bottom = page.height - HEAD - system * (page.system_height + GAP) - page.system_height
        box = (LEFT, bottom, (right - left) * inches_per_step, page.system_height)
        axes = figure.add_axes(tuple(np.array(box) / (WIDTH, page.height, WIDTH, page.height)))
        axes.set(xlim=(left, right), ylim=(page.lowest, page.highest), facecolor="none")
        _rule(axes, phrase, page, left, right)
        held = (phrase.onset < left) & (phrase.end > left + BEAT)
        begun = (phrase.onset >= left) & (phrase.onset < after)
        _draw_notes(axes, phrase.rows[held | begun], roundness=inches_per_step / SEMITONE)
    hong = "hong (1 hong = 1 quarter note; its number stands on its beat, slot 4)"
    figure.axes[-1].set_xlabel(hong, loc="left", color=_GREY, fontsize=8)
    write_head(
        figure,
        phrase,
        phrase.title if title is None else title,
        "Piano roll",
        f"metre {phrase.metre}, strong lines are bars" if phrase.metre else "",
        "the deeper the colour, the louder" if (phrase.velocity != UNKNOWN).any() else "",
    )
    return figure


def save(figure: "matplotlib.figure.Figure", path: str | Path) -> None:
    """Writes .png or .svg, as the path ends; entirely or not at all, and the same figure always gives the same file."""
    import matplotlib

    path = Path(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind not in ("png", "svg"):
        raise PhinError(path, "is neither .png nor .svg", "end the name with one of them")
    undated = {"Date": None} if kind == "svg" else None
    with whole_file(path) as partial, matplotlib.rc_context({"svg.hashsalt": "phin"}):
        figure.savefig(partial, format=kind, dpi=DOTS_PER_INCH, metadata=undated)


def _lay_out(phrase: Phrase) -> _Page:
    """Systems of 16 hong, or of as many bars (1, 2, 4, ...) as fit into that; a tune of one system fills the width."""
    where = phrase.title or "phrase"
    if not len(phrase):
        raise InvalidTune(where, Defect.NO_NOTES, "has no notes, so there is nothing to draw", "choose another tune")
    length = HONG_PER_SYSTEM * STEPS_PER_HONG
    if phrase.metre:
        num_bars = max(length // phrase.metre.bar, 1)
        length = phrase.metre.bar * 2 ** (num_bars.bit_length() - 1)
    first, last = int(phrase.onset[0]) + BEAT, int(phrase.end.max())
    zero = hong_before_zero(phrase.metre) * STEPS_PER_HONG
    unit = length if first + zero >= 0 else STEPS_PER_HONG  # an excerpt begins with the system that it lies in
    origin = (first + zero) // unit * unit - zero
    end = max(-(-last // STEPS_PER_HONG), origin // STEPS_PER_HONG + HONG_PER_LINE) * STEPS_PER_HONG
    length = min(length, end - origin)
    lowest, highest = int(phrase.pitch.min()), int(phrase.pitch.max())
    margin = max(1.0, (FEWEST_SEMITONES - (highest - lowest)) / 2)
    edges = (*range(origin - BEAT, end - BEAT, length), end)
    page = _Page(edges, length + BEAT, lowest - margin, highest + margin)
    if page.height > TALLEST:
        reason = f"would fill {len(edges) - 1} systems, more than a picture holds"
        raise InvalidTune(where, Defect.TOO_LARGE, reason, "draw a part of it")
    return page


def _rule(axes: "matplotlib.axes.Axes", phrase: Phrase, page: _Page, left: int, right: int) -> None:
    """Draws what notes stand on: a thin line at each beat, a strong one at each bar, a mark where a line begins."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=7.5, labelcolor=_GREY)
    pitches = np.unique(phrase.pitch).tolist()
    axes.set_yticks(pitches, [pitch_name(pitch) for pitch in pitches])
    axes.set_ylabel("pitch", color=_GREY, fontsize=8)
    axes.hlines(pitches, left, right, color=_FAINT, linewidth=0.6, zorder=0)
    beats = _multiples(STEPS_PER_HONG, left, right)
    before = hong_before_zero(phrase.metre)
    numbered = [beat for beat in beats if -before * STEPS_PER_HONG <= beat < right]
    axes.set_xticks(numbered, [str(1 + before + beat // STEPS_PER_HONG) for beat in numbered])
    axes.vlines(beats, *axes.get_ylim(), color=_FAINT, linewidth=0.8, zorder=0, clip_on=False)
    bar, line = phrase.metre.bar if phrase.metre else None, HONG_PER_LINE * STEPS_PER_HONG
    if bar:
        bars = _multiples(bar, left, right)
        axes.vlines(bars, *axes.get_ylim(), color=_STRONG, linewidth=1.2, zorder=1, clip_on=False)
    if bar and line % bar:
        return  # the letters count in twos: no line of theirs begins with a bar of this metre
    above, mark = axes.get_xaxis_transform(), 0.16 / page.system_height
    zero = before * STEPS_PER_HONG
    for start in _multiples(line, max(left + BEAT + zero, 0), right + zero - STEPS_PER_HONG):
        beat = start - zero
        axes.vlines(beat - BEAT, 1, 1 + mark, color=_STRONG, transform=above, clip_on=False)
        name, at = f"line {1 + start // line}", (beat - BEAT, 1)
        axes.annotate(name, at, (3, 3), above, "offset points", color=_GREY, fontsize=7.5)


def _draw_notes(axes: "matplotlib.axes.Axes", rows: Rows, roundness: float) -> None:
    """Draws notes as bars; their corners are round on paper if `roundness` is the length of a step in semitones."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import FancyBboxPatch

    for onset, duration, pitch, velocity, _, voice in rows.tolist():
        strength = 1.0 if velocity == UNKNOWN else FAINTEST + (1 - FAINTEST) * velocity / 127
        tint = 1 - strength * (1 - np.array(to_rgb(COLOURS[Voice(voice)])))  # on white, but no line shines through
        thickness = THICKNESS[Voice(voice)]
        bar = FancyBboxPatch((onset, pitch - thickness / 2), duration, thickness, mutation_aspect=roundness)
        bar.set_boxstyle("round", pad=0, rounding_size=min(1.6, duration / 2))
        bar.set(facecolor=tint, edgecolor="white", linewidth=0.7, zorder=2 + (voice == Voice.MELODY))
        axes.add_patch(bar)


def write_head(figure: "matplotlib.figure.Figure", phrase: Phrase, title: str, kind: str, *remarks: str) -> None:
    """Writes the title (the picture's kind where that has no letter that can be drawn), what is known of the tune,
    remarks, and, where there are two voices, which is which.
    """
    from matplotlib.patches import Patch

    text, fonts = readable(title)
    left, right, inch = LEFT / WIDTH, 1 - RIGHT / WIDTH, 1 / figure.get_figheight()
    figure.suptitle(text or kind, x=left, y=1 - 0.2 * inch, ha="left", fontsize=14, fontfamily=fonts, parse_math=False)
    known = (
        counted(len(phrase), "note"),
        f"{60e6 / phrase.tempo:.0f} hong a minute" if phrase.tempo else "",
        f"lai {phrase.lai}" if phrase.lai not in (None, NO_LAI) else "",
        *remarks,
    )
    figure.text(left, 1 - 0.52 * inch, " · ".join(filter(None, known)), va="top", fontsize=8.5, color=_GREY)
    voices = [Voice(voice) for voice in np.unique(phrase.voice).tolist()]
    if len(voices) > 1:
        keys = [Patch(color=COLOURS[voice], label=voice.name.lower()) for voice in voices]
        legend = figure.legend(handles=keys, ncols=len(keys), frameon=False, fontsize=8.5, borderpad=0)
        legend.set(loc="upper right", bbox_to_anchor=(right, 1 - 0.14 * inch))


def readable(title: str) -> tuple[str, list[str]]:
    """The title in those of its letters that can be drawn here, and the fonts that have them."""
    from matplotlib.font_manager import FontProperties, findfont, get_font, get_font_names

    title = " ".join(title.split())
    title = title if len(title) <= TITLE_LENGTH else title[: TITLE_LENGTH - 1] + "…"
    fonts, missing = [], set(title)
    installed = set(get_font_names())
    for name in (PLAIN_FONT, *(font for font in SCRIPT_FONTS if font in installed)):
        font = get_font(findfont(FontProperties(family=[name])))
        found = {character for character in missing if font.get_char_index(ord(character))}
        if found or name == PLAIN_FONT:
            fonts.append(name)
            missing -= found
    kept = re.sub(r"\(\s*\)|\[\s*\]", "", "".join(character for character in title if character not in missing))
    return " ".join(kept.split()), fonts


def _multiples(unit: int, left: int, right: int) -> range:
    """The multiples of `unit` from `left` to `right`, both included."""
    return range(-(-left // unit) * unit, right + 1, unit)
