"""Files in, a store out: every tune is read, checked, moved into range, labelled and given its family and split.

First the files are listed, then each is read, in processes with limits, and what came of it is kept in the journal:
who is interrupted reads only the rest the next time. Then the journal is gone through twice in the files' order, once
to find families and once to write the store and its reports. What grows with the corpus lies on the disk, names as well
as notes. In memory there are numbers of fixed size, some fifty bytes a tune: where its record lies in the journal (24:
by mark, and in the files' order), how many n-grams it has and of which family it is (12, and 8 while n-grams are
compared), and of which split (10).
"""

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int, Int8
from tqdm import tqdm

from phin.corpus.catalogue import Catalogue
from phin.corpus.families import Kinship, largest
from phin.corpus.files import Unit, each_unit, licence_of, other_files, source_names
from phin.corpus.journal import NOT_TO_BE_FOUND, Journal, encode, mark_of
from phin.corpus.reading import Reading, broke_reader, broken, read_unit, refused
from phin.corpus.report import Outcome, ReportFile, Tally
from phin.corpus.report_page import PAGE, ReportPage
from phin.corpus.settings import CorpusConfig
from phin.corpus.splitting import LEFT_OUT, Splitting
from phin.corpus.store import FORMAT, SPLITS, Store, StoreWriter, Tune, is_store, open_store, remove_halves
from phin.errors import Defect, InvalidConfig, InvalidTune, MissingCorpus, printable
from phin.music.augment import transpose
from phin.music.lai import label_lai
from phin.tokenizer import Tokenizer, octave_shift
from phin.workers import Failure, Limits, limited

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
    with Catalogue(Path(config.cache)) as files:
        key = _list_files(config, files, progress)
        folder = Path(config.cache) / f"{config.name}-{key}"
        if is_store(folder):
            return open_store(folder)
        with Journal(_journal_path(config)) as journal:
            if is_store(folder):  # made while we waited
                return open_store(folder)
            remove_halves(folder)
            began = time.perf_counter()
            places = _read_all(files, config, journal, progress)
            store = _make_store(folder, files, places, config, journal, began)
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
        return refused(reading.id, InvalidTune(reading.id, error.defect, error.reason, error.remedy))
    except Exception as error:
        return broke_reader(reading.id, reading.id, error)
    moved = (f"moved by {shift // 12:+d} octaves",) if shift else ()
    return replace(reading, phrase=phrase, repairs=reading.repairs + moved, found=label_lai(phrase))


def _record(unit: Unit, min_notes: int) -> bytes:
    """What the journal keeps of a file; a process does this."""
    return encode(read_and_label(unit, min_notes))


def _read_all(files: Catalogue, config: CorpusConfig, journal: Journal, progress: bool) -> Int[np.ndarray, " file"]:
    """Where in the journal each file's record lies, after those that are not yet in it were read."""
    places = journal.places(np.fromiter((mark for _, mark in files), np.uint64, len(files)))
    num_missing = int(np.count_nonzero(places < 0))
    at_work: dict[int, tuple[int, int, Unit]] = {}  # by number in what is handed out: which file, its mark

    def missing() -> Iterator[Unit]:
        number = 0
        for file, (unit, mark) in enumerate(files):
            if places[file] < 0:
                at_work[number] = file, mark, unit
                number += 1
                yield unit

    workers = min(config.workers or os.cpu_count() or 1, 1 + num_missing // FEW_FILES)
    limits = Limits(config.file_seconds, config.file_megabytes)
    read = partial(_record, min_notes=config.min_notes)
    work = closing(limited(read, missing(), workers, limits))
    known = len(files) - num_missing
    with (
        tqdm(total=len(files), initial=known, desc="preparing", unit="file", disable=not progress) as bar,
        work as done,
    ):
        for number, record in done:
            file, mark, unit = at_work.pop(number)
            if isinstance(record, Failure):
                refusal = broken(unit, record.defect, record.what, _REMEDIES[record.defect])
                mark, record = NOT_TO_BE_FOUND, encode([refusal])
            places[file] = journal.append(mark, record)
            bar.update()
    return places


def _make_store(
    folder: Path,
    files: Catalogue,
    places: Int[np.ndarray, " file"],
    config: CorpusConfig,
    journal: Journal,
    began: float,
) -> Store:
    """The store and its reports, of what is in the journal."""

    def readings() -> Iterator[Reading]:
        for place in places:
            yield from journal.read(int(place))

    licence = licence_of(config)
    family, split = _families_and_splits(readings(), config, folder.parent)
    if not len(family):
        raise _nothing_taken(folder, readings(), config, licence)
    outcomes, labels = _Outcomes(), Counter[str]()
    placed = zip(map(int, family), map(int, split), strict=True)
    sources = source_names(config, files.units())
    with StoreWriter(folder, sources, licence) as writer, ReportFile(writer.half) as file:
        for reading in readings():
            if reading.phrase is None:
                outcomes.add(Outcome.of(reading), file)
                continue
            number, code = next(placed)
            name = None if code == LEFT_OUT else SPLITS[code]
            outcomes.add(Outcome.of(reading, number, name), file)
            if name is not None:
                writer.add(Tune(reading.id, reading.phrase, reading.found, number, name))
                labels["notes"] += len(reading.phrase)
                labels["with_pentatonic_set"] += reading.found.root is not None
                labels["with_lai"] += reading.found.family is not None
                labels[f"source {reading.phrase.source}"] += 1
        kept = family[split != LEFT_OUT]
        report = {
            "corpus": config.name,
            **outcomes.tally.as_dict(),
            **{name: labels[name] for name in ("notes", "with_pentatonic_set", "with_lai")},
            "sources": {s: labels[f"source {s}"] for s in writer.sources if labels[f"source {s}"]},
            "families": int(np.count_nonzero(np.bincount(kept))),
            "other_files": other_files(config, files.units()),
            "largest_families": largest(kept, writer.titles),
            "seconds": round(time.perf_counter() - began, 1),
        }
        file.finish(report)
        outcomes.page.write(writer.half, report, licence)
        return writer.finish(report)


def _families_and_splits(
    readings: Iterator[Reading], config: CorpusConfig, desk: Path
) -> tuple[Int[np.ndarray, " tune"], Int8[np.ndarray, " tune"]]:
    """The family of each tune that was read, numbered by its first tune, and its split (`phin.corpus.splitting`)."""
    made = {name for source in config.chosen if source.is_made for name in source.names}
    lists = held_out_lists(config.splits) if config.splits else None
    listed = None if lists is None else {id: split for split, held in lists.items() for id in held}
    splitting = Splitting(listed, config.held_out)
    with Kinship(desk) as kinship:
        for reading in readings:
            if reading.phrase is not None:
                is_made = reading.phrase.source in made
                splitting.add(reading.id, is_made)
                if not is_made:
                    kinship.add(reading.phrase)
        family = _with_made(kinship.families(), splitting.is_made)
    if len(family) and splitting.names_none:
        reason = f"names none of the {len(family)} tunes of {config.name}, so none would be held out"
        raise InvalidConfig(f"data.splits={config.splits}", reason, "leave it out: data.splits=null")
    return family, splitting.splits(family)


def _with_made(found: Int[np.ndarray, " real"], is_made: Bool[np.ndarray, " tune"]) -> Int[np.ndarray, " tune"]:
    """The family of every tune: of a real one the number of its first tune, of one that phin made a family of its own.

    Pieces made by rule have turns of phrase in common with each other and, by chance, with short tunes: taken for kin,
    they would join all of them to one family.
    """
    if not is_made.any():
        return found
    family = np.arange(len(is_made), dtype=np.int32)
    real = np.flatnonzero(~is_made)
    family[real] = real[found]
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


def _list_files(config: CorpusConfig, files: Catalogue, progress: bool) -> str:
    """Lists the files, each with a hash of what its reading depends on; a hash of what the store depends on.

    A file's: its source, id, size, time and how this program reads (FORMAT). The store's: all of them, where they lie,
    what is held out, and the limits of reading.
    """
    held_out = held_out_lists(config.splits) if config.splits else config.held_out
    limits = [config.file_seconds, config.file_megabytes]
    digest = hashlib.sha256(json.dumps([FORMAT, held_out, config.min_notes, limits]).encode())
    for unit in each_unit(config, progress):
        about = (unit.source, unit.id, *(unit.pieces or _size_and_time(unit)))
        digest.update(f"{about} {printable(str(unit.path))}\n".encode())
        files.add(unit, mark_of(FORMAT, config.min_notes, *about))
    return digest.hexdigest()[:12]


def _size_and_time(unit: Unit) -> tuple[int, int]:
    assert unit.path is not None, "what is made has pieces"
    about = unit.path.stat() if unit.path.exists() else unit.path.lstat()  # a link may lead nowhere
    return about.st_size, about.st_mtime_ns


def _journal_path(config: CorpusConfig) -> Path:
    """One journal for the folders that are read, so that adding a file to one costs the reading of that file."""
    places = {place: str(Path(path).resolve()) for place in config.places if (path := config.path_of(place))}
    digest = hashlib.sha256(json.dumps([config.sources, places]).encode()).hexdigest()[:8]
    return Path(config.cache) / f"{config.name}-{digest}.journal"
