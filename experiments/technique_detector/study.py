"""Trains the technique detector on synthetic performances and measures it on performances of other settings.

    OMP_NUM_THREADS=1 python -m experiments.technique_detector.study [--quick]
    python -m experiments.technique_detector.study --draw      # figure.svg alone, anew, from both tables

Writes results.csv, reliability.csv and figure.svg beside this file, and phin/model/detector.safetensors (the weights of
seed 0). A quick run is for looking whether it works: it writes to experiments/technique_detector/runs/ alone.
"""

import argparse
import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from experiments.study import read_results
from phin.model.detector import (
    SHIPPED,
    Detector,
    DetectorBatch,
    DetectorLogits,
    answers,
    detector_loss,
    save,
)
from phin.music.composer import compose
from phin.music.gesture import Gestures, hear
from phin.music.grid import to_ticks
from phin.music.labelled import EVERYTHING, LabelledReading, Told, read_performed
from phin.music.midi_limits import DEFAULT_TEMPO
from phin.music.perform import PerformanceStyle
from phin.music.phrase import DURATION, ONSET, UNKNOWN
from phin.music.picture import save as save_picture
from phin.music.technique import Technique
from phin.whole_file import write_csv

HERE = Path(__file__).parent
SEEDS = (0, 1, 2)
RELIABILITY = ("test", "confidence", "right")
PRECISION = 0.99
"""Of the answers that are given on the validation renderings, so many are to be right: the threshold is the lowest that
reaches it."""

Range = tuple[float, float]
SETTINGS: dict[str, tuple[Range, tuple[Range, ...]]] = {
    "bend_range": ((3, 9), ((1, 2), (10, 12))),
    "timing_jitter": ((0.0, 0.018), ((0.02, 0.03),)),
    "velocity_spread": ((0.0, 12.0), ((13.0, 20.0),)),
    "accent": ((14.0, 34.0), ((8.0, 13.0), (35.0, 40.0))),
    "tremolo_rate": ((10.0, 17.0), ((8.0, 9.5), (17.5, 20.0))),
    "trill_rate": ((10.0, 17.0), ((8.0, 9.5), (17.5, 20.0))),
    "flick_length": ((0.03, 0.06), ((0.02, 0.028), (0.062, 0.07))),
    "legato_overlap": ((0.01, 0.03), ((0.005, 0.009), (0.032, 0.04))),
    "legato_softness": ((0.5, 0.8), ((0.4, 0.48), (0.82, 0.9))),
    "slide_length": ((0.07, 0.2), ((0.04, 0.065), (0.21, 0.25))),
    "bend_length": ((0.08, 0.22), ((0.05, 0.075), (0.23, 0.3))),
    "bend_depth": ((0.9, 2.5), ((0.5, 0.8), (2.6, 3.0))),
    "vibrato_rate": ((4.7, 7.2), ((4.0, 4.6), (7.3, 8.0))),
    "vibrato_depth": ((0.2, 0.65), ((0.1, 0.18), (0.67, 0.8))),
    "mute_length": ((0.022, 0.047), ((0.015, 0.02), (0.049, 0.055))),
    "strum_stagger": ((0.012, 0.028), ((0.008, 0.011), (0.03, 0.035))),
    "dyad_spread": ((0.003, 0.02), ((0.0, 0.0025), (0.021, 0.025))),
}
"""Of each setting where it is drawn from in training, validation and the test of the same settings, and where in the
test of other settings. There every setting lies outside at once, but for a depth of bend that is cut to the bend range:
in a quarter of those styles it is 1 or 2, inside training's. `flick_notes` can only be 2 or 3 and is both in each.
"""
OTHER_TEMPI = ((70, 90), (156, 180))
"""Hong a minute in the test of other settings; the composer's own are 95 to 152."""


@dataclass(frozen=True, eq=False)
class Example:
    """A performance as it is heard, with its labels, in the order of time."""

    heard: Gestures
    technique: np.ndarray
    begins: np.ndarray
    labelled: LabelledReading


def draw_style(rng: np.random.Generator, other: bool) -> PerformanceStyle:
    """A style from inside the training ranges, or with settings outside them (SETTINGS)."""
    drawn: dict[str, float] = {}
    for name, (inside, outside) in SETTINGS.items():
        low, high = outside[int(rng.integers(len(outside)))] if other else inside
        drawn[name] = float(rng.integers(int(low), int(high) + 1) if name == "bend_range" else rng.uniform(low, high))
    drawn["bend_range"] = bend_range = int(drawn["bend_range"])
    drawn["bend_depth"] = min(drawn["bend_depth"], float(bend_range))
    return PerformanceStyle(**drawn, flick_notes=int(rng.integers(2, 4)))


def draw_told(rng: np.random.Generator) -> Told:
    """What a training file tells: now and then no bends, one velocity, one channel."""
    bends, velocities, strings = (rng.random(3) < (0.85, 0.85, 0.65)).tolist()
    return Told(bends, velocities, strings)


def render(rng: np.random.Generator, other: bool = False, told: Callable | Told = EVERYTHING) -> list[Example]:
    """A new piece, performed in two styles."""
    piece = compose(rng)
    if other:
        low, high = OTHER_TEMPI[int(rng.integers(len(OTHER_TEMPI)))]
        piece = replace(piece, tempo=round(60e6 / int(rng.integers(low, high + 1))))
    return [
        as_example(read_performed(piece, draw_style(rng, other), rng, told(rng) if callable(told) else told))
        for _ in range(2)
    ]


def as_example(labelled: LabelledReading) -> Example:
    heard = hear(labelled.reading)
    return Example(heard, labelled.technique[heard.row], labelled.begins[heard.row], labelled)


def renderings(seed: Sequence[int], pieces: int, **how: object) -> list[Example]:
    """Two renderings each of so many pieces, the same for the same seed."""
    return [each for n in range(pieces) for each in render(np.random.default_rng([*seed, n]), **how)]  # pyright: ignore


def train(examples: list[Example], validation: list[Example], seed: int, epochs: int, window: int = 160) -> Detector:
    """A detector after so many rounds over windows of the examples; its best round on the validation renderings."""
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 7])
    detector = Detector()
    features = [torch.from_numpy(example.heard.scaled) for example in examples]
    # strokes whose bend a file does not tell cannot be learned from: to the ear of the file they are plain
    labels = [torch.from_numpy(heard_labels(example)) for example in examples]
    bent = [torch.from_numpy(example.heard.bent) for example in examples]
    begins = [torch.from_numpy(example.begins) for example in examples]
    batch_size = 32
    windows = [(n, at) for n, each in enumerate(features) for at in range(0, len(each), window)]
    optimizer = torch.optim.AdamW(detector.parameters(), lr=4e-3, weight_decay=0.01)
    steps = epochs * (len(windows) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps, pct_start=0.1)
    best, kept = float("inf"), copy.deepcopy(detector.state_dict())
    for _epoch in range(epochs):
        detector.train()
        shift = int(rng.integers(window))
        order = rng.permutation(len(windows))
        for first in range(0, len(order) // batch_size * batch_size, batch_size):
            cuts = []
            for n, at in (windows[place] for place in order[first : first + batch_size].tolist()):
                start = min(max(at - shift, 0), max(len(features[n]) - window, 0))
                cuts.append((n, slice(start, start + window)))
            pad = torch.nn.utils.rnn.pad_sequence
            batch = DetectorBatch(
                pad([features[n][cut] for n, cut in cuts], batch_first=True),
                pad([bent[n][cut] for n, cut in cuts], batch_first=True),
                torch.tensor([len(features[n][cut]) for n, cut in cuts]),
            )
            target = pad([labels[n][cut] for n, cut in cuts], batch_first=True, padding_value=UNKNOWN)
            start_of_note = pad([begins[n][cut] for n, cut in cuts], batch_first=True)
            loss = detector_loss(detector(batch), target, start_of_note)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(detector.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        nats = validation_loss(detector, validation)
        if nats < best:
            best, kept = nats, copy.deepcopy(detector.state_dict())
    detector.load_state_dict(kept)
    return detector.eval()


def heard_labels(example: Example) -> np.ndarray:
    """The labels, UNKNOWN where the file does not tell the bend that the technique is."""
    silent = np.isin(example.technique, (Technique.SLIDE, Technique.BEND, Technique.VIBRATO)) & ~example.heard.bent
    return np.where(silent, UNKNOWN, example.technique)


@torch.no_grad()
def logits_of(detector: Detector, examples: list[Example]) -> DetectorLogits:
    """The logits of all strokes of all examples, end to end, as a batch of one."""
    detector.eval()
    technique, begins = [], []
    for first in range(0, len(examples), 32):
        some = [example.heard for example in examples[first : first + 32]]
        logits = detector(DetectorBatch.of(some))
        technique += [logits.technique[n, : len(each)] for n, each in enumerate(some)]
        begins += [logits.begins[n, : len(each)] for n, each in enumerate(some)]
    return DetectorLogits(torch.cat(technique)[None], torch.cat(begins)[None])


def validation_loss(detector: Detector, examples: list[Example]) -> float:
    labels = torch.from_numpy(np.concatenate([heard_labels(example) for example in examples]))[None]
    begins = torch.from_numpy(np.concatenate([example.begins for example in examples]))[None]
    return float(detector_loss(logits_of(detector, examples), labels, begins))


def calibrate(detector: Detector, examples: list[Example]) -> None:
    """Sets the temperature that makes the validation labels likeliest, then the threshold of the stated precision."""
    logits = logits_of(detector, examples)
    labels = torch.from_numpy(np.concatenate([heard_labels(example) for example in examples]))
    known = labels != UNKNOWN
    candidates = np.geomspace(0.5, 3, 200)
    nats = [
        float(torch.nn.functional.cross_entropy(logits.technique[0][known] / t, labels[known].long()))
        for t in candidates.tolist()
    ]
    detector.temperature.fill_(float(candidates[int(np.argmin(nats))]))
    probability = detector.probability(logits)[0].double().numpy()
    truth = np.concatenate([example.technique for example in examples])
    for threshold in np.arange(0.2, 0.996, 0.005).tolist():
        said = answers(probability, threshold)
        if (said == truth)[said != UNKNOWN].mean() >= PRECISION:
            break
    detector.threshold.fill_(threshold)


def by_majority(example: Example) -> np.ndarray:
    """Every stroke plain, the commonest technique of the training renderings."""
    return np.full(len(example.technique), Technique.PLAIN)


def by_the_ancestor(example: Example, slide_last: bool = True) -> np.ndarray:
    """The rules of Phin-Neural-Network-Architecture, re-stated: each later rule overwrites the ones before.

    Any bend anywhere in the file makes all 'bend'; a note of more than 0.5 s is 'vibrato'; a step of two semitones or
    less from the note before, with a gap of less than 0.1 s, is 'slide'. The two accounts of it that we have differ in
    the order of the last two.
    """
    reading = example.labelled.reading
    rows, ticks_per_quarter = to_ticks(reading.phrase)
    rows = rows[example.heard.row]
    seconds = (reading.phrase.tempo or DEFAULT_TEMPO) / 1e6 / ticks_per_quarter
    onset, length, pitch = rows[:, ONSET] * seconds, rows[:, DURATION] * seconds, rows[:, 2]
    said = np.full(len(rows), Technique.BEND if reading.bends else Technique.PLAIN)
    steps = np.append(False, (abs(np.diff(pitch)) <= 2) & (onset[1:] - (onset + length)[:-1] < 0.1))
    rules = [(length > 0.5, Technique.VIBRATO), (steps, Technique.SLIDE)]
    for where, technique in rules if slide_last else rules[::-1]:
        said[where] = technique
    return said


def measured(said: np.ndarray, truth: np.ndarray) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and strokes of each technique that was played."""
    table = {}
    for technique in Technique:
        called, played = said == technique, truth == technique
        hits = float((called & played).sum())
        if played.any():
            precision = hits / called.sum() if called.any() else 0.0
            table[technique.name.lower()] = {
                "precision": precision,
                "recall": hits / played.sum(),
                "f1": 2 * hits / (called.sum() + played.sum()),
                "strokes": float(played.sum()),
            }
    return table


def calibration_error(probability: np.ndarray, truth: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the likeliest technique over bins of equal width."""
    sure, right = probability.max(axis=1), probability.argmax(axis=1) == truth
    place = np.minimum((sure * bins).astype(int), bins - 1)
    return float(sum(abs(right[place == b].mean() - sure[place == b].mean()) * (place == b).mean() for b in set(place)))


def rows_of(arm: str, seed: int | str, test: str, said: np.ndarray, truth: np.ndarray, **more: float) -> list[dict]:
    table = measured(said, truth)
    about = {"arm": arm, "seed": seed, "test": test}
    overall = {
        "technique": "all",
        "f1": float(np.mean([row["f1"] for row in table.values()])),
        "accuracy": float((said == truth).mean()),
        "strokes": len(truth),
    }
    return [about | overall | more, *(about | {"technique": name} | row for name, row in table.items())]


def evaluated(detector: Detector, seed: int, test: str, examples: list[Example]) -> tuple[list[dict], tuple]:
    logits = logits_of(detector, examples)
    probability = detector.probability(logits)[0].double().numpy()
    raw = logits.technique[0].softmax(dim=-1).double().numpy()
    truth = np.concatenate([example.technique for example in examples])
    begins = np.concatenate([example.begins for example in examples])
    said = answers(probability, float(detector.threshold))
    given, rare = said != UNKNOWN, said > Technique.DRONE
    rows = rows_of(
        "detector",
        seed,
        test,
        probability.argmax(axis=1),
        truth,
        ece=calibration_error(probability, truth),
        ece_uncalibrated=calibration_error(raw, truth),
        coverage=float(given.mean()),
        precision_of_answers=float((said == truth)[given].mean()),
        coverage_of_techniques=float(given[truth > Technique.DRONE].mean()),
        precision_of_techniques=float((said == truth)[rare].mean()),
        begins=float(((logits.begins[0].numpy() > 0) == begins).mean()),
        temperature=float(detector.temperature),
        threshold=float(detector.threshold),
    )
    return rows, (probability, truth)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--draw", action="store_true", help="only the figure, from both tables")
    asked = parser.parse_args()
    place = HERE / "runs" if asked.quick else HERE
    if not asked.draw:
        measure(asked.quick, place)
    tables = (read_results(place / name) for name in ("results.csv", "reliability.csv"))
    save_picture(picture(*tables), place / "figure.svg")


def measure(quick: bool, place: Path) -> None:
    """Trains, measures, and writes the weights of seed 0 and both tables."""
    torch.set_num_threads(1)
    pieces, held_out, epochs = (60, 20, 6) if quick else (400, 100, 12)
    validation = renderings([1000], held_out, told=draw_told)
    tests = {
        "same settings": renderings([2000], held_out),
        "other settings": renderings([3000], held_out, other=True),
        "other settings, no bends": renderings([3000], held_out, other=True, told=Told(bends=False)),
        "other settings, one velocity": renderings([3000], held_out, other=True, told=Told(velocities=False)),
        "other settings, one channel": renderings([3000], held_out, other=True, told=Told(strings=False)),
    }
    rows, curves = [], {}
    for test, examples in tests.items():
        truth = np.concatenate([example.technique for example in examples])
        for arm, rule in (
            ("majority", by_majority),
            ("ancestor", by_the_ancestor),
            ("ancestor, vibrato last", lambda example: by_the_ancestor(example, slide_last=False)),
        ):
            rows += rows_of(arm, "", test, np.concatenate([rule(example) for example in examples]), truth)
    for seed in SEEDS[: 1 if quick else None]:
        began = time.monotonic()
        examples = renderings([seed, 1], pieces, told=draw_told)
        rendered = time.monotonic()
        detector = train(examples, validation, seed, epochs)
        calibrate(detector, validation)
        print(f"seed {seed}: rendered {rendered - began:.0f} s, trained {time.monotonic() - rendered:.0f} s")
        for test, held in (("validation", validation), *tests.items()):
            more, curves[seed, test] = evaluated(detector, seed, test, held)
            rows += more
            print("  ", test, {name: round(v, 4) for name, v in more[0].items() if isinstance(v, float)})
            if test in ("same settings", "other settings"):
                print("      ", {row["technique"]: round(row["f1"], 3) for row in more[1:]})
        if seed == 0:
            (HERE / "runs").mkdir(exist_ok=True)
            save(detector, HERE / "runs" / "quick.safetensors" if quick else SHIPPED)
    names = list(dict.fromkeys(name for row in rows for name in row))
    rounded = [{k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()} for row in rows]
    write_csv(place / "results.csv", names, rounded)
    write_csv(place / "reliability.csv", RELIABILITY, reliability(curves))


def reliability(curves: dict) -> list[dict[str, str]]:
    """A row a bin of more than 50 strokes, over all seeds: how sure the likeliest technique was, how often right."""
    rows = []
    for test in ("same settings", "other settings"):
        probability = np.concatenate([curve[0] for (_, name), curve in curves.items() if name == test])
        truth = np.concatenate([curve[1] for (_, name), curve in curves.items() if name == test])
        sure, hit = probability.max(axis=1), probability.argmax(axis=1) == truth
        place = np.minimum((sure * 10).astype(int), 9)
        for b in range(10):
            if (place == b).sum() > 50:
                values = test, f"{sure[place == b].mean():.4f}", f"{hit[place == b].mean():.4f}"
                rows.append(dict(zip(RELIABILITY, values, strict=True)))
    return rows


def picture(rows: Sequence[dict[str, str]], points: Sequence[dict[str, str]]) -> Figure:
    """Left: F1 of each technique on other settings. Right: how often the likeliest technique is right, by how sure."""
    figure = Figure(figsize=(10, 4.6))
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    names = [technique.name.lower() for technique in Technique]
    arms = (("detector", "#0072B2"), ("ancestor", "#D55E00"), ("majority", "#999999"))
    for number, (arm, colour) in enumerate(arms):
        f1 = [
            [float(r["f1"]) for r in rows if (r["arm"], r["test"], r["technique"]) == (arm, "other settings", name)]
            for name in names
        ]
        at = np.arange(len(names)) + 0.27 * (1 - number)
        left.barh(at, [np.mean(each) if each else 0 for each in f1], height=0.25, color=colour, label=arm)
        for y, each in zip(at, f1, strict=True):
            if len(each) > 1:
                left.plot([min(each), max(each)], [y, y], color="black", linewidth=1)
    left.set_yticks(range(len(names)), names)
    left.invert_yaxis()
    left.set(xlabel="F1 of strokes (line: lowest to highest of three seeds)", xlim=(0, 1))
    left.set_title("Other settings than in training", fontsize=10)
    left.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3)
    right.plot([0.2, 1], [0.2, 1], color="#bbb", linewidth=1)
    for test, colour in (("same settings", "#009E73"), ("other settings", "#0072B2")):
        own = [row for row in points if row["test"] == test]
        sure, hit = ([float(row[name]) for row in own] for name in RELIABILITY[1:])
        right.plot(sure, hit, "o-", color=colour, label=test)
    right.set(xlabel="probability of the likeliest technique", ylabel="share that is right", xlim=(0.2, 1.02))
    right.set_title("Reliability, all seeds", fontsize=10)
    right.legend(frameon=False)
    figure.tight_layout()
    return figure


if __name__ == "__main__":
    main()
