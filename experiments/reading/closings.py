"""How tunes move that close here or there in their bar: real ones, by collection, and a model's.

    python -m experiments.reading.closings CHECKPOINT [CACHE]

Writes closings.csv: of real tunes in 2/4 (training and test), and of a model's of four lines, which close on a downbeat
as phin's lines do, and of those of a hong more, which close a beat later: how often a stroke follows the one before
within a slot, how many notes a hong has, how far a line keeps the rhythm of the one before (`phin.music.measures`), and
how many tunes come home (`experiments.reading.endings`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from experiments.reading.endings import is_home
from experiments.reading.study import as_generated, model_that_is_named, wilson
from phin.corpus.sources import MADE
from phin.generation.request import TuneRequest
from phin.generation.torch_engine import TorchEngine
from phin.music.grid import STEPS_PER_SLOT
from phin.music.measures import measures
from phin.music.phrase import DUPLE, HONG_PER_LINE, STEPS_PER_HONG, Phrase
from phin.whole_file import write_csv

TABLE = Path(__file__).with_name("closings.csv")
SHARES = ("quick_steps", "low", "high", "notes_a_hong", "line_consistency", "home", "home_low", "home_high")
COLUMNS = ("tunes", "closes", "count", *SHARES)
LINE = HONG_PER_LINE * STEPS_PER_HONG
CLOSINGS: dict[str, Callable[[int], bool]] = {
    "anywhere": lambda _: True,
    "on the downbeat": lambda step: step % DUPLE.bar == 0,
    "on the last of a line": lambda step: step % LINE == LAST,
    "a beat after a downbeat": lambda step: step % DUPLE.bar == STEPS_PER_HONG,
}
LAST = TuneRequest(lines=4).last_stroke % LINE
LINES = {"on the last of a line": TuneRequest(lines=4), "a beat after a downbeat": TuneRequest(hong=33)}
SEED, DRAWN = 0, 256


def main() -> None:
    model, identity, store = model_that_is_named(__doc__)
    rows = []
    for split in ("train", "test"):
        real = [tune for tune in map(store.phrase, store.split(split).tolist()) if tune.metre == DUPLE]
        real = [tune for tune in real if tune.source not in MADE]
        for source in ("", *sorted({str(tune.source) for tune in real})):
            of_source = [tune for tune in real if source in ("", tune.source)]
            for closes, is_so in CLOSINGS.items():
                chosen = [tune for tune in of_source if is_so(int(tune.melody.onset[-1]))]
                rows.append(row(f"{split} {source}".strip(), closes, chosen))
    engine = TorchEngine(model, identity)
    for closes, request in tqdm(LINES.items(), "drawn"):
        rows.append(row("drawn", closes, as_generated(engine, request, DRAWN, SEED)))
    write_csv(TABLE, COLUMNS, rows)
    for each in rows:
        print(", ".join(each.values()))


def row(name: str, closes: str, tunes: Sequence[Phrase]) -> dict[str, str]:
    """Of tunes that close there; the share of quick steps is of all their steps, its interval by tune."""
    if not tunes:
        return dict.fromkeys(COLUMNS, "") | {"tunes": name, "closes": closes, "count": "0"}
    steps = [np.diff(np.unique(tune.melody.onset)) for tune in tunes]
    quick, of = (np.array([count(each) for each in steps]) for count in (_quick, len))
    drawn = np.random.default_rng(SEED).integers(len(tunes), size=(2000, len(tunes)))
    low, high = np.percentile(quick[drawn].sum(axis=1) / of[drawn].sum(axis=1), (2.5, 97.5))
    home = sum(map(is_home, tunes))
    kept = float(np.nanmean([measures(tune)["line_consistency"] for tune in tunes]))
    numbers = (quick.sum() / of.sum(), low, high, of_hong(tunes), kept, home / len(tunes), *wilson(home, len(tunes)))
    cells = (name, closes, len(tunes), *(f"{number:.3f}" for number in numbers))
    return dict(zip(COLUMNS, map(str, cells), strict=True))


def of_hong(tunes: Sequence[Phrase]) -> float:
    """Melody notes a hong, from first to last stroke, on average by tune."""
    lasts = [(int(tune.melody.onset[-1]) - int(tune.melody.onset[0])) / STEPS_PER_HONG for tune in tunes]
    return float(np.mean([len(tune.melody) / max(1.0, hong) for tune, hong in zip(tunes, lasts, strict=True)]))


def _quick(steps: np.ndarray) -> int:
    return int((steps <= STEPS_PER_SLOT).sum())


if __name__ == "__main__":
    main()
