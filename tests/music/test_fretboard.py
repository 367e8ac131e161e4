"""The instrument against what its sources print: every note of every string, the tunings, and what drones."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phin.errors import PhinError
from phin.music.fretboard import (
    DEFAULT,
    FRET_DISTANCES,
    FRETS,
    TUNINGS,
    Drone,
    DroneKind,
    Position,
    Tuning,
    drone,
    drone_table,
    open_drones,
    playable,
    positions,
    suitable_tuning,
)
from phin.music.lai import LAI, Lai, lai_named
from phin.music.phrase import HIGHEST_PITCH, LOWEST_PITCH
from phin.music.picture import pitch_name

SPELLINGS = [letter + accidental for letter in "ABCDEFG" for accidental in ("", "#", "b")]
ANY_TUNING = st.lists(st.sampled_from(SPELLINGS), min_size=2, max_size=4).map("-".join)


def spelled(pitches: tuple[int, ...]) -> str:
    return " ".join(pitch_name(pitch) for pitch in pitches)


@pytest.mark.parametrize(
    ("string", "notes"),
    [
        (1, "E4 F4 F#4 G4 A4 B4 C5 D5 E5 F5 G5 A5 B5 C6 D6 E6"),
        (2, "A3 A#3 B3 C4 D4 E4 F4 G4 A4 A#4 C5 D5 E5 F5 G5 A5"),
        (3, "E3 F3 F#3 G3 A3 B3 C4 D4 E4 F4 G4 A4 B4 C5 D5 E5"),  # E5 is implied by the pattern, not printed
    ],
)
def test_each_string_has_the_notes_that_were_measured_on_it(string: int, notes: str) -> None:
    """Every tablature would send the finger to the wrong fret (Hamdan et al. 2025 print these three lists)."""
    assert spelled(tuple(DEFAULT.open_pitch(string) + semitones for semitones in FRETS)) == notes


def test_the_phin_has_26_pitches_and_neither_c_sharp_nor_d_sharp_nor_g_sharp() -> None:
    """Tunes would ask for notes between the frets, or shun notes that are there."""
    assert playable() == (
        *(52, 53, 54, 55, 57, 58, 59, 60, 62, 64, 65, 66, 67, 69, 70, 71, 72, 74, 76, 77, 79, 81, 83, 84, 86, 88),
    )
    assert not {pitch_name(pitch)[:2] for pitch in playable()} & {"C#", "D#", "G#"}
    assert (playable()[0], playable()[-1]) == (LOWEST_PITCH, HIGHEST_PITCH)


def test_all_notes_of_the_six_lai_lie_on_frets_of_the_usual_tuning() -> None:
    """A tune in a lai would have holes: the phin is built for these modes."""
    for lai in LAI:
        assert {pitch for pitch in range(52, 89) if pitch % 12 in lai.pitch_classes} <= set(playable())


def test_strings_are_numbered_from_the_highest_and_tunings_written_from_the_lowest() -> None:
    """A player reading string 1 would pluck the bass string: the two customs run against each other."""
    assert spelled(DEFAULT.open_pitches) == "E3 A3 E4"
    assert [pitch_name(DEFAULT.open_pitch(string)) for string in (1, 2, 3)] == ["E4", "A3", "E3"]
    assert positions(64) == (Position(1, 0), Position(2, 5), Position(3, 8))
    for tuning in TUNINGS:
        assert [tuning.number(place) for place in range(tuning.num_strings)] == list(range(tuning.num_strings, 0, -1))
        assert all(tuning.place(tuning.number(place)) == place for place in range(tuning.num_strings))


@given(ANY_TUNING, st.integers(0, 127))
def test_a_pitch_lies_exactly_where_a_string_and_a_fret_sound_it(written: str, pitch: int) -> None:
    """Tablature would play other notes than the tune has, or the search would miss the place within reach."""
    tuning = Tuning.parse(written)
    everywhere = {
        (tuning.num_strings - index, fret)
        for index, opened in enumerate(tuning.open_pitches)
        for fret in range(16)
        if opened + FRETS[fret] == pitch
    }
    assert set(positions(pitch, tuning)) == everywhere
    assert bool(everywhere) == (pitch in playable(tuning))
    strings = [position.string for position in positions(pitch, tuning)]
    assert strings == sorted(set(strings))


def test_frets_lie_where_the_string_is_divided_by_their_pitch() -> None:
    """The hand would be thought to reach further, or less far, than it does."""
    octave, two_octaves = FRETS.index(12), FRETS.index(24)
    assert FRET_DISTANCES[0] == 0
    assert FRET_DISTANCES[octave] == pytest.approx(1 / 2)
    assert FRET_DISTANCES[two_octaves] == pytest.approx(3 / 4)
    assert list(FRET_DISTANCES) == sorted(set(FRET_DISTANCES))


@pytest.mark.parametrize(
    ("name", "strings"),
    [
        ("E-A-E", "E3 A3 E4"),
        ("E-A-A", "E3 A3 A3"),
        ("E-B-E", "E3 B3 E4"),
        ("E-A", "E3 A3"),
        ("E-B", "E3 B3"),
        ("E-D", "E3 D4"),
        ("E-E", "E3 E3"),
        ("E-A-E-A", "E3 A3 E4 A4"),
        ("E-A-E-B", "E3 A3 E4 B4"),
        ("A-E-A-E", "A3 E4 A4 E5"),
        ("E-E-A-A", "E3 E3 A3 A3"),
        ("D-A-G", "D3 A3 G4"),
        ("A-D-A", "A3 D4 A4"),
    ],
)
def test_every_documented_tuning_is_there(name: str, strings: str) -> None:
    """A player whose phin is tuned as Chaichana lists it (p. 100) could not be served."""
    tuning = next(tuning for tuning in TUNINGS if tuning.name == name)
    assert tuning == Tuning.parse(name)
    assert spelled(tuning.open_pitches) == strings


def test_there_are_thirteen_tunings_and_the_most_used_comes_first() -> None:
    """Menus would offer tunings that nobody has documented, or hide the one that most players have."""
    assert len({tuning.name for tuning in TUNINGS}) == len(TUNINGS) == 13
    assert TUNINGS[0] == DEFAULT == Tuning("E-A-E", (52, 57, 64))


@given(ANY_TUNING)
def test_a_tuning_of_ones_own_rises_from_the_octave_nearest_to_the_measured_string(written: str) -> None:
    """A string would be thought an octave too tight: it would break, or every tune lie out of reach."""
    tuning = Tuning.parse(written)
    first, *_ = tuning.open_pitches
    assert abs(first - 52) == min(abs(other - 52) for other in range(40, 65) if (other - first) % 12 == 0)
    assert all(0 <= above - below < 12 for below, above in pairwise(tuning.open_pitches))
    assert Tuning.parse(str(tuning)) == tuning
    assert any(LOWEST_PITCH <= pitch <= HIGHEST_PITCH for pitch in playable(tuning))


@pytest.mark.parametrize(
    ("written", "name", "strings"),
    [
        ("e-a-e", "E-A-E", "E3 A3 E4"),
        (" D - G - D ", "D-G-D", "D3 G3 D4"),
        ("Bb-F", "Bb-F", "A#3 F4"),
        ("F#-b-F♯", "F#-B-F#", "F#3 B3 F#4"),
        ("Cb-E#", "Cb-E#", "B2 F3"),
        ("B-b", "B-B", "B2 B2"),
    ],
)
def test_tunings_are_read_as_people_write_them(written: str, name: str, strings: str) -> None:
    """A player would be turned away for a small letter or a space."""
    tuning = Tuning.parse(written)
    assert (tuning.name, spelled(tuning.open_pitches)) == (name, strings)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("E-H-E", "tuning 'E-H-E': has 'H' where a letter A to G should be, with # or b if need be."),
        ("E", "tuning 'E': has 1 string, and a phin has 2 to 4."),
        ("E-A-E-A-E", "tuning 'E-A-E-A-E': has 5 strings, and a phin has 2 to 4."),
        ("", "tuning '': has '' where a letter A to G should be, with # or b if need be."),
        ("EAE", "tuning 'EAE': has 'EAE' where a letter A to G should be, with # or b if need be."),
    ],
)
def test_what_is_no_tuning_is_refused_in_one_line(written: str, said: str) -> None:
    """A slip of the pen would end in a traceback, or in a phin with five strings."""
    with pytest.raises(PhinError) as refusal:
        Tuning.parse(written)
    assert str(refusal.value) == f"{said} Write it low string first, like E-A-E."


@pytest.mark.parametrize(
    ("tuning", "lai", "said"),
    [
        ("E-A-E", "yai", "A3, open tonic on string 2"),
        ("E-A-E", "noi", "A3, open fifth on string 2"),
        ("E-A-E", "se", "E3, open tonic on string 3"),
        ("E-A-E", "sutsanaen", "G3, stopped tonic on string 3, fret 3"),
        ("E-A-E", "po sai", "C4, stopped tonic on string 3, fret 6"),
        ("E-A-E", "soi", "A3, open fifth on string 2"),
        ("E-B-E", "yai", "E3, open fifth on string 3"),
        ("E-D", "noi", "D4, open tonic on string 1"),
        ("D-A-G", "noi", "D3, open tonic on string 3"),
        ("D-A-G", "sutsanaen", "G4, open tonic on string 1"),
        ("D-A-G", "po sai", "G4, open fifth on string 1"),
        ("A-D-A", "noi", "D4, open tonic on string 2"),
    ],
)
def test_what_drones_under_a_lai_is_said_for_each_tuning(tuning: str, lai: str, said: str) -> None:
    """The drone would be a note that the tune rubs against, or a string that the phin does not have."""
    assert str(drone_table()[tuning][lai]) == said


@given(ANY_TUNING, st.sampled_from(LAI))
def test_an_open_tonic_drones_before_an_open_fifth_and_both_before_a_finger(written: str, lai: Lai) -> None:
    """The player would spend a finger on a drone that a string gives for nothing."""
    tuning = Tuning.parse(written)
    opened = {pitch % 12 for pitch in tuning.open_pitches}
    found = drone(lai, tuning)
    if found is None:
        assert not {lai.tonic, lai.fifth} & opened
        assert lai.tonic not in {pitch % 12 for pitch in playable(tuning)}
        return
    assert (found.string, found.fret) in positions(found.pitch, tuning)
    assert (found.fret == 0) == (found.kind != DroneKind.STOPPED_TONIC)
    expected = lai.tonic if found.kind != DroneKind.OPEN_FIFTH else lai.fifth
    assert found.pitch % 12 == expected
    if lai.tonic in opened:
        assert found.kind == DroneKind.OPEN_TONIC
    elif lai.fifth in opened:
        assert found.kind == DroneKind.OPEN_FIFTH


def test_open_drones_are_the_open_strings_that_are_tonic_or_fifth_the_tonic_first() -> None:
    """Toei Khong's tonic and fifth (Chaichana 2022, p. 113) could not both be found on the open strings."""
    tonic, fifth = DroneKind.OPEN_TONIC, DroneKind.OPEN_FIFTH
    assert open_drones(lai_named("yai")) == (Drone(57, 2, 0, tonic), Drone(52, 3, 0, fifth), Drone(64, 1, 0, fifth))
    assert open_drones(lai_named("se")) == (Drone(52, 3, 0, tonic), Drone(64, 1, 0, tonic))
    assert open_drones(lai_named("po sai")) == ()


def test_the_tonic_of_lai_po_sai_is_open_in_no_documented_tuning() -> None:
    """A drone of C would be promised on a string that no phin has: a finger must hold it."""
    kinds = {drone.kind for tuning in TUNINGS for drone in open_drones(lai_named("po sai"), tuning)}
    assert DroneKind.OPEN_TONIC not in kinds


def test_a_tuning_without_the_tonic_on_any_fret_has_no_drone() -> None:
    """A phin tuned to another singer's key would be given a drone that it cannot sound."""
    assert drone(lai_named("po sai"), Tuning.parse("C#-C#")) is None


@pytest.mark.parametrize(
    ("lai", "tuning"),
    [
        ("yai", "E-A-E"),
        ("noi", "A-D-A"),
        ("se", "E-B-E"),
        ("sutsanaen", "D-G-D"),
        ("po sai", "G-C-G"),
        ("soi", "A-D-A"),
    ],
)
def test_a_lai_is_given_the_tuning_whose_open_strings_serve_it(lai: str, tuning: str) -> None:
    """The player would retune for nothing, or play lai noi without an open D although two tunings are made for it."""
    assert suitable_tuning(lai_named(lai)).name == tuning


@pytest.mark.parametrize("lai", LAI, ids=lambda lai: lai.name)
def test_a_suitable_tuning_drones_on_the_tonic_below_its_highest_string_with_the_fifth_beside_it(lai: Lai) -> None:
    """The drone would sound above the tune, or be a note that no source hears drone, or lie below what is written."""
    tuning = suitable_tuning(lai)
    held = drone(lai, tuning)
    assert held is not None
    assert held.kind == DroneKind.OPEN_TONIC
    assert 1 < held.string
    assert held.pitch < max(tuning.open_pitches)
    assert LOWEST_PITCH <= held.pitch <= HIGHEST_PITCH
    assert lai.fifth in {pitch % 12 for pitch in tuning.open_pitches}


@pytest.mark.parametrize("lai", LAI, ids=lambda lai: lai.name)
def test_a_tuning_that_no_source_has_is_used_only_where_the_documented_ones_do_not_serve(lai: Lai) -> None:
    """A player would be sent to a tuning of our invention although a real one does as well."""
    serve = [
        tuning
        for tuning in TUNINGS
        if (held := drone(lai, tuning)) and held.kind == DroneKind.OPEN_TONIC and 1 < held.string
    ]
    assert (suitable_tuning(lai) in TUNINGS) == bool(serve)
    assert (suitable_tuning(lai) == DEFAULT) == (lai.name == "yai")
