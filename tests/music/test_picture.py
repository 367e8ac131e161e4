"""What is drawn is what is written: each note where it stands, named, numbered and told apart."""

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

import phin
from phin.errors import Defect, InvalidTune, PhinError
from phin.fonts import IN_CSS, THAI
from phin.music import picture
from phin.music.grid import BEAT
from phin.music.phrase import UNKNOWN, Metre, Phrase, Rows, Voice, rows_from_columns
from phin.music.picture import COLOURS, piano_roll, save

HONG = 24


def quarters(num_hong: int, start: int = 0, velocity: int = UNKNOWN) -> Rows:
    """A note a beat, up and down the scale."""
    onset = np.arange(start, num_hong * HONG, HONG)
    return rows_from_columns(onset, np.full_like(onset, 18), 69 + np.array([0, 3, 5, 7])[onset // HONG % 4], velocity)


def bars(figure: Figure) -> list[tuple[float, float, float]]:
    """Onset, duration and pitch of the bars, system by system."""
    patches = [patch for axes in figure.axes for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    return [(p.get_x(), p.get_width(), round(p.get_y() + p.get_height() / 2, 6)) for p in patches]


def lines_at(axes: Axes, stronger_than: float) -> list[int]:
    """The steps at which a vertical line wider than so many points stands."""
    collections = [c for c in axes.collections if c.get_linewidth()[0] > stronger_than]
    segments = [path.vertices for c in collections for path in c.get_paths() if c.get_transform() == axes.transData]
    return sorted({round(x0) for (x0, y0), (x1, y1) in segments if x0 == x1 and y0 != y1})


def numbers(figure: Figure) -> dict[str, float]:
    return {
        label.get_text(): tick
        for axes in figure.axes
        for tick, label in zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
    }


def words(figure: Figure) -> str:
    return " | ".join(text.get_text() for text in (*figure.texts, *(t for axes in figure.axes for t in axes.texts)))


@pytest.mark.parametrize("num_hong", [1, 8, 16, 17, 96])
def test_each_note_is_drawn_once_where_it_stands(num_hong: int) -> None:
    """Or a player practises a tune with a note missing, doubled or misplaced."""
    phrase = Phrase(quarters(num_hong))
    assert bars(piano_roll(phrase)) == list(zip(*phrase.rows.T[:3].tolist(), strict=True))


def test_every_note_begins_inside_the_system_that_shows_it() -> None:
    """Or notes at the end of a line are cut off by the edge of the picture."""
    phrase = Phrase(quarters(50, start=-HONG), Metre(3, 4))
    figure = piano_roll(phrase)
    spans = [axes.get_xlim() for axes in figure.axes]
    assert all(any(left <= onset < right for left, right in spans) for onset in phrase.onset)
    assert spans[-1][1] >= phrase.end.max()
    assert all(axes.get_position().x1 <= 1 and axes.get_position().y0 > 0 for axes in figure.axes)


def test_systems_follow_one_another_and_count_time_alike() -> None:
    """Or a quarter is longer in one line than in the next, and rhythms that are alike do not look alike."""
    figure = piano_roll(Phrase(quarters(70)))
    spans = [axes.get_xlim() for axes in figure.axes]
    assert [left for left, _ in spans] == [system * 16 * HONG - BEAT for system in range(5)]
    assert all(right == left + BEAT for (_, right), (left, _) in pairwise(spans))
    scales = [axes.get_position().width / np.ptp(axes.get_xlim()) for axes in figure.axes]
    assert np.allclose(scales, scales[0])


@pytest.mark.parametrize(("duration", "times_seen"), [(HONG, 1), (2 * HONG, 2)])
def test_a_note_that_is_held_into_the_next_system_is_seen_there(duration: int, times_seen: int) -> None:
    """Or a player lets go of a string that is still to ring; what ends with the next beat is seen once, at the edge."""
    rows = rows_from_columns(np.array([15 * HONG, 20 * HONG]), np.array([duration, HONG]), np.array([69, 72]))
    assert [note[0] for note in bars(piano_roll(Phrase(rows)))].count(15 * HONG) == times_seen


def test_a_hong_is_numbered_on_its_beat() -> None:
    """Or player and letters count differently: in 2/4 step 0 is slot 4 of hong 2, and slots 1 to 3 lie left of it."""
    figure = piano_roll(Phrase(quarters(20), Metre(2, 4)))
    assert numbers(figure)["1"] == -HONG
    assert numbers(figure)["18"] == 16 * HONG
    assert figure.axes[0].get_xlim()[0] == -HONG - BEAT == -42
    assert figure.axes[1].get_xlim()[0] == 15 * HONG - BEAT
    assert "slot 4" in figure.axes[-1].get_xlabel()


@pytest.mark.parametrize(("metre", "bar"), [(Metre(2, 4), 48), (Metre(3, 4), 72), (Metre(6, 8), 72), (Metre(4, 4), 96)])
def test_bar_lines_stand_on_downbeats(metre: Metre, bar: int) -> None:
    """Or the eye puts the accent on the wrong note."""
    first = piano_roll(Phrase(quarters(36), metre)).axes[0]
    left, right = first.get_xlim()
    assert lines_at(first, stronger_than=1) == [step for step in range(0, int(right) + 1, bar) if step >= left]
    assert not lines_at(piano_roll(Phrase(quarters(36))).axes[0], stronger_than=1)


@pytest.mark.parametrize("text", ["3/4", "6/8", "9/8", "7/8", "4/4", "3/2", "33/8"])
def test_a_system_begins_where_a_group_of_hong_does(text: str) -> None:
    """Or groups are torn in two: a group ends on a downbeat in duple metre, and begins with one elsewhere."""
    metre = Metre.parse(text)
    figure = piano_roll(Phrase(quarters(64), metre))
    before = (metre.bar // HONG - 1) * HONG if 8 * HONG % metre.bar == 0 else 0
    assert all((axes.get_xlim()[0] + BEAT + before) % metre.bar == 0 for axes in figure.axes)


def test_lines_of_letters_are_marked() -> None:
    """Or a player cannot find line 3 of the letters in the picture."""
    figure = piano_roll(Phrase(quarters(32), Metre(2, 4)))
    marks = {text.get_text(): text.xy[0] for axes in figure.axes for text in axes.texts}
    assert marks == {f"line {line + 1}": (8 * line - 1) * HONG - BEAT for line in range(5)}
    assert "line" not in "".join(t.get_text() for t in piano_roll(Phrase(quarters(36), Metre(3, 4))).axes[0].texts)


def test_a_pickup_lies_left_of_hong_1() -> None:
    """Or the first full bar seems to begin with the pickup."""
    figure = piano_roll(Phrase(quarters(12, start=-2 * HONG), Metre(3, 4)))
    assert figure.axes[0].get_xlim()[0] <= -2 * HONG
    assert bars(figure)[0][0] == -2 * HONG
    assert numbers(figure)["1"] == 0
    assert min(numbers(figure).values()) == 0


def test_pitches_are_named_and_no_others_take_room() -> None:
    """Or a player counts rows to find out which note it is."""
    axes = piano_roll(Phrase(quarters(8))).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["A4", "C5", "D5", "E5"]
    assert axes.get_yticks().tolist() == [69, 72, 74, 76]
    low, high = axes.get_ylim()
    assert 69 - 2 <= low < 69
    assert 76 < high <= 76 + 2


def test_two_voices_are_told_apart_and_one_needs_no_legend() -> None:
    """Or a player takes the drone for the tune."""
    melody = quarters(8)
    drone = rows_from_columns(melody[:, 0], melody[:, 1], 57 + 0 * melody[:, 2], voice=Voice.ACCOMPANIMENT)
    rows = np.concatenate([melody, drone])
    both = piano_roll(Phrase(rows[np.lexsort((rows[:, 2], rows[:, 0]))]))
    assert [text.get_text() for text in both.legends[0].get_texts()] == ["melody", "accompaniment"]
    colours = {to_hex(patch.get_facecolor()).upper() for patch in both.axes[0].patches}
    assert colours == set(COLOURS.values())
    assert not piano_roll(Phrase(melody)).legends


def test_louder_is_deeper_and_unknown_is_full() -> None:
    """Or accents cannot be seen, or a tune without velocities looks timid."""

    def darkness(velocity: int) -> float:
        return 3 - sum(piano_roll(Phrase(quarters(1, velocity=velocity))).axes[0].patches[0].get_facecolor()[:3])

    shades = [darkness(velocity) for velocity in (1, 40, 80, 127)]
    assert shades == sorted(shades)
    assert shades[0] > 0.3
    assert darkness(UNKNOWN) == pytest.approx(shades[-1])
    assert "louder" in words(piano_roll(Phrase(quarters(1, velocity=80))))
    assert "louder" not in words(piano_roll(Phrase(quarters(1))))


def test_the_head_says_what_is_known() -> None:
    """Or a picture on the wall tells nobody which tune it is, in which lai, and how fast."""
    figure = piano_roll(Phrase(quarters(8), Metre(2, 4), 600_000, "yai", title="Nok Sai"))
    assert figure.get_suptitle() == "Nok Sai"
    assert all(fact in words(figure) for fact in ("8 notes", "2/4", "100 hong a minute", "lai yai"))
    assert figure.axes[0].get_ylabel() == "pitch"
    silent = words(piano_roll(Phrase(quarters(8), lai="none"), title="Another"))
    assert not re.search("metre|minute|lai", silent)


@pytest.mark.parametrize("title", ["ลายใหญ่ (Lai Yai)", "Lai Yai (ลายใหญ่)", "$\\alpha_{$", "𝄞\x07\ue000", "word " * 99])
def test_a_title_that_cannot_be_drawn_still_gives_a_picture(title: str, tmp_path: Path) -> None:
    """Or a Thai title ends in boxes, or in a warning: warnings are errors here."""
    figure = piano_roll(Phrase(quarters(2)), title)
    save(figure, tmp_path / "roll.png")
    assert figure.get_suptitle()
    assert len(figure.get_suptitle()) <= picture.TITLE_LENGTH


def test_letters_without_a_font_are_dropped_with_their_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a machine without Thai fonts writes `Lai Yai ()` over the picture."""
    monkeypatch.setattr(picture, "SCRIPT_FONTS", ())
    assert piano_roll(Phrase(quarters(2)), "Lai Yai (ลายใหญ่)").get_suptitle() == "Lai Yai"
    assert piano_roll(Phrase(quarters(2)), "ลายใหญ่").get_suptitle() == "Piano roll"


def test_an_installed_thai_font_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Or a Thai title is thrown away where it could be read; the font of last resort stands in for one."""
    last_resort = next(name for name in font_manager.get_font_names() if name.startswith("Last Resort"))
    monkeypatch.setattr(picture, "SCRIPT_FONTS", ("No Such Font", last_resort))
    figure = piano_roll(Phrase(quarters(2)), "Lai Yai (ลายใหญ่)")
    assert figure.get_suptitle() == "Lai Yai (ลายใหญ่)"
    save(figure, tmp_path / "roll.svg")


def test_an_excerpt_begins_with_its_own_system() -> None:
    """Or the last phrase of a long tune is drawn behind pages of nothing."""
    figure = piano_roll(Phrase(quarters(100, start=80 * HONG), Metre(2, 4)))
    assert figure.axes[0].get_xlim()[0] == 79 * HONG - BEAT
    assert len(figure.axes) == 2


def test_tunes_that_cannot_be_drawn_are_refused_by_name() -> None:
    """Or a player is shown an empty frame, or waits for a picture that no program opens."""
    with pytest.raises(InvalidTune, match="has no notes") as empty:
        piano_roll(Phrase(rows_from_columns(*np.zeros((3, 0), dtype=int))))
    assert empty.value.defect is Defect.NO_NOTES
    ends = rows_from_columns(np.array([0, 10**6]), np.array([24, 24]), np.array([52, 88]))
    with pytest.raises(InvalidTune, match="systems") as endless:
        piano_roll(Phrase(ends))
    assert endless.value.defect is Defect.TOO_LARGE


@pytest.mark.parametrize(("name", "magic"), [("roll.png", b"\x89PNG"), ("roll.svg", b"<?xml"), ("ROLL.SVG", b"<?xml")])
def test_a_file_is_written_whole_and_the_same_each_time(name: str, magic: bytes, tmp_path: Path) -> None:
    """Or a picture in a repository changes whenever it is redrawn, though nothing in it did."""
    path, again = tmp_path / name, tmp_path / f"again-{name}"
    for target in (path, again):
        save(piano_roll(Phrase(quarters(8), Metre(2, 4))), target)
    assert path.read_bytes().startswith(magic)
    assert path.read_bytes() == again.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([path.name, again.name])


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    """Or half a picture lies where a whole one was."""
    figure = piano_roll(Phrase(quarters(1)))
    (tmp_path / "taken.png").mkdir()
    for name, reason in {"roll.jpg": "neither", "missing/roll.png": "cannot", "taken.png": "cannot"}.items():
        with pytest.raises(PhinError, match=reason):
            save(figure, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["taken.png"]


def test_drawing_touches_nothing_that_is_shared(tmp_path: Path) -> None:
    """Or a figure that a player has open changes, or a server's memory fills: pyplot keeps every figure it knows."""
    program = f"""
import sys
import phin.music.picture as picture
assert "matplotlib" not in sys.modules
import matplotlib, numpy as np
from phin.music.phrase import Phrase, rows_from_columns
before = matplotlib.rcParams.copy()  # unlike dict(), which would choose a backend
figure = picture.piano_roll(Phrase(rows_from_columns(np.array([0]), np.array([24]), np.array([69]))))
picture.save(figure, {str(tmp_path / "roll.svg")!r})
assert "matplotlib.pyplot" not in sys.modules
assert matplotlib.rcParams.copy() == before
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_the_page_takes_the_fonts_that_pictures_and_sheets_take() -> None:
    """Fails: in one of them ล and ร look like a and s."""
    style = (Path(phin.__file__).parent / "web" / "static" / "style.css").read_text(encoding="utf-8")
    assert f"--thai: {IN_CSS}, sans-serif;" in style
    assert THAI.index("Noto Looped Thai") < THAI.index("Noto Sans Thai"), "letters with loops first"
