"""Learns which techniques the composer's rules leave room for, and measures it on pieces it has not seen. From the
repository:

    python -m experiments.technique_suggestion.study

Writes results.csv beside this file, and phin/music/suggestion.json. All pieces are synthetic.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from phin.music.composer import compose
from phin.music.phrase import Phrase
from phin.music.suggestion import SHIPPED, Suggester, qualities
from phin.music.technique import Technique
from phin.whole_file import write_csv, write_text

HERE = Path(__file__).parent
PIECES = {"learned": 400, "validation": 150, "test": 150}
THRESHOLDED = 0.8
"""Of the answers given on the validation pieces so many are to be right; the threshold is the lowest that does it."""
BINS = 10
COLUMNS = (
    *("of", "notes", "nats", "nats_of_rates", "accuracy", "majority"),
    *("calibration_error", "of_rates", "of_the_likeliest", "answered", "right", "answers_not_plain"),
)


def pieces(split: int, count: int) -> list[Phrase]:
    return [compose(np.random.default_rng([11, split, number])) for number in range(count)]


def asked_and_played(tunes: Sequence[Phrase], known: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """What holds of each melody note, and the place of its technique among those known."""
    asked = np.concatenate([qualities(tune) for tune in tunes])
    played = np.concatenate([tune.melody.technique for tune in tunes])
    return asked, np.searchsorted(known, played)


def learn(asked: np.ndarray, played: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Multinomial logistic regression, by L-BFGS, with a little weight decay."""
    x, y = torch.from_numpy(asked.astype(np.float64)), torch.from_numpy(played)
    adds = torch.zeros(x.shape[1], count, dtype=torch.float64, requires_grad=True)
    without = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([adds, without], max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = torch.nn.functional.cross_entropy(x @ adds + without, y) + 1e-4 * (adds**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return adds.detach().numpy(), without.detach().numpy()


def calibration_error(probability: np.ndarray, came: np.ndarray) -> float:
    """How far what was said lies from how often it came, in ten bins, by their size."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1).ravel()
    said, came = (np.bincount(place, of.ravel().astype(float), minlength=BINS) for of in (probability, came))
    return float(np.abs(said - came).sum() / place.size)


def threshold(probability: np.ndarray, played: np.ndarray) -> float:
    """The lowest at which so many of the answers are right (THRESHOLDED)."""
    sure, right = probability.max(axis=1), probability.argmax(axis=1) == played
    order = np.argsort(-sure)
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= THRESHOLDED)
    return round(float(sure[order[enough[-1]]]), 3) if len(enough) else 1.0


def measured(of: str, suggester: Suggester, asked: np.ndarray, played: np.ndarray, rates: np.ndarray) -> dict[str, str]:
    probability = suggester.probability(asked)
    right = probability.argmax(axis=1) == played
    answers = probability.max(axis=1) >= suggester.threshold
    is_played = np.arange(probability.shape[1]) == played[:, None]
    numbers = {
        "nats": -np.log(probability[np.arange(len(played)), played]).mean(),
        "nats_of_rates": -np.log(rates[played]).mean(),
        "accuracy": right.mean(),
        "majority": (played == rates.argmax()).mean(),
        "calibration_error": calibration_error(probability, is_played),
        "of_rates": calibration_error(np.broadcast_to(rates, probability.shape), is_played),
        "of_the_likeliest": calibration_error(probability.max(axis=1), right),
        "answered": answers.mean(),
        "right": right[answers].mean(),
        "answers_not_plain": (probability.argmax(axis=1)[answers] != rates.argmax()).mean(),
    }
    return {"of": of, "notes": str(len(played)), **{name: f"{number:.4f}" for name, number in numbers.items()}}


def main() -> None:
    torch.set_num_threads(1)
    tunes = {name: pieces(place, count) for place, (name, count) in enumerate(PIECES.items())}
    known = sorted({int(technique) for tune in tunes["learned"] for technique in np.unique(tune.melody.technique)})
    split = {name: asked_and_played(of, known) for name, of in tunes.items()}
    adds, without = learn(*split["learned"], len(known))
    techniques = tuple(Technique(each) for each in known)
    asked, played = split["validation"]
    sure = threshold(Suggester(techniques, adds, without, 0.0).probability(asked), played)
    suggester = Suggester(techniques, adds, without, sure)
    rates = np.bincount(split["learned"][1], minlength=len(known)) / len(split["learned"][1])
    rows = [measured("all", suggester, *split["test"], rates)]
    asked, played = split["test"]
    for place, technique in enumerate(techniques):
        is_played, share = played == place, suggester.probability(asked)[:, place]
        said = {"of": technique.name.lower(), "notes": str(is_played.sum())}
        said["nats"] = f"{-np.log(share[is_played]).mean():.4f}"
        said["nats_of_rates"] = f"{-np.log(rates[place]):.4f}"
        rows.append(dict.fromkeys(COLUMNS, "") | said)
    for row in rows:
        print(row)
    write_csv(HERE / "results.csv", COLUMNS, rows)
    write_text(SHIPPED, json.dumps(suggester.to_dict(), indent=1) + "\n")


if __name__ == "__main__":
    main()
