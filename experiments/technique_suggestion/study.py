"""Learns which techniques the composer's rules leave room for, and measures it on pieces it has not seen. From the
repository:

    python -m experiments.technique_suggestion.study

Writes results.csv beside this file, and phin/music/suggestion.json. All pieces are synthetic.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
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
TECHNIQUES_RIGHT, ORNAMENTS_RIGHT = 0.8, 2 / 3
"""Of the answers given on the validation pieces so many are to be right; each threshold is the lowest that does it."""
BINS = 10
COLUMNS = (
    *("of", "notes", "nats", "nats_of_rates", "accuracy", "majority"),
    *("calibration_error", "of_rates", "of_the_likeliest", "answered", "right", "answers_not_the_commonest"),
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


def if_ornamented(probability: np.ndarray, played: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the notes that have an ornament: how likely each one was among them, and the place of the one that came."""
    assert Technique.PLAIN == 0
    shares, place = probability[played > 0, 1:], played[played > 0] - 1
    return shares / shares.sum(axis=1, keepdims=True), place


def threshold(probability: np.ndarray, played: np.ndarray, are_right: float) -> float:
    """The lowest at which so many of the answers are right."""
    sure, right = probability.max(axis=1), probability.argmax(axis=1) == played
    order = np.argsort(-sure)
    share = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(share >= are_right)
    return round(float(sure[order[enough[-1]]]), 3) if len(enough) else 1.0


def measured(of: str, probability: np.ndarray, played: np.ndarray, rates: np.ndarray, sure: float) -> dict[str, str]:
    """How right `probability` is of what was `played`, and what is answered where a technique has `sure` or more."""
    right = probability.argmax(axis=1) == played
    answers = probability.max(axis=1) >= sure
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
        "answers_not_the_commonest": (probability.argmax(axis=1)[answers] != rates.argmax()).mean(),
    }
    return {"of": of, "notes": str(len(played)), **{name: f"{number:.4f}" for name, number in numbers.items()}}


def main() -> None:
    torch.set_num_threads(1)
    tunes = {name: pieces(place, count) for place, (name, count) in enumerate(PIECES.items())}
    known = sorted({int(technique) for tune in tunes["learned"] for technique in np.unique(tune.melody.technique)})
    split = {name: asked_and_played(of, known) for name, of in tunes.items()}
    adds, without = learn(*split["learned"], len(known))
    suggester = Suggester(tuple(Technique(each) for each in known), adds, without, 0.0, 0.0)
    share = {name: suggester.probability(asked) for name, (asked, _) in split.items()}
    came = {name: played for name, (_, played) in split.items()}
    rates = np.bincount(came["learned"], minlength=len(known)) / len(came["learned"])
    suggester = replace(
        suggester,
        threshold=threshold(share["validation"], came["validation"], TECHNIQUES_RIGHT),
        ornament_threshold=threshold(*if_ornamented(share["validation"], came["validation"]), ORNAMENTS_RIGHT),
    )
    rows = [
        measured("all", share["test"], came["test"], rates, suggester.threshold),
        measured(
            "ornaments, of notes that have one",
            *if_ornamented(share["test"], came["test"]),
            rates[1:] / rates[1:].sum(),
            suggester.ornament_threshold,
        ),
    ]
    for place, technique in enumerate(suggester.techniques):
        is_played, likely = came["test"] == place, share["test"][:, place]
        said = {"of": technique.name.lower(), "notes": str(is_played.sum())}
        said["nats"] = f"{-np.log(likely[is_played]).mean():.4f}"
        said["nats_of_rates"] = f"{-np.log(rates[place]):.4f}"
        rows.append(dict.fromkeys(COLUMNS, "") | said)
    for row in rows:
        print(row)
    write_csv(HERE / "results.csv", COLUMNS, rows)
    write_text(SHIPPED, json.dumps(suggester.to_dict(), indent=1) + "\n")


if __name__ == "__main__":
    main()
