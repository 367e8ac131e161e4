"""Fits what `phin.music.recognition` believes, and measures it. From the repository:

    python -m experiments.lai_recognition.study [FOLDER of Thai letters]
    python -m experiments.lai_recognition.study --draw      # figure.svg alone, anew, from reliability.csv

Writes phin/music/recognition.json, and results.csv, reliability.csv and figure.svg beside this file. About two minutes.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from experiments.study import read_results
from phin.corpus.intake import prepare
from phin.corpus.settings import CorpusConfig
from phin.corpus.store import Store
from phin.errors import InvalidTune
from phin.evaluation.intervals import interval_by_family
from phin.music import recognition
from phin.music.lai import label_lai
from phin.music.notation import read_letters
from phin.music.phrase import Phrase
from phin.music.picture import save
from phin.music.recognition import FEATURES, WAYS, Recognition, belief, fullest_sets, heard_from, recognise
from phin.whole_file import write_csv

HERE = Path(__file__).parent
TABLE = Path(recognition.__file__).with_name("recognition.json")
RELIABILITY = ("final", "confidence", "agreement")
PENALTIES = (1e-6, 1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
HISTOGRAM = [name in ("any", "time outside") or name.startswith("time on") for name in FEATURES]


def folk() -> CorpusConfig:
    """The default corpus."""
    settings = OmegaConf.load(Path("conf/data/folk.yaml"))
    return cast(CorpusConfig, OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(CorpusConfig), settings)))


def without_ending(phrase: Phrase) -> Phrase:
    """The melody up to its ending: the last pitch is gone, however often it was struck in the end."""
    melody = phrase.melody
    other = np.flatnonzero(melody.pitch != melody.pitch[-1])
    return replace(melody, rows=melody.rows[: other[-1] + 1], deviation=None) if len(other) else melody


def examples(store: Store, split: str) -> list[tuple[Phrase, int, tuple[int, int]]]:
    """Melodies of a split that have a set, the family of tunes each is of, and the rule's root and way."""
    found = []
    for tune in store.split(split).tolist():
        phrase, label = store.phrase(tune).melody, store.label(tune)
        if label.root is not None and len(set(phrase.pitch.tolist())) > 1:
            found.append((phrase, int(store.families[tune]), (label.root, WAYS.index(label.family))))
    return found


def fit(tunes: list, final_known: bool, penalty: float, used: list[bool]) -> np.ndarray:
    """Weights (way, feature) of the conditional logit, by L-BFGS."""
    heard, target = [], []
    for phrase, _, (root, way) in tunes:
        shown = phrase if final_known else without_ending(phrase)
        roots = fullest_sets(shown)
        if root in roots:
            heard.append(np.stack([heard_from(shown, candidate, final_known) for candidate in roots]))
            target.append(roots.index(root) * len(WAYS) + way)
    mask = torch.tensor(used, dtype=torch.float64)
    weights = torch.zeros(len(WAYS), len(FEATURES), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=300, line_search_fn="strong_wolfe")
    inputs = [torch.tensor(each) * mask for each in heard]
    sizes = sorted({len(each) for each in inputs})
    groups = [
        (
            torch.stack([x for x in inputs if len(x) == size]),
            torch.tensor([t for x, t in zip(inputs, target, strict=True) if len(x) == size]),
        )
        for size in sizes
    ]

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        total = sum(
            torch.nn.functional.cross_entropy((x @ weights.T).flatten(1), t, reduction="sum") for x, t in groups
        )
        value = total / len(inputs) + penalty * (weights**2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return weights.detach().numpy() * np.array(used)


def scores(tunes: list, final_known: bool, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Of each tune: whether way and tonic agree with the rule, confidence, whether it answers, family of tunes."""
    rows = []
    for phrase, family, (root, way) in tunes:
        shown = phrase if final_known else without_ending(phrase)
        classes = len(set((shown.pitch % 12).tolist()))
        found = Recognition(belief(shown, final_known, weights), classes, in_instrument_key=False)
        shares = np.array([found.p_yao, found.p_san, found.p_none])
        guess = int(shares.argmax())
        its_root = root if guess == 2 else int(found.joint[:, guess].argmax())
        right = guess == way and its_root == root
        rows.append((right, shares.max(), found.can_tell, family, way, guess, -np.log(max(shares[way], 1e-9))))
    names = ("right", "confidence", "answers", "family", "way", "guess", "nats")
    return {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def calibration_error(score: dict[str, np.ndarray]) -> float:
    """Expected calibration error over ten bins of equal width."""
    place = np.minimum((score["confidence"] * 10).astype(int), 9)
    agree = score["guess"] == score["way"]
    gaps = [
        abs(agree[place == b].mean() - score["confidence"][place == b].mean()) * (place == b).mean()
        for b in range(10)
        if (place == b).any()
    ]
    return float(sum(gaps))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("letters", nargs="?", type=Path)
    parser.add_argument("--draw", action="store_true", help="only the figure, from reliability.csv")
    asked = parser.parse_args()
    if not asked.draw:
        measure()
    save(picture(read_results(HERE / "reliability.csv")), HERE / "figure.svg")
    if asked.letters:
        on_letters(asked.letters)


def measure() -> None:
    """Fits, measures, and writes the package's weights and both tables."""
    store = prepare(folk())
    tunes = {split: examples(store, split) for split in ("train", "validation", "test")}
    rows, chosen, kept = [], {}, {}
    for known in (True, False):
        for model, used in (("all features", [True] * len(FEATURES)), ("time histogram alone", HISTOGRAM)):
            used = [use or (known and name.startswith("final")) for use, name in zip(used, FEATURES, strict=True)]
            penalty, weights = chosen[known, model] = choose(tunes, known, used)
            for split in ("validation", "test"):
                score = kept[known, model, split] = scores(tunes[split], known, weights)
                about = {"final": "shown" if known else "hidden", "model": model, "split": split, "penalty": penalty}
                rows.append(about | measured(score))
    for split in ("validation", "test"):
        rows.append({"final": "either", "model": "majority", "split": split} | majority(tunes, split))
    write_table({known: chosen[known, "all features"][1] for known in (True, False)})
    write_csv(HERE / "results.csv", list(rows[0]), rows)
    write_csv(HERE / "reliability.csv", RELIABILITY, reliability(kept))
    for row in rows:
        print(row)


def choose(tunes: dict[str, list], known: bool, used: list[bool]) -> tuple[float, np.ndarray]:
    """The penalty that reads best on the validation tunes, and the weights it gives."""

    def nats(weights: np.ndarray) -> float:
        return float(scores(tunes["validation"], known, weights)["nats"].mean())

    tried = [(penalty, fit(tunes["train"], known, penalty, used)) for penalty in PENALTIES]
    return min(tried, key=lambda each: nats(each[1]))


def measured(score: dict[str, np.ndarray]) -> dict[str, float]:
    """Agreement with the rule and its interval by family, calibration, and how often it answers."""
    right, answers = score["right"].astype(float), score["answers"].astype(bool)
    low, high = interval_by_family(right, np.ones(len(right), dtype=np.int64), score["family"])
    recalls = {
        f"recall_{way or 'none'}": float((score["guess"] == k)[score["way"] == k].mean()) for k, way in enumerate(WAYS)
    }
    numbers = {
        "tunes": len(right),
        "agreement": float(right.mean()),
        "low": low,
        "high": high,
        "nats": float(score["nats"].mean()),
        "calibration_error": calibration_error(score),
        "answers": float(answers.mean()),
        "agreement_of_answers": float(right[answers].mean()),
    }
    return {name: round(value, 4) for name, value in (numbers | recalls).items()}


def majority(tunes: dict[str, list], split: str) -> dict[str, float]:
    """What always saying the commonest way of the training tunes would do."""
    commonest = np.bincount([way for _, _, (_, way) in tunes["train"]]).argmax()
    right = np.array([float(way == commonest) for _, _, (_, way) in tunes[split]])
    family = np.array([family for _, family, _ in tunes[split]])
    low, high = interval_by_family(right, np.ones(len(right), dtype=np.int64), family)
    numbers = {"tunes": len(right), "agreement": float(right.mean()), "low": low, "high": high}
    return {name: round(value, 4) for name, value in numbers.items()}


def write_table(weights: dict[bool, np.ndarray]) -> None:
    """The package's table of weights."""
    table = {
        "final known" if known else "final hidden": {
            str(way or "none"): {name: round(float(w), 4) for name, w in zip(FEATURES, by_way[k], strict=True)}
            for k, way in enumerate(WAYS)
        }
        for known, by_way in weights.items()
    }
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    recognition._weights.cache_clear()


def reliability(kept: dict) -> list[dict[str, str]]:
    """A row a bin: how sure the belief was on the test split, and how often the rule agrees there."""
    rows = []
    for known in (True, False):
        score = kept[known, "all features", "test"]
        edges = np.quantile(score["confidence"], np.linspace(0, 1, 7))
        place = np.clip(np.searchsorted(edges, score["confidence"], side="right") - 1, 0, 5)
        agree = score["guess"] == score["way"]
        for b in range(6):
            if (place == b).any():
                point = score["confidence"][place == b].mean(), agree[place == b].mean()
                values = "shown" if known else "hidden", *(f"{value:.4f}" for value in point)
                rows.append(dict(zip(RELIABILITY, values, strict=True)))
    return rows


def picture(rows: Sequence[dict[str, str]]) -> Figure:
    """How often the rule agrees, by how sure the belief was, on the test split."""
    figure = Figure(figsize=(5.2, 4.4))
    axes = figure.add_subplot()
    axes.plot([0.3, 1], [0.3, 1], color="#bbb", linewidth=1)
    for final, colour in (("shown", "#0072B2"), ("hidden", "#D55E00")):
        own = [row for row in rows if row["final"] == final]
        confidence, agreement = ([float(row[name]) for row in own] for name in RELIABILITY[1:])
        axes.plot(confidence, agreement, "o-", color=colour, label=f"final {final}")
    axes.set(
        xlabel="probability of the likeliest way",
        ylabel="share on which the rule agrees",
        xlim=(0.3, 1.02),
        ylim=(0.3, 1.02),
    )
    axes.set_title("Reliability on the test split, six bins of equal size", fontsize=10)
    axes.legend(frameon=False)
    figure.tight_layout()
    return figure


def on_letters(folder: Path) -> None:
    """What is recognised in pages of letters, which are in instrument key: counts alone."""
    for known in (True, False):
        said: dict[str, int] = {}
        for path in sorted(folder.glob("*.txt")):
            try:
                phrase = read_letters(path).phrase
            except InvalidTune:
                continue
            found = recognise(phrase if known else without_ending(phrase), known, in_instrument_key=True)
            key = (
                "no set"
                if not found.joint.any()
                else "cannot tell"
                if not found.can_tell
                else found.lai.name
                if found.lai
                else str(found.family or "none")
            )
            said[key] = said.get(key, 0) + 1
        print("letters, final", "shown" if known else "hidden", said)
    rule: dict[str, int] = {}
    for path in sorted(folder.glob("*.txt")):
        label = label_lai(read_letters(path).phrase)
        key = "no set" if label.root is None else label.lai.name if label.lai else str(label.family or "none")
        rule[key] = rule.get(key, 0) + 1
    print("letters, by the rule", rule)


if __name__ == "__main__":
    main()
