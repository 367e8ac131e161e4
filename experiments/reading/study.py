"""A model's tunes read blind beside held-out real ones, as notation; and a sheet of pairs for players to judge.

    python -m experiments.reading.study mix CHECKPOINT FOLDER     tunes/001.txt, .png, .mid ...; reading.csv to fill in
    python -m experiments.reading.study tell FOLDER               joins reading.csv with key.json: results.csv, a table
    python -m experiments.reading.study sheet FOLDER OUT          20 pairs of them with sound: a page, answers, key
    python -m experiments.reading.study players OUT ANSWERS...    what players answered: a copy of answers.csv each

A real tune is the melody of a test tune of the corpus that the model learned from, in 2/4, no longer than four lines.
The model draws one of the same length in hong for each, by the default sampler. Both are played in one tempo, by one
velocity, and are written the same way. Who reads does not open key.json before reading.csv is full.
"""

import argparse
import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from phin.cli.engine import open_engine
from phin.cli.web import samplers
from phin.corpus.copies import store_of
from phin.corpus.sources import MADE
from phin.corpus.store import Store
from phin.evaluation.tabular import Table, text
from phin.generation.choice import Choice
from phin.generation.play import Engine
from phin.generation.recipe import Recipe
from phin.generation.request import SamplerConfig, TuneRequest
from phin.html_page import document
from phin.model.checkpoint import Identity, find, load
from phin.model.transformer import PhinTransformer
from phin.music import picture
from phin.music.grid import STEPS_PER_SLOT, begin_of, hong_of
from phin.music.phrase import ASSUMED_TEMPO, DUPLE, HONG_PER_LINE, Phrase, pitch_name, rows_from_columns
from phin.music.writers import WRITERS
from phin.whole_file import write_csv, write_text

FAULTS = {
    "loops": "the same bar or motif again and again, with nothing new",
    "endless": "a note that lasts so long that the tune stands still",
    "dead_end": "it breaks off, or wanders and stops where nothing asks for an end",
    "silence": "a rest where nobody would rest",
    "leap": "a leap no hand makes, or no singer",
    "metre": "bars that ignore the metre",
    "never_home": "it never comes home: the last note is no place to rest",
}
"""What is looked for, and what is meant by it."""
GUESS, ANY = "is_real", "any fault"
COLUMNS = ("what", "drawn", "real", "of", "difference", "low", "high")
READING, KEY, RESULTS = "reading.csv", "key.json", "results.csv"
VELOCITY = 80
SHORTEST, LONGEST = HONG_PER_LINE, 4 * HONG_PER_LINE
PAIRS = 20
SECONDS_HEARD = 16 * ASSUMED_TEMPO / 1e6
"""Of each tune on the sheet, at the most."""


class Shown(NamedTuple):
    """A tune as it is shown, and where it comes from; `pair` is one number for a real and a drawn one."""

    tune: Phrase
    is_drawn: bool
    pair: int
    id: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    mixing = commands.add_parser("mix")
    mixing.add_argument("checkpoint")
    mixing.add_argument("folder", type=Path)
    mixing.add_argument("--count", type=int, default=64, help="tunes of each kind")
    mixing.add_argument("--seed", type=int, default=0)
    mixing.add_argument("--cache", default="cache")
    telling = commands.add_parser("tell")
    telling.add_argument("folder", type=Path)
    handing = commands.add_parser("sheet")
    handing.add_argument("folder", type=Path)
    handing.add_argument("out", type=Path)
    players = commands.add_parser("players")
    players.add_argument("out", type=Path)
    players.add_argument("answers", type=Path, nargs="+")
    asked = parser.parse_args()
    if asked.command == "mix":
        mix(asked.checkpoint, asked.folder, asked.count, asked.seed, asked.cache)
    elif asked.command == "tell":
        print(text([tell(asked.folder)]))
    elif asked.command == "sheet":
        sheet(asked.folder, asked.out)
    else:
        print(text([answered(asked.out, asked.answers)]))


def mix(checkpoint: str, folder: Path, count: int, seed: int, cache: str) -> None:
    """Writes the tunes in an order that says nothing, the key, and the table to fill in."""
    folder.mkdir(parents=True)  # a reading that has begun is not written over
    engine = open_engine(checkpoint, None)
    store = corpus_of(checkpoint, engine.about.corpus_fingerprint, cache)
    rng = np.random.default_rng(seed)
    real = real_tunes(store, count, rng)
    keys = rng.integers(12, size=(len(real), 2)).tolist()
    shown = [Shown(as_shown(tune, keys[number][0]), False, number, id) for number, (id, tune) in enumerate(real)]
    for number, (_, tune) in enumerate(real):
        (drawn,) = drawn_as_long(engine, tune, seed + number)
        shown.append(Shown(as_shown(drawn, keys[number][1]), True, number, f"seed {seed + number}"))
    key = {}
    (folder / "tunes").mkdir()
    for place, chosen in enumerate(rng.permutation(len(shown)).tolist(), start=1):
        name, (tune, is_drawn, pair, id) = f"{place:03}", shown[chosen]
        tune = replace(tune, title=f"Tune {place}")
        write_text(folder / "tunes" / f"{name}.txt", notation(tune) + "\n")
        picture.save(picture.piano_roll(tune), folder / "tunes" / f"{name}.png")
        WRITERS[".mid"](tune, folder / "tunes" / f"{name}.mid")
        key[name] = {"is_drawn": is_drawn, "pair": pair, "id": id, "rows": tune.rows.tolist()}
    told = {"checkpoint": checkpoint, "corpus": store.fingerprint, "seed": seed, "tunes": key}
    write_text(folder / KEY, json.dumps(told))
    write_csv(folder / READING, ["tune", GUESS, *FAULTS, "remark"], ({"tune": name} for name in key))
    print(
        f"{len(key)} tunes in {folder}/tunes; write 1 for yes, 0 for no into {folder / READING}, and leave {KEY} closed"
    )


def corpus_of(checkpoint: str, fingerprint: str, cache: str) -> Store:
    """The prepared corpus that a model learned from. Ends the program where it is not there."""
    store = store_of(fingerprint, cache)
    if store is None:
        raise SystemExit(f"the corpus that {checkpoint} learned from is not in {cache}: phin-prepare")
    return store


def model_that_is_named(description: str | None) -> tuple[PhinTransformer, Identity, Store]:
    """The checkpoint of the command line, and its corpus; one thread from now on."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("cache", nargs="?", default="cache")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    model, identity = load(find(asked.checkpoint))
    return model, identity, corpus_of(asked.checkpoint, identity.corpus_fingerprint, asked.cache)


def real_tunes(store: Store, count: int, rng: np.random.Generator) -> list[tuple[str, Phrase]]:
    """Melodies of the test split in 2/4 of one line to four, one of a family, with their ids."""
    found, families = list[tuple[str, Phrase]](), set[int]()
    for number in rng.permutation(store.split("test")).tolist():
        tune, family = store.phrase(number).melody, int(store.families[number])
        if tune.metre != DUPLE or tune.source in MADE or family in families:
            continue
        if SHORTEST <= hong_of(tune, begin_of(tune)) <= LONGEST:
            families.add(family)
            found.append((store.id(number), tune))
        if len(found) == count:
            return found
    raise SystemExit(f"there are {len(found)} such tunes, and {count} are asked for")


def drawn_as_long(engine: Engine, tune: Phrase, seed: int) -> list[Phrase]:
    """A tune of the model's, as many hong long as a real one, as phin-generate draws it."""
    request = TuneRequest(hong=hong_of(tune, begin_of(tune)), metre=str(tune.metre))
    return [each.melody for each in as_generated(engine, request, 1, seed)]


def as_generated(
    engine: Engine, request: TuneRequest, count: int, seed: int, choice: Choice | None = None
) -> list[Phrase]:
    """Tunes as phin-generate draws them: by its sampler, those that fall silent drawn anew."""
    recipe = Recipe(request, SamplerConfig(**samplers()["nucleus"]), seed)
    return [each.played.phrase for each in recipe.choose(engine, count, choice or Choice())]


def as_shown(tune: Phrase, key: int) -> Phrase:
    """The notes alone, in one tempo and by one velocity, `key` semitones higher, and then moved by octaves so that the
    middle one lies near A4: books prefer some keys, and the model has none.
    """
    pitch = tune.rows[:, 2] + key
    octaves = 12 * round((69 - float(np.median(pitch))) / 12)
    rows = rows_from_columns(tune.onset, tune.duration, pitch + octaves, VELOCITY)
    return Phrase(rows, metre=tune.metre, tempo=ASSUMED_TEMPO)


def notation(tune: Phrase) -> str:
    """A bar a column, four a line: each note by its name and its length in slots, four a quarter; `-` is a rest."""
    assert tune.metre is not None
    bar = tune.metre.bar
    first = int(np.floor_divide(tune.onset.min(), bar))
    end = int((tune.onset + tune.duration).max())
    bars: list[list[str]] = [[] for _ in range(first, -(-end // bar))]
    before = first * bar
    for onset, duration, pitch in zip(
        tune.onset.tolist(), tune.duration.tolist(), tune.rows[:, 2].tolist(), strict=True
    ):
        if onset > before:
            bars[before // bar - first].append(f"-{_slots(onset - before)}")
        bars[onset // bar - first].append(f"{pitch_name(pitch)}:{_slots(duration)}")
        before = max(before, onset + duration)
    lines = [" | ".join(" ".join(each) or "=" for each in bars[at : at + 4]) for at in range(0, len(bars), 4)]
    return "\n".join([f"{tune.title}  {tune.metre}", *lines])


def _slots(steps: int) -> str:
    return str(Fraction(steps, STEPS_PER_SLOT))


def tell(folder: Path) -> Table:
    """Writes results.csv: how often each fault was found among the model's tunes and among real ones, with 95 %
    intervals of the difference, and how often the reader knew which was which.
    """
    tunes: dict[str, Any] = json.loads((folder / KEY).read_text(encoding="utf-8"))["tunes"]
    with (folder / READING).open(newline="", encoding="utf-8") as file:
        read = {row["tune"]: row for row in csv.DictReader(file)}
    asked = [GUESS, *FAULTS]
    if empty := [name for name in tunes if name not in read or any(read[name][key] not in ("0", "1") for key in asked)]:
        raise SystemExit(
            f"{folder / READING}: tune {empty[0]} and {len(empty) - 1} more hold no 0 or 1 in every column"
        )
    rows: list[dict[str, Any]] = []
    of_each = len(tunes) // 2
    for key in [*asked, ANY]:
        counts = {True: 0, False: 0}
        for name, of in tunes.items():
            yes = any(read[name][fault] == "1" for fault in FAULTS) if key == ANY else read[name][key] == "1"
            counts[of["is_drawn"]] += yes
        low, high = difference_interval(counts[True], of_each, counts[False], of_each)
        apart = (counts[True] - counts[False]) / of_each
        row = (key, counts[True], counts[False], of_each, round(apart, 4), round(low, 4), round(high, 4))
        rows.append(dict(zip(COLUMNS, row, strict=True)))
    write_csv(folder / RESULTS, COLUMNS, rows)
    right = (rows[0]["real"] + of_each - rows[0]["drawn"]) / (2 * of_each)
    said = [list(map(str, _said(row))) for row in rows]
    notes = [f"Of {len(tunes)} tunes the reader told {right:.0%} rightly; half would be by chance."]
    return Table("Read blind", ("what", "drawn", "real", "difference", "95 %"), said, notes)


def _said(row: dict[str, Any]) -> tuple[object, ...]:
    interval = f"{row['low']:+.0%} to {row['high']:+.0%}"
    return row["what"], row["drawn"], row["real"], f"{row['difference']:+.0%}", interval


def difference_interval(one: int, of_one: int, other: int, of_other: int) -> tuple[float, float]:
    """A 95 % interval of the difference of two shares: Newcombe's hybrid of Wilson's intervals (1998, method 10)."""
    share, (low, high) = one / of_one, wilson(one, of_one)
    share_other, (low_other, high_other) = other / of_other, wilson(other, of_other)
    apart = share - share_other
    return (
        apart - float(np.hypot(share - low, high_other - share_other)),
        apart + float(np.hypot(high - share, share_other - low_other)),
    )


def wilson(count: int, of: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    share = count / of
    middle, width = share + z**2 / (2 * of), z * np.sqrt(share * (1 - share) / of + z**2 / (4 * of**2))
    return float((middle - width) / (1 + z**2 / of)), float((middle + width) / (1 + z**2 / of))


def sheet(folder: Path, out: Path) -> None:
    """Writes a page of pairs for players, a table for their answers, and a key that stays with the teacher."""
    told = json.loads((folder / KEY).read_text(encoding="utf-8"))
    rng = np.random.default_rng(told["seed"])
    by_pair: dict[int, dict[bool, Any]] = {}
    for tune in told["tunes"].values():
        by_pair.setdefault(tune["pair"], {})[tune["is_drawn"]] = tune
    (out / "sounds").mkdir(parents=True)
    parts, key = [ASKED], list[dict[str, Any]]()
    for number, pair in enumerate(sorted(by_pair)[:PAIRS], start=1):
        drawn_first = bool(rng.integers(2))
        parts.append(f"<section><h2>{number}</h2>")
        for letter, is_drawn in zip("AB", (drawn_first, not drawn_first), strict=True):
            rows = np.array(by_pair[pair][is_drawn]["rows"])
            tune = Phrase(_beginning(rows), metre=DUPLE, tempo=ASSUMED_TEMPO, title=f"{number}{letter}")
            sound, roll = f"sounds/{number:02}{letter}.wav", f"sounds/{number:02}{letter}.png"
            WRITERS[".wav"](tune, out / sound)
            picture.save(picture.piano_roll(tune), out / roll)
            heard = f'<audio controls preload="none" src="{sound}" aria-label="{number} {letter}"></audio>'
            seen = f'<img src="{roll}" alt="{escape(notation(tune))}" loading="lazy">'
            parts.append(f"<p><b>{letter}</b> {heard}</p><details><summary>โน้ต · notes</summary>{seen}</details>")
        parts.append("</section>")
        ids = {"real_tune": by_pair[pair][False]["id"], "drawn_tune": by_pair[pair][True]["id"]}
        key.append({"pair": number, "drawn": "A" if drawn_first else "B", **ids})
    write_text(out / "index.html", document("phin: which is which?", TITLE, parts, STYLE))
    write_csv(out / "answers.csv", ANSWERS, ({"pair": row["pair"]} for row in key))
    write_csv(out / "key.csv", list(key[0]), key)
    print(f"{out}/index.html: {len(key)} pairs; players fill in {out}/answers.csv, and key.csv stays with the teacher")


def answered(out: Path, answers: Sequence[Path]) -> Table:
    """How many pairs each player told rightly and wrongly, and how much they like the drawn tunes and the real ones."""
    with (out / "key.csv").open(newline="", encoding="utf-8") as file:
        drawn = {row["pair"]: row["drawn"] for row in csv.DictReader(file)}
    rows = [_counted(path, drawn) for path in answers]
    head = ("player", "right", "wrong", "drawn: liked", "real: liked")
    return Table("What players answered", head, rows, [f"Of {len(drawn)} pairs each; half would be right by chance."])


def _counted(path: Path, drawn: dict[str, str]) -> list[str]:
    """What one player answered; `drawn` says of each pair which of its two tunes the model drew."""
    told, liked = Counter[bool](), dict[bool, list[int]]({True: [], False: []})
    with path.open(newline="", encoding="utf-8-sig") as file:
        for row in csv.DictReader(file):
            pair, said = row["pair"], row["made_by_people"].strip().upper()
            if said in ("A", "B"):
                told[said != drawn[pair]] += 1
            elif said not in ("", "?"):
                raise SystemExit(f"{path}: pair {pair} says {said}. Write A, B or ?")
            for letter in "AB":
                column = f"{letter.lower()}_like_1_to_5"
                if (mark := row[column].strip()) in tuple("12345"):
                    liked[letter == drawn[pair]].append(int(mark))
                elif mark:
                    raise SystemExit(f"{path}: pair {pair} says {mark} in {column}. Write 1 to 5")
    means = (f"{np.mean(liked[is_drawn]):.1f}" if liked[is_drawn] else "" for is_drawn in (True, False))
    return [path.name, str(told[True]), str(told[False]), *means]


def _beginning(rows: np.ndarray) -> np.ndarray:
    """What of a tune is heard: whole bars, as many as go into SECONDS_HEARD."""
    bars = int(SECONDS_HEARD / (DUPLE.bar / 24 * ASSUMED_TEMPO / 1e6))
    return rows[rows[:, 0] < bars * DUPLE.bar]


ANSWERS = ("pair", "made_by_people", "a_like_1_to_5", "b_like_1_to_5", "remark")
TITLE = "ทำนองไหนคนแต่ง · Which tune did people make?"
STYLE = "audio { vertical-align: middle; width: min(30rem, 80%); } img { max-width: 100%; background: #fff; }"
ASKED = """<p>แต่ละข้อมีสองทำนอง ทำนองหนึ่งเป็นเพลงพื้นบ้านจริง อีกทำนองหนึ่งคอมพิวเตอร์แต่ง ฟังได้กี่ครั้งก็ได้
แล้วเขียนใน answers.csv ว่าทำนองไหนที่คนแต่ง (A หรือ B ถ้าไม่แน่ใจใส่ ?) และชอบแต่ละทำนองเท่าไร (1 ถึง 5)
เพลงพื้นบ้านเหล่านี้มาจากยุโรปและจีน ไม่ใช่เพลงอีสาน</p>
<p>Each number has two tunes: one is a real folk tune, the other was drawn by a computer. Hear them as often as you
like, then write into answers.csv which one people made (A or B; ? if you cannot tell), and how much you like each
(1 to 5). The folk tunes are from Europe and China; none is from Isan. Both sound through the same synthetic string, in
the same tempo.</p>"""


if __name__ == "__main__":
    main()
