"""Files in, a store out: every tune is read, checked, moved into range, labelled and given its family and split.

Bulk reading runs in several processes and never stops at a bad file: each is named in the report with its reason.
"""

import hashlib
import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from phin.corpus.families import families, largest, split_families
from phin.corpus.sources import CorpusConfig, Reading, Unit, find_units, read_unit, source_names
from phin.corpus.store import FORMAT, SPLITS, Store, Tune, is_store, open_store, write_store
from phin.errors import InvalidConfig, InvalidTune, MissingCorpus
from phin.music.augment import transpose
from phin.music.lai import label_lai
from phin.tokenizer import Tokenizer, octave_shift

FEW_FILES = 8
"""Starting processes takes longer than reading this many files."""


def prepare(config: CorpusConfig, progress: bool = True) -> Store:
    """The corpus as a store: the one in the cache if it was made of the same files, else made now."""
    units, licence = find_units(config)
    folder = Path(config.cache) / f"{config.name}-{_key(config, units)}"
    if is_store(folder):
        return open_store(folder)
    began = time.perf_counter()
    workers = min(config.workers or os.cpu_count() or 1, 1 + len(units) // FEW_FILES)
    readings = list(_read_all(units, config.min_notes, workers, progress))
    taken = [reading for reading in readings if reading.phrase is not None]
    if not taken:
        raise MissingCorpus(
            config.path or config.name,
            f"none of its {len(readings)} tunes could be taken in ({_counted(r.defect for r in readings)})",
            "look at the reasons: " + "; ".join(r.reason for r in readings[:3]),
        )
    tunes, left_out = _split(taken, config)
    report = _report(readings, tunes, left_out, config, time.perf_counter() - began)
    return write_store(folder, tunes, source_names(units), licence, report)


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
        phrase = transpose(reading.phrase, shift)
        for read in (phrase, phrase.melody):  # the melody is what held-out tunes are scored on
            Tokenizer().encode(read)
    except InvalidTune as error:
        named = InvalidTune(reading.id, error.defect, error.reason, error.remedy)
        return Reading(reading.id, defect=error.defect, reason=str(named))
    moved = (f"moved by {shift // 12:+d} octaves",) if shift else ()
    return replace(reading, phrase=replace(phrase, deviation=None), repairs=reading.repairs + moved)


def _read_all(units: list[Unit], min_notes: int, workers: int, progress: bool) -> Iterator[Reading]:
    read = partial(read_and_label, min_notes=min_notes)
    with tqdm(total=len(units), desc="preparing", unit="file", disable=not progress) as bar:
        for readings in _in_order(read, units, workers):
            bar.update()
            yield from readings


def _in_order(read: partial, units: list[Unit], workers: int) -> Iterable[list[Reading]]:
    if workers == 1:
        yield from map(read, units)
        return
    spawn = multiprocessing.get_context("spawn")  # a fork of a process that runs torch's threads can hang
    with ProcessPoolExecutor(workers, mp_context=spawn) as pool:
        yield from pool.map(read, units, chunksize=max(1, min(16, len(units) // (4 * workers))))


def _split(taken: list[Reading], config: CorpusConfig) -> tuple[list[Tune], int]:
    """Tunes with family and split; training tunes whose family is held out are left out, and counted."""
    phrases = [reading.phrase for reading in taken if reading.phrase is not None]
    family = families(phrases)
    ids = [reading.id for reading in taken]
    if config.splits:
        lists = held_out_lists(config.splits)
        listed = {id: split for split, held in lists.items() for id in held}
        splits = [listed.get(id, "train") for id in ids]
        held = {int(family[i]) for i, split in enumerate(splits) if split != "train"}
        kept = [i for i, split in enumerate(splits) if split != "train" or int(family[i]) not in held]
    else:
        splits = split_families([ids[first] for first in family], config.held_out)
        kept = list(range(len(ids)))
    tunes = [Tune(ids[i], phrases[i], label_lai(phrases[i]), int(family[i]), splits[i]) for i in kept]
    return tunes, len(ids) - len(kept)


def _key(config: CorpusConfig, units: list[Unit]) -> str:
    """What a store depends on: files (path, size, time), what is held out, and how this program reads (FORMAT)."""
    held_out = held_out_lists(config.splits) if config.splits else config.held_out
    digest = hashlib.sha256(json.dumps([FORMAT, held_out, config.min_notes]).encode())
    for unit in units:
        about = unit.path.stat() if unit.path.exists() else unit.path.lstat()  # a link may lead nowhere
        digest.update(f"{unit.id} {unit.path} {about.st_size} {about.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:12]


def _counted(names: Iterable) -> str:
    return ", ".join(f"{count} {name}" for name, count in Counter(names).most_common())


def _report(
    readings: list[Reading], tunes: list[Tune], left_out: int, config: CorpusConfig, seconds: float
) -> dict[str, Any]:
    refused = [reading for reading in readings if reading.defect is not None]
    family = np.array([tune.family for tune in tunes], dtype=np.int64)
    return {
        "corpus": config.name,
        "found": len(readings),
        "accepted": len(readings) - len(refused),
        "left_out_as_kin_of_held_out": left_out,
        "notes": sum(len(tune.phrase) for tune in tunes),
        "refused": dict(Counter(str(reading.defect) for reading in refused)),
        "refusals": [{"id": r.id, "defect": str(r.defect), "reason": r.reason} for r in refused],
        "repaired": dict(Counter(repair for reading in readings for repair in reading.repairs)),
        "sources": dict(Counter(tune.phrase.source for tune in tunes)),
        "with_pentatonic_set": sum(tune.found.root is not None for tune in tunes),
        "with_lai": sum(tune.found.family is not None for tune in tunes),
        "families": len(np.unique(family)),
        "largest_families": largest(family, [tune.phrase.title or tune.id for tune in tunes]),
        "splits": {name: sum(tune.split == name for tune in tunes) for name in SPLITS},
        "seconds": round(seconds, 1),
    }
