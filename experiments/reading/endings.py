"""How often a tune comes home: whether its last note is the tonic of the key that its notes are in.

    python -m experiments.reading.endings CHECKPOINT [CACHE]

The key is that of Krumhansl and Kessler's profiles (1982) which correlates best with how long each pitch class sounds:
it errs, of real tunes too, so what is read is the difference from real ones. Writes endings.csv: held-out tunes in 2/4,
and two lines of the model's by phin-generate's sampler: of an exact length, ended by the model itself, the best of
several.
"""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from experiments.reading.study import as_generated, model_that_is_named, wilson
from phin.corpus.sources import MADE
from phin.generation.choice import Choice
from phin.generation.request import TuneRequest
from phin.generation.torch_engine import TorchEngine
from phin.music.phrase import DUPLE, Phrase
from phin.whole_file import write_csv

TABLE = Path(__file__).with_name("endings.csv")
COLUMNS = ("tunes", "count", "home", "share", "low", "high")
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
SEED, REAL, DRAWN = 0, 256, 128
ARMS: dict[str, tuple[TuneRequest, Choice]] = {
    "exact": (TuneRequest(lines=2), Choice()),
    "about=1": (TuneRequest(lines=2, about=1.0), Choice()),
    "about=3": (TuneRequest(lines=2, about=3.0), Choice()),
    "exact, the likeliest of 16": (TuneRequest(lines=2), Choice(candidates=16)),
    "exact, the best ending of 4": (TuneRequest(lines=2), Choice(candidates=4, by="ending")),
    "exact, the best ending of 16": (TuneRequest(lines=2), Choice(candidates=16, by="ending")),
}


def is_home(tune: Phrase) -> bool:
    """Whether the last melody note is the tonic of the likeliest key."""
    melody = tune.melody
    sounds = np.bincount(melody.pitch % 12, weights=melody.duration, minlength=12)
    fits = [[np.corrcoef(np.roll(profile, key), sounds)[0, 1] for key in range(12)] for profile in (MAJOR, MINOR)]
    return int(melody.pitch[-1] % 12) == int(np.argmax(np.max(fits, axis=0)))


def main() -> None:
    model, identity, store = model_that_is_named(__doc__)
    engine = TorchEngine(model, identity)
    chosen = np.random.default_rng(SEED).permutation(store.split("test")).tolist()
    real = [tune for tune in map(store.phrase, chosen) if tune.metre == DUPLE and tune.source not in MADE][:REAL]
    found = {"real": real}
    for name, (request, choice) in tqdm(ARMS.items(), "arms"):
        found[name] = as_generated(engine, request, DRAWN, SEED, choice)
    rows = []
    for name, tunes in found.items():
        home = sum(map(is_home, tunes))
        shares = (home / len(tunes), *wilson(home, len(tunes)))
        told = (name, len(tunes), home, *(f"{share:.3f}" for share in shares))
        rows.append(dict(zip(COLUMNS, told, strict=True)))
        print(", ".join(map(str, told)))
    write_csv(TABLE, COLUMNS, rows)


if __name__ == "__main__":
    main()
