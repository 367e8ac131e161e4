"""phin-suggest: with which techniques a tune could be played."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from phin.cli.arguments import FileParser, files_of
from phin.cli.note_table import FROM, TABLES, places, write_table
from phin.counted import counted
from phin.errors import InvalidConfig, PhinError
from phin.music.midi import write_midi
from phin.music.midi_limits import ENDINGS as MIDI
from phin.music.phrase import TECHNIQUE, LabelSource, Phrase
from phin.music.readers import read_tune
from phin.music.suggestion import LEARNED_FROM, SAID, Suggestion, load
from phin.music.technique import FACTS, Technique, word

DESCRIPTION = f"""\
phin-suggest IN OUT: which technique each note of a tune could be played with, by the ending of OUT.

  in   .txt (letters), .tab, .abc, .mid
  out  .csv or .json (a melody note each: how it is played, which ornament it has if it has one, how likely, and why)
       .mid (the tune, its techniques drawn at these rates; --seed draws others)

  phin-suggest tune.txt techniques.csv

It learned from {LEARNED_FROM}. Where nothing is likely enough it gives no
answer; the three likeliest ornaments are told all the same.
"""
ENDINGS = (*TABLES, *MIDI)
ORNAMENTS_TOLD = 3
"""Of each note in a table, with how likely each is if the note has one."""


def main(argv: Sequence[str] | None = None) -> None:
    """Console script."""
    parser = FileParser("phin-suggest", DESCRIPTION)
    parser.add_argument("--seed", type=_seed, help="of the techniques that are drawn for a .mid")
    parser.run(lambda arguments: run(*files_of(arguments), arguments.seed), argv)


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 on")
    return int(text)


def run(source: Path, target: Path, seed: int | None = None) -> list[str]:
    """Reads, suggests, writes; lines that say what was done. Raises PhinError before anything is written."""
    ending = target.suffix.casefold()
    if ending not in ENDINGS:
        raise InvalidConfig(str(target), "OUT has no ending that phin-suggest knows", f"take {', '.join(ENDINGS)}")
    if seed is not None and ending in TABLES:
        raise InvalidConfig("--seed", "means nothing for a table, where nothing is drawn", "leave it out")
    phrase = read_tune(source)
    suggestions = load().suggest(phrase)
    if not suggestions:
        raise PhinError(source, "has no melody", "give a tune with notes")
    if ending in MIDI:
        write_midi(played(phrase, suggestions, np.random.default_rng(seed or 0)), target)
    else:
        write_table(table(phrase, suggestions), SAID, target)
    return [f"{target}: {counted(len(suggestions), 'melody note')}", f"  {SAID}"]


def played(phrase: Phrase, suggestions: Sequence[Suggestion], rng: np.random.Generator) -> Phrase:
    """The tune, each melody note with a technique drawn from its probabilities."""
    rows = phrase.rows.copy()
    for row, suggestion in zip(np.flatnonzero(phrase.is_melody).tolist(), suggestions, strict=True):
        techniques, shares = list(suggestion.probability), np.array(list(suggestion.probability.values()))
        rows[row, TECHNIQUE] = techniques[int(rng.choice(len(techniques), p=shares / shares.sum()))]
    return replace(phrase, rows=rows, techniques_from=LabelSource.RULE)


def answer(technique: Technique | None) -> str:
    """As a table says it."""
    return "no answer" if technique is None else word(technique)


def table(phrase: Phrase, suggestions: Sequence[Suggestion]) -> list[dict[str, object]]:
    """A dictionary a melody note."""
    rows = list[dict[str, object]]()
    for place, suggestion in zip(places(phrase.melody, phrase), suggestions, strict=True):
        ornament, likely = suggestion.likeliest_ornament, list(suggestion.if_ornamented.items())[:ORNAMENTS_TOLD]
        said = {
            "technique": answer(suggestion.technique),
            "plain": round(suggestion.probability[Technique.PLAIN], 3),
            "ornament": answer(suggestion.ornament),
            "if ornamented": ", ".join(f"{word(each)} {share:.2f}" for each, share in likely),
            "likeliest ornament": word(ornament),
            "thai": FACTS[ornament].thai,
            "evidence": str(FACTS[ornament].evidence),
            "probability": round(suggestion.probability[ornament], 3),
            "because": suggestion.reasons[ornament],
            FROM: LEARNED_FROM,
        }
        rows.append(place | said)
    return rows
