"""Folk tunes from ABC: what a player would hear wrong if one of these failed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phin.errors import Defect, InvalidTune
from phin.music.abc import AbcTune, read_abc, read_one, split_tunes
from phin.music.grid import to_ticks
from phin.music.phrase import UNKNOWN, Metre, Phrase, Voice


def read(music: str, head: str = "M:4/4\nL:1/4\nK:C") -> Phrase:
    return read_one(AbcTune("1", 1, f"X:1\n{head}\n{music}"), "tunes.abc")


def notes(music: str, head: str = "M:4/4\nL:1/4\nK:C") -> list[tuple[int, int, int]]:
    """Onset, duration, pitch."""
    return [(onset, duration, pitch) for onset, duration, pitch, *_ in read(music, head).rows.tolist()]


def pitches(music: str, head: str = "M:4/4\nL:1/4\nK:C") -> list[int]:
    return read(music, head).pitch.tolist()


def durations(music: str, head: str = "M:4/4\nL:1/8\nK:C") -> list[int]:
    return read(music, head).duration.tolist()


def test_a_tune_is_read_note_for_note() -> None:
    """Wrong pitches or lengths, or dynamics that nobody wrote, would be learned as if folk had sung them."""
    phrase = read("C, E3/2 G/ | c'4 |]", head="T:A tune\nT:Its other name\nM:4/4\nL:1/4\nQ:1/4=120\nK:C")
    assert phrase.rows.tolist() == [
        [-72, 24, 48, UNKNOWN, UNKNOWN, Voice.MELODY],
        [-48, 36, 64, UNKNOWN, UNKNOWN, Voice.MELODY],
        [-12, 12, 67, UNKNOWN, UNKNOWN, Voice.MELODY],
        [0, 96, 84, UNKNOWN, UNKNOWN, Voice.MELODY],
    ]
    assert (phrase.title, phrase.metre, phrase.tempo) == ("A tune", Metre(4, 4), 500_000)
    assert phrase.deviation is None


@given(st.lists(st.tuples(st.integers(0, 13), st.integers(1, 16)), min_size=1, max_size=30))
def test_what_is_written_as_abc_is_read_back(tune: list[tuple[int, int]]) -> None:
    """Lengths that do not add up would put every later note of the tune beside the beat."""
    pitch = (60, 62, 64, 65, 67, 69, 71, 72, 74, 76, 77, 79, 81, 83)
    phrase = read("".join(f"{'CDEFGABcdefgab'[letter]}{length}" for letter, length in tune), head="L:1/16\nK:C")
    assert phrase.pitch.tolist() == [pitch[letter] for letter, _ in tune]
    assert phrase.duration.tolist() == [6 * length for _, length in tune]
    assert (phrase.onset[1:] == phrase.end[:-1]).all()


@given(st.text(alphabet="ABCDEGcdegz|:[](){}<>-^_=/123 \n\"!+~&MKLVZx,'", max_size=60))
def test_nonsense_is_read_or_refused_by_name(music: str) -> None:
    """A traceback in place of one line would leave the user alone with a broken file."""
    try:
        phrase = read(music)
    except InvalidTune:
        return
    assert len(phrase) > 0


# Where the beat is


def test_a_pickup_comes_before_step_zero() -> None:
    """If the first note were the downbeat, three folk tunes in four would be learned with the beat displaced."""
    phrase = read("D | G2A | B2c | d2 |]", head="M:3/4\nL:1/4\nK:G")
    assert phrase.onset.tolist() == [-24, 0, 48, 72, 120, 144]


def test_the_downbeat_is_the_phase_that_most_bar_lines_share() -> None:
    """One bar line in an odd place (a repeat sign in mid-bar) would displace the beat of the whole tune."""
    assert read("D|GA|Bc|d:|c|BA|GA|G|]", head="M:2/4\nL:1/4\nK:G").onset[0] == -24
    assert read("AB|c|BA|G|]", head="M:2/4\nL:1/4\nK:G").onset[0] == 0, "of two equals the earliest counts"


def test_a_line_break_after_a_full_bar_is_a_bar_line() -> None:
    """Essen leaves those bar lines out: without them irregular bars would outvote the regular ones."""
    essen = "D | GA\nBc\nde\nfGA | Bc |"  # the lines at 3, 5 and 7 quarters stand on the phase of the first, at 1
    assert read(essen, head="M:2/4\nL:1/4\nK:G").onset[0] == -24
    assert read(essen.replace("\n", ""), head="M:2/4\nL:1/4\nK:G").onset[0] == 0


def test_a_line_break_in_mid_bar_is_no_bar_line() -> None:
    """Essen breaks its lines where the verse does, which is where the next pickup begins."""
    phrase = read("B | c2d2 | e3\nd | c2B2 | A3\nG | G4 |", head="M:2/4\nL:1/8\nK:G")
    assert phrase.onset.tolist()[:4] == [-12, 0, 24, 48]


def test_bars_of_rest_before_the_tune_are_left_out() -> None:
    """A tune taken from a score would begin with bars of silence."""
    assert notes("Z2 | z2 CD | E4 |")[0] == (48, 24, 60)
    assert notes("z4 | z3 C | E4 |") == [(72, 24, 60), (96, 96, 64)]


@pytest.mark.parametrize(
    ("music", "first"),
    [("G2 A | B4 c | d4", -72), ("G4 A | B4 c | d4", 0), ("G2 A B c", 0), ("| G2 A | B", 0), ("z2 | G", 0)],
)
def test_without_a_metre_a_short_start_is_a_pickup(music: str, first: int) -> None:
    """Free-metre songs would begin in the middle of nowhere."""
    phrase = read(music, head="M:none\nL:1/4\nK:G")
    assert phrase.metre is None
    assert phrase.onset[0] == first


@pytest.mark.parametrize(
    ("field", "metre"),
    [
        ("C", Metre(4, 4)),
        ("C|", Metre(2, 2)),
        ("6/8", Metre(6, 8)),
        ("2/2]", Metre(2, 2)),
        ("(2+3)/8", Metre(5, 8)),
        ("none", None),
        ("FREI4/4", None),
        ("0/4", None),
        ("3/7", None),
    ],
)
def test_a_metre_is_read_or_left_unknown(field: str, metre: Metre | None) -> None:
    """A metre made up from a word would draw bar lines that nobody sang."""
    assert read("CDEF|", head=f"M:{field}\nL:1/8\nK:C").metre == metre


def test_a_tune_that_changes_metre_has_none() -> None:
    """Half of its bars would be drawn in the wrong place; saying the same metre again changes nothing."""
    assert read("CDEF | [M:3/4] GAB | c3").metre is None
    assert read("CDEF |\nM:2/4\nGA | Bc").metre is None
    assert read("CDEF | [M:4/4] GABc").metre == Metre(4, 4)
    assert read("CDE", head="M:4/4\nM:3/4\nL:1/4\nK:C").metre == Metre(3, 4), "before the first note it is a correction"


# Lengths


def test_the_unit_length_follows_from_the_metre() -> None:
    """Tunes without L: would run at half or double speed."""
    assert durations("C", head="M:2/4\nK:C") == [6]
    assert durations("C", head="M:3/4\nK:C") == [12]
    assert durations("C", head="K:C") == [12]
    assert durations("C [L:1/4] C\nL:1/16\nC") == [12, 24, 6]


def test_broken_rhythm_lengthens_one_note_and_shortens_the_next() -> None:
    """Strathspeys and hornpipes live on it, and its notes have slurs, graces and bow marks between them."""
    assert durations("A>B c<d e>>f g<<a") == [18, 6, 6, 18, 21, 3, 3, 21]
    assert durations("(A>) (uB) c >.d e>{fg}f [Ac]>z G") == [18, 6, 18, 6, 18, 6, 18, 18, 12]
    assert notes("A>B|c2", head="L:1/8\nK:C")[-1][0] == 0, "the bar line stands after both"


def test_tuplets_share_out_their_time() -> None:
    """A triplet read as plain notes would push the rest of its tune off the beat."""
    assert durations("(3ABc ((3(def) g") == [8, 8, 8, 8, 8, 8, 12]
    assert durations("(3(A|Bc) (2de (4fgab") == [8, 8, 8, 18, 18, 9, 9, 9, 9]
    assert durations("(3:2:2A2B c (3::2 de f (6:6:6ABcdef g") == [16, 8, 12, 8, 8, 12, *[12] * 6, 12]
    assert durations("(3A>Bc d") == [12, 4, 8, 12]


def test_an_uneven_tuplet_keeps_its_exact_times() -> None:
    """Rounding five in the time of three must not move the note after them, and must be undone on playing."""
    phrase = read("(5ABcde f3 |", head="M:6/8\nL:1/8\nK:C")
    assert phrase.onset.tolist() == [0, 7, 14, 22, 29, 36]
    ticks, resolution = to_ticks(phrase)
    assert (ticks[:, 0] * 10 / resolution).tolist() == [0, 3, 6, 9, 12, 15]


def test_ties_make_one_note() -> None:
    """A held note would be struck again at every bar line."""
    assert notes("C4-|C2 D2-\n|D4-:|D4 |") == [(0, 144, 60), (144, 240, 62)]
    assert notes("^F4-|F2 F2") == [(0, 144, 66), (144, 48, 65)], "the tie carries the sharp over the bar line, alone"
    assert notes("C2-D2-|z2 D2") == [(0, 48, 60), (48, 48, 62), (144, 48, 62)], "what changes pitch or rests is no tie"
    assert notes("[CE]2-[CE]2 | [C-E]2 [CE]2") == [(0, 96, 60), (0, 96, 64), (96, 96, 60), (96, 48, 64), (144, 48, 64)]


def test_rests_are_silence() -> None:
    """Notes would close up over the rests."""
    assert [onset for onset, *_ in notes("C z x E | F3 Z | G")] == [0, 72, 96, 192]
    assert [onset for onset, *_ in notes("C6 | Z2 | D4", head="M:3/4\nL:1/8\nK:C")] == [0, 216]


def test_a_sign_hung_on_the_bar_line_takes_no_time() -> None:
    """A fermata over the last bar line is written on a silent note: the bar would be too long."""
    assert notes('C3 Hx || D4 "D.C."x |')[1][0] == notes("C3 || D4")[1][0]
    assert notes("C3 x || D4 |")[1][0] == 96, "a plain silent note is a rest"


# Pitches


@pytest.mark.parametrize(
    ("key", "signs"),
    [
        ("C", ""),
        ("G", "f"),
        ("F# Minor", "fcg"),
        ("Am", ""),
        ("EM", "f"),
        ("Ador", "f"),
        ("A Dorian", "f"),
        ("D Mixolydian", "f"),
        ("Bphr", "f"),
        ("Clyd", "f"),
        ("F#loc", "f"),
        ("C#", "fcgdaeb"),
        ("Bb", "BE"),
        ("Gm clef=bass", "BE"),
        ("G treble", "f"),
        ("Hp", "fc"),
        ("none", ""),
        ("", ""),
        ("Gm ^f =b", "fE"),
        ("Dmix=c", "f"),
        ("D exp _e ^f", "fE"),
    ],
)
def test_a_key_raises_and_lowers_its_letters(key: str, signs: str) -> None:
    """One sign too many turns a mode into another; lower-case letters here are sharps, capitals flats."""
    shift = [(letter in signs) - (letter.upper() in signs) for letter in "cdefgab"]
    plain = np.array([72, 74, 76, 77, 79, 81, 83])
    assert pitches("cdefgab", head=f"M:4/4\nL:1/8\nK:{key}") == (plain + shift).tolist()


def test_an_accidental_holds_to_the_bar_line() -> None:
    """Essen's minor tunes hang on it: a third read too high turns them to major in mid-phrase."""
    assert pitches("_B B =B B | B", head="M:4/4\nL:1/4\nK:F") == [70, 70, 71, 71, 70]
    assert pitches("^F f F, | F") == [66, 78, 54, 65], "in every octave"
    assert pitches("^F2\nF2 | F") == [66, 66, 65], "through a line break"
    assert pitches("^^F __B =F") == [67, 69, 65]


def test_a_key_may_change_on_the_way() -> None:
    """The trio of a march would stand in the key of its first part."""
    assert pitches("f |[K:G] f |\nK:Gm\nb f") == [77, 78, 82, 77]


def test_the_top_of_a_chord_is_the_melody() -> None:
    """Drones of the fiddle would be learned as leaps of the melody."""
    phrase = read("[CEG]2 [.E-c]/ E3/2 | +E3A3+ B [DD] [C2z2]")
    assert phrase.rows[:, [0, 1, 2, 5]].tolist() == [
        [0, 48, 60, Voice.ACCOMPANIMENT],
        [0, 48, 64, Voice.ACCOMPANIMENT],
        [0, 48, 67, Voice.MELODY],
        [48, 48, 64, Voice.ACCOMPANIMENT],
        [48, 12, 72, Voice.MELODY],
        [96, 72, 64, Voice.ACCOMPANIMENT],
        [96, 72, 69, Voice.MELODY],
        [168, 24, 71, Voice.MELODY],
        [192, 24, 62, Voice.MELODY],
        [216, 48, 60, Voice.MELODY],
    ]


def test_a_chord_lasts_as_long_as_its_first_note() -> None:
    """The melody over a held note would wait until it has died away."""
    assert notes("[e2C4] f2 | [G2B] c2") == [
        (0, 96, 60),
        (0, 48, 76),
        (48, 48, 77),
        (96, 48, 67),
        (96, 24, 71),
        (144, 48, 72),
    ]


@pytest.mark.parametrize(
    "music",
    [
        '"Am"C "^slow"D ">"E "_x"F',
        "~C .D TE HF",
        "uC vD kE (F)",
        "!trill!C !4!D !Segno!E !f!F",
        "+trill+C +f+D E + F",
        "{g}C {/ga}D {c'}E {[Ge]}F",
        "((C D) .(E F))",
        "C ```D y E y4 F \\\nw: words and words\n% more words\n",
        "C D!\nE !F",
        "C D & A2\\\n| E F & z2 |]*",
    ],
)
def test_ornaments_words_and_slurs_leave_the_notes_alone(music: str) -> None:
    """Chord names, bow marks and grace notes would sound as notes of the tune."""
    assert pitches(music) == [60, 62, 64, 65]
    assert durations(music, head="L:1/4\nK:C") == [24] * 4


# The way through the tune


def test_repeats_are_written_once() -> None:
    """A second pass is a copy: the model would be praised for repeating what it was given."""
    assert pitches("|: C D :|: E F :: G A :| B2 ||") == [60, 62, 64, 65, 67, 69, 71]
    assert pitches("CD|EF", head="P:ABA\nM:2/4\nL:1/4\nK:C\nP:A") == [60, 62, 64, 65]


@pytest.mark.parametrize(
    "music",
    [
        "|: C4 |1 D4 :|2 E4 |] F4 |",
        "C4 |[1 D4 :|[2 E4 || F4 |",
        "C4 [1 D4 :|\\\n[2 E4 | F4 |",
        "C4 |1 D4 :|2 D4 :|3 E4 || F4 |",
        "C4 |1,3 D4 | D4 :|2,4 E4 | F4 |",
        "C4 |1 D4 || E4 |2 F4 |]",
    ],
)
def test_of_several_endings_the_last_is_kept(music: str) -> None:
    """Both endings in a row would be a cadence that nobody plays; the bars after them must stay in place."""
    assert notes(music) == [(0, 96, 60), (96, 96, 64), (192, 96, 65)]


def test_an_ending_alone_is_kept() -> None:
    """A tune that marks no second ending would lose its close."""
    assert pitches("C4 |1 D4 :| E4 |1 F4 :|") == [60, 62, 64, 65]


@pytest.mark.parametrize(
    ("metre", "steps"), [("6/8", 36), ("9/8", 36), ("12/8", 36), ("3/8", 24), ("2/4", 24), ("none", 24)]
)
def test_five_notes_take_the_time_of_three_in_compound_metre_and_of_two_elsewhere(metre: str, steps: int) -> None:
    """A run of five in a slip jig would push all that follows off the beat."""
    assert notes("(5CDEFG A3", head=f"M:{metre}\nL:1/8\nK:C")[-1] == (steps, 36, 69)


def test_however_far_a_rhythm_is_broken_the_two_notes_keep_their_time() -> None:
    """A slip of forty signs would refuse the tune, as divided too finely; of the time, the least is 1 in 512."""
    rows, _ = to_ticks(read("C" + 40 * ">" + "D E2"))
    assert rows[1, 1] * 512 == rows[0, 1] + rows[1, 1] == rows[2, 0] == rows[2, 1]


def test_a_tie_to_another_pitch_is_none() -> None:
    """A slur written with the sign of a tie would swallow the note it leads to."""
    assert notes("C-^C D2") == [(0, 24, 60), (24, 24, 61), (48, 48, 62)]


def test_a_tie_into_the_endings_goes_to_the_one_that_is_kept() -> None:
    """The held note would stop short, or be struck again."""
    assert notes("C4- |1 C2 D2 :|2 C4 |]") == [(0, 192, 60)]


@pytest.mark.parametrize(
    "tune",
    [
        "K:C\nV:1\nCD|\nV:2\nE,F,|\nV:1\nEF|",
        "V:1\nV:2 merge\nK:C\n[V:1] CD|\n[V:2] E,F,|\n[V:1] EF|\n[V:2] G,A,|",
        "K:C\nCD|\nEF|\nV:2\nE,F,|",
        "V:1 midi program 1 74\nK:C\nCDEF",
    ],
)
def test_only_the_first_voice_is_read(tune: str) -> None:
    """The second flute would be played after the first."""
    assert pitches("", head=f"M:2/4\nL:1/4\n{tune}") == [60, 62, 64, 65]


@pytest.mark.parametrize(
    ("field", "tempo"),
    [
        ("1/4=120", 500_000),
        ("3/8=120", 333_333),
        ('"Slow" 1/2 = 60', 500_000),
        ('1/4=90 "Andantino"', 666_667),
        ("1/4 1/8=80", 500_000),
        ("120", 1_000_000),
        ('"Slowly"', None),
        ("", None),
        ("1/4=0", None),
    ],
)
def test_a_tempo_is_microseconds_a_quarter(field: str, tempo: int | None) -> None:
    """A tempo read against the wrong beat is off by half; one made up would be learned as if somebody had said it."""
    assert read("C", head=f"M:6/8\nL:1/8\nQ:{field}\nK:C").tempo == tempo


@pytest.mark.parametrize("field", ["1/64=1", "1/4=99999", "4/1=9000"])
def test_a_tempo_that_nobody_plays_is_refused(field: str) -> None:
    """Fails: the sound of one tune fills the memory, or no MIDI file can hold it."""
    with pytest.raises(InvalidTune, match=f"has the tempo Q:{field}. Write one of 4 to 1000 quarters a minute"):
        read("C", head=f"M:4/4\nL:1/4\nQ:{field}\nK:C")


def test_of_several_tempos_the_first_counts() -> None:
    """The tempo of the trio would be that of the march."""
    assert read("C [Q:1/4=60] D", head='Q:"Slow"\nQ:1/4=120\nQ:1/4=90\nK:C').tempo == 500_000


# Files


def test_a_file_is_split_into_its_tunes() -> None:
    """Tunes would run into each other, and a refusal would name the wrong line."""
    tunes = split_tunes("% a book\r\n\r\nX: 7 % seven\r\nK:C\r\nC|\r\n\r\nX:8\r\nK:C\r\nD|\r\n")
    assert [(tune.number, tune.line) for tune in tunes] == [("7", 3), ("8", 7)]
    assert [read_one(tune, "book.abc").pitch.tolist() for tune in tunes] == [[60], [62]]
    assert split_tunes("no tune in here") == []


def test_what_mail_programs_did_to_a_tune_is_undone() -> None:
    """Ryan's collection came by mail: naturals would be lost, and lengths cut off at the line's end."""
    assert pitches("^F =3DF |=20\nG =\nA |") == [66, 65, 67, 69]
    assert durations("A\n2 B\n/ [c\ne]2 |", head="L:1/4\nK:C") == [48, 12, 48, 48]


def test_a_blank_line_ends_the_tune_unless_music_follows() -> None:
    """Words between two tunes would be played (`A faded bag` is mostly notes), or a stray blank line cut the tune."""
    assert pitches("C D |\n\nA faded bag, edged.\n\n") == [60, 62]
    assert pitches("C D |\n\nE F |\n") == [60, 62, 64, 65]
    assert pitches("\n\nC D\n\n") == [60, 62]


def test_a_head_without_key_ends_at_the_first_line_of_music() -> None:
    """Tunes jotted down without K: would be empty."""
    assert pitches("CD|", head="T:Jotted down\nL:1/4") == [60, 62]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
def test_a_file_in_either_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    """Titles of Lorraine and Luxembourg would stop the whole file, or come out garbled."""
    path = tmp_path / "lux.abc"
    path.write_bytes("X:1\nT:Klein Mütterchen\nK:F\nF|\n\nX:2\nT:Été\nK:F\nG|\n".encode(encoding))
    assert [phrase.title for phrase in read_abc(path)] == ["Klein Mütterchen", "Été"]


def test_the_source_is_passed_on() -> None:
    """A tune would not know where it comes from, and no figure could be reported by source."""
    assert read_one(AbcTune("1", 1, "X:1\nK:C\nC"), "essen/han1.abc", source="essen").source == "essen"


@pytest.mark.parametrize(
    ("music", "defect", "message"),
    [
        ("", Defect.EMPTY, "tunes.abc:6: tune 1 holds no music"),
        ("\n \n", Defect.EMPTY, "tunes.abc:6: tune 1 holds no music"),
        ("z4 | z4 |", Defect.NO_NOTES, "tunes.abc:3: tune 1 holds no notes"),
        ("CDEF |\nGABc | d 4 |", Defect.BAD_NOTATION, "tunes.abc:8: bar 3 holds '4', which is no note"),
        ("CD | 62 | EF", Defect.BAD_NOTATION, "tunes.abc:7: bar 2 holds '6', which is no note"),
        ("CD | This is no music", Defect.BAD_NOTATION, "tunes.abc:7: bar 2 holds 'T', which is no note"),
        ("C # D", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 holds '#', which is no note"),
        ('C "Am D', Defect.BAD_NOTATION, "tunes.abc:7: bar 1 holds '\"', which is no note"),
        ("C {DE", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 holds '{', which is no note"),
        ("C [DE", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 holds '[', which is no note"),
        ("C [D>E]", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 holds '>', which is no note"),
        ("C [z]", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 holds '[z]', which is no note"),
        ("C ^3D", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 holds '^', which is no note"),
        ("C0", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 holds the length '0'"),
        ("C/0", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 holds the length '/0'"),
        ("C99999", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 holds '9', which is no note"),
        ("C,,,,,,", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 holds 'C,,,,,,', which no MIDI number can name"),
        ("> C", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 leans with '>' on no note"),
        ("C |\nK:Bn\nD", Defect.BAD_NOTATION, "tunes.abc:8: bar 2 is in the key 'Bn'"),
        ("C |\nK:H\nD", Defect.BAD_NOTATION, "tunes.abc:8: bar 2 is in the key 'H'"),
        ("[L:x] C", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 has the unit length 'x'"),
        ("[M:none] Z C", Defect.BAD_NOTATION, "tunes.abc:7: bar 1 rests for whole bars without a metre"),
        ("C/9999 (7D/9998 E/9997 F/9995", Defect.ABSURD_TICKS, "tunes.abc:3: tune 1 divides the quarter too finely"),
    ],
)
def test_a_tune_that_cannot_be_read_is_refused_by_line_and_bar(music: str, defect: Defect, message: str) -> None:
    """Notes would be lost in silence: in Essen's tunes in H, every letter that its program did not know is missing."""
    with pytest.raises(InvalidTune) as caught:
        read_one(AbcTune("1", 3, f"X:1\nM:4/4\nL:1/4\nK:C\n{music}"), "tunes.abc")
    assert caught.value.defect == defect
    assert str(caught.value).startswith(message)
    assert caught.value.remedy


def test_a_broken_head_is_named_by_its_line() -> None:
    """Nobody would find the one bad key among five hundred tunes."""
    with pytest.raises(InvalidTune, match=r"^book\.abc:12: tune 7 is in the key 'Q'\. Write a key such as"):
        read_one(AbcTune("7", 10, "X:7\nT:A tune\nK:Q\nC"), "book.abc")


def test_a_file_for_people_stops_at_the_first_bad_tune(tmp_path: Path) -> None:
    """Whoever hands over one file wants to know which tune failed, not to find it missing later."""
    path = tmp_path / "book.abc"
    path.write_text("X:1\nK:C\nC|\n\nX:2\nK:C\nD ? E|\n")
    with pytest.raises(InvalidTune, match=r"book\.abc:7: bar 1 holds '\?'"):
        read_abc(path)
    path.write_text("Dear friend, here are the tunes.\n")
    with pytest.raises(InvalidTune, match=r"book\.abc: holds no tune\. Begin each tune with X:1"):
        read_abc(path)
    with pytest.raises(InvalidTune, match=r"absent\.abc: cannot be opened \(No such file or directory\)\. Check"):
        read_abc(tmp_path / "absent.abc")
