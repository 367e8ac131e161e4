"""Damage of every kind, a little of it in every run of the tests; experiments/fuzz does it by the hundred thousand."""

import random
from dataclasses import replace

import pytest

from experiments.fuzz.mutate import MIDI, edit_events, mutated_midi, mutated_text, with_true_lengths
from experiments.fuzz.study import judge
from phin.music.midi import midi_bytes
from phin.music.notation import format_letters
from phin.music.tablature import format_tablature
from tests.midi_defects import defect_files, good_files
from tests.tunes import MINOR_PENTATONIC_ON_A, wander

TUNES = [replace(wander(seed, 40, MINOR_PENTATONIC_ON_A), tempo=500_000, title="ลายใหญ่") for seed in range(4)]
FILES = [
    *good_files().values(),
    *(data for data, _ in defect_files().values() if len(data) < 10_000),
    *map(midi_bytes, TUNES),
]
PAGES = [format_letters(tune) for tune in TUNES]


@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_midi_file_is_read_or_refused_by_name(seed: int) -> None:
    """One strange file in a download would end the intake of all the others; or be saved as something else."""
    rng = random.Random(seed)
    outcomes = {judge("midi", mutated_midi(rng.choice(FILES), rng.choice(FILES), rng)) for _ in range(60)}
    assert not any(outcome.startswith("BROKEN") for outcome in outcomes), outcomes
    assert len(outcomes) > 4, "the damage is of many kinds, and some files survive it"


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_page_of_letters_is_read_or_refused_by_its_place(seed: int) -> None:
    """A page with one strange sign would end in a traceback, or become another tune."""
    rng = random.Random(seed)
    outcomes = {judge("letters", mutated_text(rng.choice(PAGES), rng.choice(PAGES), rng)) for _ in range(60)}
    assert not any(outcome.startswith("BROKEN") for outcome in outcomes), outcomes
    assert len(outcomes) >= 2


@pytest.mark.parametrize("seed", range(2))
def test_damaged_tablature_and_abc_are_read_or_refused_by_their_place(seed: int) -> None:
    """A page of frets, or one tune of a collection, would end in a traceback."""
    rng = random.Random(seed)
    frets = [format_tablature(tune) for tune in TUNES]
    tunes = ["X:1\nT:one\nM:2/4\nL:1/8\nK:G\nGABc|:dBAF|1 G4:|2 G2A2|]\n", "X:2\nM:6/8\nK:Dm\n(3def g>a|[df]2z|\n"]
    for kind, seeds in (("tablature", frets), ("abc", tunes)):
        outcomes = {judge(kind, mutated_text(rng.choice(seeds), rng.choice(seeds), rng)) for _ in range(60)}
        assert not any(outcome.startswith("BROKEN") for outcome in outcomes), outcomes
        assert len(outcomes) >= 2


@pytest.mark.parametrize("damage", [*MIDI, edit_events], ids=lambda damage: damage.__name__)
def test_each_kind_of_damage_changes_something(damage) -> None:
    """The study would count a hundred thousand files of which nobody has touched one."""
    rng = random.Random(0)
    changed = [damage(data, FILES[0], rng) != data for data in FILES[-4:] for _ in range(10)]
    assert sum(changed) > 10


def test_a_file_that_is_whole_says_its_true_lengths_already() -> None:
    """Mutants would all be the same harmless damage."""
    for data in FILES[-4:]:
        assert with_true_lengths(data) == data
