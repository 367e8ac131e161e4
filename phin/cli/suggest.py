"""phin-suggest: with which techniques a tune could be played."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from phin.cli.arguments import FileParser, files_of
from phin.counted import counted
from phin.errors import InvalidConfig, PhinError
from phin.music.grid import SLOTS_PER_HONG, SLOTS_PER_LINE, STEPS_PER_SLOT, begin_of
from phin.music.midi import write_midi
from phin.music.phrase import TECHNIQUE, LabelSource, Phrase, pitch_name
from phin.music.readers import read_tune
from phin.music.suggestion import LEARNED_FROM, Suggestion, load
from phin.music.technique import FACTS, Technique, word
from phin.whole_file import write_text

DESCRIPTION = f"""\
phin-suggest IN OUT: which technique each note of a tune could be played with, by the ending of OUT.

  in   .txt (letters), .tab, .abc, .mid
  out  .csv or .json (a melody note each: the likeliest technique, the likeliest ornament, how likely, and why)
       .mid (the tune, its techniques drawn at these rates; --seed draws others)

  phin-suggest tune.txt techniques.csv

It learned from {LEARNED_FROM}. Where nothing is likely enough it gives no
answer.
"""
SAID = f"learned from {LEARNED_FROM}: a player knows better"
TABLES = (".csv", ".json")
ENDINGS = (*TABLES, ".mid")


def main(argv: Sequence[str] | None = None) -> None:
    """Console script."""
    parser = FileParser("phin-suggest", DESCRIPTION)
    parser.add_argument("--seed", type=int, help="of the techniques that are drawn for a .mid")
    parser.run(lambda arguments: run(*files_of(arguments), arguments.seed), argv)


def run(source: Path, target: Path, seed: int | None = None) -> list[str]:
    """Reads, suggests, writes; lines that say what was done. Raises PhinError before anything is written."""
    ending = target.suffix.casefold()
    if ending not in ENDINGS:
        raise InvalidConfig(str(target), "OUT has no ending that phin-suggest knows", f"take {', '.join(ENDINGS)}")
    if seed is not None and ending in TABLES:
        raise InvalidConfig("--seed", "means nothing for a table, where nothing is drawn", "leave it out")
    if seed is not None and seed < 0:
        raise InvalidConfig(f"--seed {seed}", "is below 0", "take 0 or more")
    phrase = read_tune(source)
    suggestions = load().suggest(phrase)
    if not suggestions:
        raise PhinError(source, "has no melody", "give a tune with notes")
    if ending == ".mid":
        write_midi(played(phrase, suggestions, np.random.default_rng(seed or 0)), target)
    else:
        write = _csv if ending == ".csv" else _json
        write_text(target, write(table(phrase, suggestions)))
    return [f"{target}: {counted(len(suggestions), 'melody note')}", f"  {SAID}"]


def played(phrase: Phrase, suggestions: Sequence[Suggestion], rng: np.random.Generator) -> Phrase:
    """The tune, each melody note with a technique drawn from its probabilities."""
    rows = phrase.rows.copy()
    for row, suggestion in zip(np.flatnonzero(phrase.is_melody).tolist(), suggestions, strict=True):
        techniques, shares = list(suggestion.probability), np.array(list(suggestion.probability.values()))
        rows[row, TECHNIQUE] = techniques[int(rng.choice(len(techniques), p=shares / shares.sum()))]
    return replace(phrase, rows=rows, techniques_from=LabelSource.RULE)


def table(phrase: Phrase, suggestions: Sequence[Suggestion]) -> list[dict[str, object]]:
    """A dictionary a melody note."""
    melody, begins, rows = phrase.melody, begin_of(phrase), list[dict[str, object]]()
    for onset, pitch, suggestion in zip(melody.onset.tolist(), melody.pitch.tolist(), suggestions, strict=True):
        line, slot = divmod((onset - begins + STEPS_PER_SLOT // 2) // STEPS_PER_SLOT, SLOTS_PER_LINE)
        ornament = suggestion.ornament
        rows.append(
            {
                "line": line + 1,
                "hong": slot // SLOTS_PER_HONG + 1,
                "slot": slot % SLOTS_PER_HONG + 1,
                "pitch": pitch_name(pitch),
                "technique": "no answer" if suggestion.technique is None else word(suggestion.technique),
                "plain": round(suggestion.probability[Technique.PLAIN], 3),
                "ornament": word(ornament),
                "thai": FACTS[ornament].thai,
                "evidence": str(FACTS[ornament].evidence),
                "probability": round(suggestion.probability[ornament], 3),
                "because": suggestion.reasons[ornament],
                "learned from": LEARNED_FROM,
            }
        )
    return rows


def _csv(rows: Sequence[dict[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _json(rows: Sequence[dict[str, object]]) -> str:
    notes = [{name: value for name, value in row.items() if name != "learned from"} for row in rows]
    return json.dumps({"about": SAID, "notes": notes}, ensure_ascii=False, indent=1) + "\n"
