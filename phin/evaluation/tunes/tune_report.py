"""A judgement of tunes as tables, as JSON, and as a page that holds its pictures and sounds."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from phin.corpus.store import Store
from phin.counted import counted
from phin.errors import PhinError
from phin.evaluation.bits_table import BitsRow
from phin.evaluation.html import image, report_page, section, sound
from phin.evaluation.intervals import said_interval
from phin.evaluation.paired import Paired
from phin.evaluation.tabular import Table
from phin.evaluation.tunes.baselines import COPIED
from phin.evaluation.tunes.distances import Distance, Interval, distances
from phin.evaluation.tunes.judgement import Judgement
from phin.evaluation.tunes.judgement_pictures import picture_of_distances, picture_of_lags, picture_of_profiles
from phin.evaluation.tunes.verdicts import JUDGED, REAL, Row, Value
from phin.music.notation import format_letters
from phin.music.phrase import Phrase
from phin.music.picture import piano_roll, save
from phin.music.voice import render, write_wav
from phin.whole_file import write_text

PAGE, DATA = "report.html", "report.json"
PICTURES = ("distances", "profiles", "lags")
SAMPLE_RATE = 22_050
"""Of the sounds in the page: half of what a file has, for they are many."""
MOST_COPIES = 10
MANY = 20
"""Files that were refused and are named on the page."""


@dataclass(frozen=True)
class TuneReport:
    """All that is told of a set of tunes; of a model also the bits that it reads, and those of another beside it."""

    title: str
    about: list[str]
    judgement: Judgement
    distances: list[Distance]
    bits: list[BitsRow]
    paired: list[Paired]
    shown: int

    @classmethod
    def of(
        cls,
        title: str,
        about: list[str],
        judgement: Judgement,
        bits: Sequence[BitsRow] = (),
        paired: Sequence[Paired] = (),
        shown: int = 4,
    ) -> "TuneReport":
        """Compares the histograms too."""
        sets = judgement.sets
        return cls(title, about, judgement, distances(sets[JUDGED], sets[REAL]), list(bits), list(paired), shown)


def in_words(report: TuneReport) -> Table:
    """What the numbers come to: whether the tunes are nearer to real ones or to those that are spoiled."""
    judged, real = (report.judgement.sets[name] for name in (JUDGED, REAL))
    families = len(np.unique(judged.family))
    kin = "" if families == len(judged) else f" of {counted(families, 'family', 'families')}"
    alike = report.judgement.alike
    beside = f"{counted(len(judged), 'tune')}{kin}, beside {len(real)} {real.name} {alike}, cut to like length"
    verdicts = report.judgement.verdicts
    caught = [f"Caught: {verdict}" for verdict in verdicts if verdict.caught]
    others = [str(verdict) for verdict in verdicts if not verdict.caught]
    none = "Nothing caught: nearer to real tunes than to spoiled ones in all."
    return Table("In words", (), [], [beside, *(caught or [none]), *others, *_far_histograms(report.distances)])


def _far_histograms(found: Sequence[Distance]) -> list[str]:
    """A line a histogram that real tunes do not have."""
    far = [f"Unlike real tunes: {each}" for each in found if each.is_far]
    return far or [f"All {len(found)} histograms are as like real tunes' as those of other real ones."]


def measures_table(judgement: Judgement) -> Table:
    """A row a measure: its value in every set, and whether it can be trusted."""
    names = [name for name in judgement.sets if name not in (JUDGED, REAL)]
    head = (
        "measure",
        "of what",
        "not to be trusted alone",
        "nearer to real",
        JUDGED,
        "95 %",
        "n",
        REAL,
        "95 %",
        *names,
    )
    rows = []
    for row in judgement.rows:
        doubts = [f"takes {name} for real" for name in row.untrusted]
        words = [row.name, row.about, "; ".join(doubts), "; ".join(row.better)]
        rows.append([*words, *_values(row), *(_in_one_cell(row.values.get(name)) for name in names)])
    notes = [
        "Shares and agreements; bits where it says so. Intervals (95 %) by family; n counts tunes that have a value.",
        "Not to be trusted alone: what takes tunes for real that were spoiled in what it speaks of.",
        "Nearer to real: spoiled sets that it finds more like real tunes than these.",
    ]
    return Table(f"Measures, beside {len(judgement.sets[REAL])} real tunes", head, rows, notes, words=4)


def brief_measures(judgement: Judgement) -> Table:
    """The same for a terminal: these tunes, real ones and others of those, and how far apart the first two are."""
    rows = []
    for row in judgement.rows:
        learned = f"{row.values[COPIED].mean:.3f}" if COPIED in row.values else "-"
        far = ["-", "-"]
        if JUDGED in row.distance:
            middle, low, high = row.distance[JUDGED]
            far = [f"{middle:+.2f}", f"{low:+.2f} to {high:+.2f}"]
        rows.append([f"{row.name}{' *' if row.untrusted else ''}", *_values(row), learned, *far])
    notes = [
        "apart: in standard deviations of real tunes. training: other real tunes, those that were learned from.",
        "*: takes a spoiled set for real tunes, not to be trusted alone.",
    ]
    head = ("measure", JUDGED, "95 %", "n", REAL, "95 %", "training", "apart", "95 %")
    return Table(f"Measures, beside {len(judgement.sets[REAL])} real tunes (intervals by family)", head, rows, notes)


def _values(row: Row) -> list[str]:
    """Those of the judged and of the real tunes."""

    def said(name: str) -> list[str]:
        value = row.values.get(name)
        return ["-", "-"] if value is None else [f"{value.mean:.3f}", f"{value.low:.3f} to {value.high:.3f}"]

    return [*said(JUDGED), str(row.values[JUDGED].tunes) if JUDGED in row.values else "0", *said(REAL)]


def _in_one_cell(value: Value | None) -> str:
    return "-" if value is None else f"{value.mean:.3f} ({value.low:.3f} to {value.high:.3f}; n {value.tunes})"


def distances_table(found: Sequence[Distance]) -> Table:
    """A row a histogram."""
    head = (
        "histogram",
        "overlap",
        "95 %",
        "real with real",
        "95 %",
        "KL, bits",
        "95 %",
        "real, real",
        "95 %",
    )
    rows = [[each.name, *(part for interval in _intervals(each) for part in _said(interval))] for each in found]
    note = "Real with real: as many real tunes beside the other real ones; what lies within that interval is as real."
    return Table("Histograms beside those of real tunes", head, rows, [note])


def _intervals(each: Distance) -> tuple[Interval, ...]:
    return each.overlap, each.ceiling, each.kl, each.kl_ceiling


def _said(interval: Interval) -> tuple[str, str]:
    return f"{interval[0]:.3f}", f"{interval[1]:.3f} to {interval[2]:.3f}"


def copies_table(judgement: Judgement, store: Store) -> Table:
    """The tunes that copy most, and whom."""
    copying, judged = judgement.copying, judgement.sets[JUDGED]
    order = (-copying.longest).argsort(kind="stable")[:MOST_COPIES].tolist()
    rows = []
    for place in order:
        nearest = int(copying.nearest[place])
        source = store.id(nearest) if nearest >= 0 else "none"
        rows.append([judged.ids[place], source, str(copying.longest[place]), f"{copying.nearest_share[place]:.0%}"])
    real = next(row for row in judgement.rows if row.name == "longest_copy").values[REAL]
    chance = f"{real.mean:.1f} on average ({real.low:.1f} to {real.high:.1f})"
    note = "Notes in a row that one training tune has, free of key and note values (66 at most)"
    head = ("tune", "nearest training tune", "longest copy", "of its stretches of 8")
    return Table("What is copied", head, rows, [f"{note}.", f"Real tunes of other families: {chance}."], words=2)


def bits_table(rows: Sequence[BitsRow]) -> Table:
    """Held-out bits per note beside the Markov model's."""
    written = [
        [
            row.source,
            str(row.tunes),
            *(f"{number:.3f}" for number in (row.step, row.pitch, row.duration, row.bits)),
            said_interval(row.interval, row.families),
            f"{row.markov:.3f}",
        ]
        for row in rows
    ]
    head = ("source", "tunes", "step", "pitch", "duration", "bits/note", "95 %", "Markov")
    return Table("Held-out bits per note of the model (intervals by family)", head, written, [])


def paired_table(rows: Sequence[Paired]) -> Table:
    """Bits of the model less those of another on the same tunes."""
    written = [
        [row.source, str(row.tunes), f"{row.difference:+.3f}", f"{row.interval[0]:+.3f} to {row.interval[1]:+.3f}"]
        for row in rows
    ]
    head = ("source", "tunes", "bits/note less the other's", "95 %")
    return Table("Beside the other model, tune by tune", head, written, [])


def tables(report: TuneReport, store: Store) -> list[Table]:
    """All of them, in the order of the page."""
    found = [in_words(report)]
    if report.bits:
        found.append(bits_table(report.bits))
    if report.paired:
        found.append(paired_table(report.paired))
    judgement = report.judgement
    return [*found, measures_table(judgement), distances_table(report.distances), copies_table(judgement, store)]


def printed(report: TuneReport, store: Store) -> list[Table]:
    """What a terminal is told after the bits: what it comes to last."""
    judgement = report.judgement
    found = [paired_table(report.paired)] if report.paired else []
    found += [brief_measures(judgement), distances_table(report.distances), copies_table(judgement, store)]
    return [*found, in_words(report)]


def write_report(report: TuneReport, store: Store, folder: Path) -> None:
    """report.html, report.json and the pictures as .svg and .png, in a folder."""
    figures = {
        "distances": picture_of_distances(report.judgement),
        "profiles": picture_of_profiles(report.distances),
        "lags": picture_of_lags(report.judgement),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in figures.items():
        for kind in ("svg", "png"):
            save(figure, folder / f"{name}.{kind}")
    write_text(folder / DATA, json.dumps(as_dict(report), indent=1, ensure_ascii=False) + "\n")
    write_text(folder / PAGE, _page(report, store, folder))


def as_dict(report: TuneReport) -> dict[str, Any]:
    """For report.json; what is not known is null."""
    judgement = report.judgement
    return {
        "title": report.title,
        "about": report.about,
        "sets": {
            name: {"what": each.name, "tunes": len(each), "families": len(set(each.family.tolist()))}
            for name, each in judgement.sets.items()
        },
        "refused": judgement.sets[JUDGED].refused,
        "bits": [asdict(row) for row in report.bits],
        "paired": [asdict(row) for row in report.paired],
        "measures": [
            {
                "name": row.name,
                "aspect": row.aspect,
                "about": row.about,
                "values": {name: value._asdict() for name, value in row.values.items()},
                "distance": row.distance,
                "untrusted": row.untrusted,
                "nearer_to_real": row.better,
            }
            for row in judgement.rows
        ],
        "verdicts": [{**verdict._asdict(), "caught": verdict.caught} for verdict in judgement.verdicts],
        "histograms": [
            {
                **asdict(each),
                "shares": each.shares.tolist(),
                "real_shares": each.real_shares.tolist(),
                "is_far": each.is_far,
                "more": each.most_unlike[0],
                "fewer": each.most_unlike[1],
            }
            for each in report.distances
        ],
        "longest_copies": dict(zip(judgement.sets[JUDGED].ids, judgement.copying.longest.tolist(), strict=True)),
    }


def _page(report: TuneReport, store: Store, folder: Path) -> str:
    drawn = {name: image((folder / f"{name}.svg").read_bytes(), "svg", name) for name in PICTURES}
    parts = [f"<p>{escape(line)}</p>" for line in report.about]
    beside = {"Measures": ("distances", "lags"), "Histograms": ("profiles",)}
    for table in tables(report, store):
        pictures = next((names for word, names in beside.items() if table.title.startswith(word)), ())
        parts.append(section(table, *(drawn[name] for name in pictures)))
    judged = report.judgement.sets[JUDGED]
    if report.shown:
        parts.append("<section><h2>Tunes, seen and heard</h2>")
        parts += [_shown(name, tune) for name, tune in zip(judged.ids, judged.tunes, strict=True)][: report.shown]
        parts.append("</section>")
    if judged.refused:
        more = f" (the first {MANY})" if len(judged.refused) > MANY else ""
        said = [*judged.refused[:MANY]]
        parts.append(section(Table(f"{counted(len(judged.refused), 'file')} refused{more}", (), [], said)))
    return report_page(report.title, parts)


def _shown(name: str, tune: Phrase) -> str:
    """A tune's piano roll, letters and sound."""
    with TemporaryDirectory() as desk:
        roll, wav = Path(desk) / "roll.png", Path(desk) / "tune.wav"
        save(piano_roll(tune), roll)
        write_wav(render(tune, sample_rate=SAMPLE_RATE), wav, SAMPLE_RATE)
        seen, heard = image(roll.read_bytes(), "png", f"piano roll of {name}"), sound(wav.read_bytes(), name)
    try:
        letters = f"<details><summary>Thai letters</summary><pre>{escape(format_letters(tune))}</pre></details>"
    except PhinError as error:
        letters = f"<p>No letters: {escape(str(error))}</p>"
    return f"<h3>{escape(name)}</h3>{heard}{seen}{letters}"
