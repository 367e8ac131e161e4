"""Files in, a store out: every tune is read, checked, moved into range, labelled and given its family and split.

First each file is read, in processes with limits, and what came of it is kept in the journal: who is interrupted reads
only the rest the next time. Then the journal is gone through twice in the files' order, once to find families and once
to write the store and its reports. Nothing of this keeps notes in memory: of a tune its id stays, and a few numbers.
"""

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Int, UInt64
from tqdm import tqdm

from phin.corpus.families import Kinship, largest, split_families
from phin.corpus.files import Unit, find_units, other_files, source_names
from phin.corpus.journal import NOT_TO_BE_FOUND, Journal, encode, mark_of
from phin.corpus.page import PAGE, ReportPage
from phin.corpus.reading import Reading, broken, read_unit
from phin.corpus.report import Outcome, ReportFile, Tally
from phin.corpus.settings import CorpusConfig
from phin.corpus.store import FORMAT, Store, StoreWriter, Tune, is_store, open_store, remove_halves
from phin.corpus.workers import Failure, Limits, limited
from phin.errors import Defect, InvalidConfig, InvalidTune, MissingCorpus
from phin.music.augment import transpose
from phin.music.lai import label_lai
from phin.tokenizer import Tokenizer, octave_shift

FEW_FILES = 8
"""Starting another process takes longer than reading this many files."""

_REMEDIES = {
    Defect.TOO_SLOW: "leave it out, or raise data.file_seconds",
    Defect.TOO_HUNGRY: "leave it out, or raise data.file_megabytes",
    Defect.BROKE_READER: "leave it out, and tell us of it",
}


def prepare(config: CorpusConfig, progress: bool = True) -> Store:
    """The corpus as a store: the one in the cache if it was made of the same files, else made now.

    Of several runs that prepare one corpus at once, one works and the others wait for it.
    """
    units, licence = find_units(config, progress)
    marks, key = _marks(config, units)
    folder = Path(config.cache) / f"{config.name}-{key}"
    if is_store(folder):
        return open_store(folder)
    with Journal(_journal_path(config)) as journal:
        if is_store(folder):  # made while we waited
            return open_store(folder)
        remove_halves(folder)
        began = time.perf_counter()
        places = _read_all(units, marks, config, journal, progress)
        store = _make_store(folder, units, places, config, licence, journal, began)
        journal.keep_only(places)
    return store


def held_out_lists(name: str) -> dict[str, list[str]]:
    """The committed ids of the validation and test tunes of a benchmark. Raises InvalidConfig for an unknown name."""
    file = resources.files("phin.corpus") / "splits" / f"{name}.json"
    if not file.is_file():
        raise InvalidConfig(f"data.splits={name}", "there is no such list", "leave it out, or take data.splits=folk")
    return json.loads(file.read_text(encoding="utf-8"))


def read_and_label(unit: Unit, min_notes: int) -> list[Reading]:
    """A file's tunes, moved by octaves into the phin's range; what the vocabulary cannot hold is refused by name."""
    return [_in_range(reading) for reading in read_unit(unit, min_notes)]


def _in_range(reading: Reading) -> Reading:
    if reading.phrase is None:
        return reading
    try:
        shift = octave_shift(reading.phrase)
        phrase = replace(transpose(reading.phrase, shift), deviation=None)
        for read in (phrase, phrase.melody):  # the melody is what held-out tunes are scored on
            Tokenizer().encode(read)
    except InvalidTune as error:
        named = InvalidTune(reading.id, error.defect, error.reason, error.remedy)
        return Reading(reading.id, defect=error.defect, reason=str(named))
    moved = (f"moved by {shift // 12:+d} octaves",) if shift else ()
    return replace(reading, phrase=phrase, repairs=reading.repairs + moved, found=label_lai(phrase))


def _record(unit: Unit, min_notes: int) -> bytes:
    """What the journal keeps of a file; a process does this."""
    return encode(read_and_label(unit, min_notes))


def _read_all(
    units: Sequence[Unit], marks: UInt64[np.ndarray, " file"], config: CorpusConfig, journal: Journal, progress: bool
) -> Int[np.ndarray, " file"]:
    """Where in the journal each file's record lies, after those that are not yet in it were read."""
    places = journal.places(marks)
    missing = np.flatnonzero(places < 0).tolist()
    workers = min(config.workers or os.cpu_count() or 1, 1 + len(missing) // FEW_FILES)
    limits = Limits(config.file_seconds, config.file_megabytes)
    read = partial(_record, min_notes=config.min_notes)
    work = closing(limited(read, (units[file] for file in missing), workers, limits))
    known = len(units) - len(missing)
    with (
        tqdm(total=len(units), initial=known, desc="preparing", unit="file", disable=not progress) as bar,
        work as done,
    ):
        for number, record in done:
            file = missing[number]
            mark = int(marks[file])
            if isinstance(record, Failure):
                refusal = broken(units[file], record.defect, record.what, _REMEDIES[record.defect])
                mark, record = NOT_TO_BE_FOUND, encode([refusal])
            places[file] = journal.append(mark, record)
            bar.update()
    return places


def _make_store(
    folder: Path,
    units: Sequence[Unit],
    places: Int[np.ndarray, " file"],
    config: CorpusConfig,
    licence: str,
    journal: Journal,
    began: float,
) -> Store:
    """The store and its reports, of what is in the journal."""

    def readings() -> Iterator[Reading]:
        for place in places.tolist():
            yield from journal.read(place)

    made = {name for source in config.chosen if source.is_made for name in source.names}
    with Kinship(folder.parent) as kinship:
        ids: list[str] = []
        is_made: list[bool] = []
        for reading in readings():
            if reading.phrase is not None:
                ids.append(reading.id)
                is_made.append(reading.phrase.source in made)
                if not is_made[-1]:
                    kinship.add(reading.phrase)
        family = _with_made(kinship.families(), is_made)
    if not ids:
        raise _nothing_taken(folder, readings(), config, licence)
    outcomes, labels = _Outcomes(), Counter[str]()
    placed = iter(zip(family.tolist(), _splits(ids, is_made, family, config), strict=True))
    with StoreWriter(folder, source_names(config, units), licence) as writer, ReportFile(writer.half) as file:
        kept = []
        for reading in readings():
            if reading.phrase is None:
                outcomes.add(Outcome.of(reading), file)
                continue
            number, split = next(placed)
            outcomes.add(Outcome.of(reading, number, split), file)
            if split is not None:
                kept.append(number)
                writer.add(Tune(reading.id, reading.phrase, reading.found, number, split))
                labels["notes"] += len(reading.phrase)
                labels["with_pentatonic_set"] += reading.found.root is not None
                labels["with_lai"] += reading.found.family is not None
                labels[f"source {reading.phrase.source}"] += 1
        report = {
            "corpus": config.name,
            **outcomes.tally.as_dict(),
            **{name: labels[name] for name in ("notes", "with_pentatonic_set", "with_lai")},
            "sources": {s: labels[f"source {s}"] for s in writer.sources if labels[f"source {s}"]},
            "families": len(set(kept)),
            "other_files": other_files(config, units),
            "largest_families": largest(np.array(kept, dtype=np.int64), writer.titles()),
            "seconds": round(time.perf_counter() - began, 1),
        }
        file.finish(report)
        outcomes.page.write(writer.half, report, licence)
        return writer.finish(report)


def _with_made(found: Int[np.ndarray, " real"], is_made: Sequence[bool]) -> Int[np.ndarray, " tune"]:
    """The family of every tune: of a real one the number of its first tune, of one that phin made a family of its own.

    Pieces made by rule have turns of phrase in common with each other and, by chance, with short tunes: taken for kin,
    they would join all of them to one family.
    """
    made = np.array(is_made, dtype=bool)
    family = np.arange(len(made))
    family[~made] = np.flatnonzero(~made)[found]
    return family


class _Outcomes:
    """Everything that wants to know what became of each tune."""

    def __init__(self) -> None:
        self.tally, self.page = Tally(), ReportPage()

    def add(self, outcome: Outcome, file: ReportFile) -> None:
        file.add(outcome)
        self.tally.add(outcome)
        self.page.add(outcome)


def _nothing_taken(folder: Path, readings: Iterator[Reading], config: CorpusConfig, licence: str) -> MissingCorpus:
    """The error for a corpus of which nothing is left; its reports lie where the store would."""
    folder.mkdir(parents=True, exist_ok=True)
    outcomes = _Outcomes()
    with ReportFile(folder) as file:
        for reading in readings:
            outcomes.add(Outcome.of(reading), file)
        report = {"corpus": config.name, **outcomes.tally.as_dict()}
        file.finish(report)
        outcomes.page.write(folder, report, licence)
    counted = ", ".join(f"{count} {defect}" for defect, count in report["refused"].items())
    one_of_each = {refusal["defect"]: refusal["reason"] for refusal in reversed(report["refusals"])}
    reasons = "; ".join(list(one_of_each.values())[:3])
    return MissingCorpus(
        config.path or config.name,
        f"none of its {report['found']} tunes could be taken in ({counted})",
        f"look at the reasons: {reasons} (all of them: {folder / PAGE})",
    )


def _splits(
    ids: list[str], is_made: list[bool], family: Int[np.ndarray, " tune"], config: CorpusConfig
) -> Sequence[str | None]:
    """The split of each tune; None for a training tune whose family is held out by a list.

    What phin makes itself is trained on and never measured, unless there is nothing else.
    """
    if config.splits:
        listed = {id: split for split, held in held_out_lists(config.splits).items() for id in held}
        if listed.keys().isdisjoint(ids):
            reason = f"names none of the {len(ids)} tunes of {config.name}, so none would be held out"
            raise InvalidConfig(f"data.splits={config.splits}", reason, "leave it out: data.splits=null")
        splits = [listed.get(id, "train") for id in ids]
    else:
        splits = split_families([ids[first] for first in family.tolist()], config.held_out)
    only_made = all(is_made)
    splits = ["train" if made and not only_made else split for made, split in zip(is_made, splits, strict=True)]
    held = {number for number, split in zip(family.tolist(), splits, strict=True) if split != "train"}
    return [
        None if split == "train" and number in held else split
        for number, split in zip(family.tolist(), splits, strict=True)
    ]


def _marks(config: CorpusConfig, units: Sequence[Unit]) -> tuple[UInt64[np.ndarray, " file"], str]:
    """What the reading of each file depends on, and what the store depends on, as hashes.

    A file's: its source, id, size, time and how this program reads (FORMAT). The store's: all of them, where they lie,
    what is held out, and the limits of reading.
    """
    held_out = held_out_lists(config.splits) if config.splits else config.held_out
    limits = [config.file_seconds, config.file_megabytes]
    digest = hashlib.sha256(json.dumps([FORMAT, held_out, config.min_notes, limits]).encode())
    marks = np.zeros(len(units), dtype=np.uint64)
    for number, unit in enumerate(units):
        about = (unit.source, unit.id, *(unit.pieces or _size_and_time(unit)))
        digest.update(f"{about} {unit.path}\n".encode())
        marks[number] = mark_of(FORMAT, config.min_notes, *about)
    return marks, digest.hexdigest()[:12]


def _size_and_time(unit: Unit) -> tuple[int, int]:
    assert unit.path is not None, "what is made has pieces"
    about = unit.path.stat() if unit.path.exists() else unit.path.lstat()  # a link may lead nowhere
    return about.st_size, about.st_mtime_ns


def _journal_path(config: CorpusConfig) -> Path:
    """One journal for the folders that are read, so that adding a file to one costs the reading of that file."""
    places = {place: str(Path(path).resolve()) for place in config.places if (path := config.path_of(place))}
    digest = hashlib.sha256(json.dumps([config.sources, places]).encode()).hexdigest()[:8]
    return Path(config.cache) / f"{config.name}-{digest}.journal"
