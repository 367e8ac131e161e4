"""Our rows beside what others would take, on the same tunes: at equal notes seen, and at equal time. In the repository:

    python -m experiments.against_peers.study corpus        # which tunes some arm cannot hold: writes left_out.csv
    python -m experiments.against_peers.study trials        # rates by validation: a file a trial, and trials.csv
    python -m experiments.against_peers.study run           # trials that are missing, then both tables: a file a run
    python -m experiments.against_peers.study speed         # training notes a second: writes speed.csv
    python -m experiments.against_peers.study draw          # results.csv from the runs, figure.svg from results.csv

Arms, seeds, rates and budgets are those of sweep.yaml. A run that is there is not made again, so `run` goes on where it
stopped, and several can share the work by --arms.
"""

import argparse
import json
import logging
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate

from experiments.against_peers.arm import Arm, Notation
from experiments.against_peers.corpus import Corpus, Melodies, folk, folk_config, write_left_out
from experiments.against_peers.folk_rnn import AbcNotation
from experiments.against_peers.plan import PLAN
from experiments.against_peers.tables import (
    CLOCK,
    MARKOV,
    NOTES,
    OURS,
    TRIAL,
    draw,
    read_speed,
    write_speed,
    write_trials,
)
from experiments.against_peers.training import Bits, Spent, measure, train
from phin.corpus.intake import prepare
from phin.data.dataset import DataConfig
from phin.errors import PhinError
from phin.evaluation.markov import MarkovModel
from phin.music.phrase import Phrase
from phin.tokenizer import METRES, NUM_CONDITIONS
from phin.whole_file import write_text

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
Sizes = tuple[int, ...]
ARMS: dict[str, Callable[[Sizes], Arm]] = {
    name: partial(instantiate, settings) for name, settings in PLAN.arms.items() if settings is not None
}
"""Beside these: the Markov model, which has no rate. Made late: those on REMI need MidiTok and other libraries."""


def build(name: str, corpus: Corpus, seed: int) -> Arm:
    """An arm whose weights depend on the seed alone. Raises PhinError where it is too large or too small to compare."""
    torch.manual_seed(seed)
    arm = ARMS[name](corpus.tokenizer.condition_sizes)
    if abs(arm.num_parameters / PLAN.parameters - 1) > PLAN.tolerance:
        remedy = f"bring it within {PLAN.tolerance:.0%} of {PLAN.parameters:,}".replace("%", " %")
        raise PhinError(name, f"has {arm.num_parameters:,} parameters", remedy)
    return arm


def trained(name: str, corpus: Corpus, seed: int, rate: float, steps: int, split: str) -> dict[str, Any]:
    """A run of an arm: what it took, and the bits of every tune of a split."""
    arm = build(name, corpus, seed)
    spent = train(arm, corpus.training_batches(seed), rate, steps)
    return report(name, seed, spent, measure(arm, corpus.held_out(split)), rate, arm.num_parameters)


def counted(corpus: Corpus, seed: int, steps: int | None) -> dict[str, Any]:
    """The Markov model: of the tunes that the other arms have seen after so many steps, or of all of them."""
    began = time.process_time()
    if steps is None:
        tunes = corpus.melodies.split("train").tolist()
    else:
        batches = islice(corpus.training_batches(seed), steps)
        tunes = sorted({example.item.tune for batch in batches for example in batch})
    phrases = [corpus.melodies.phrase(tune) for tune in tunes]
    model = MarkovModel.fit(phrases)
    spent = Spent(steps or 0, sum(map(len, phrases)), time.process_time() - began)
    examples = corpus.held_out("test")
    found = model.bits([example.phrase for example in examples], [example.item.tune for example in examples])
    return report(MARKOV, seed, spent, Bits(found.headline, found.notes, found.tune))


def report(
    name: str, seed: int, spent: Spent, bits: Bits, rate: float | None = None, parameters: int | None = None
) -> dict[str, Any]:
    """A run as its file holds it."""
    return {
        "arm": name,
        "seed": seed,
        "rate": rate,
        "parameters": parameters,
        **spent._asdict(),
        "bits_per_note": bits.a_note,
        **{f"{column}_of": values.tolist() for column, values in bits._asdict().items()},
        "machine": {
            "threads": torch.get_num_threads(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "torch": torch.__version__,
        },
    }


class Runs:
    """A folder of runs: a file each, made once. Each remembers what was asked of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def done(self, path: str, make: Callable[[], dict[str, Any]], **asked: Any) -> dict[str, Any]:
        """The run of that file, made now if it is not there. Raises PhinError where it is and other was asked of it."""
        file = self.folder / f"{path}.json"
        if not file.is_file():
            made = make()
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, json.dumps(made | {"asked": asked}))
            took = f"{made['steps']} steps, {made['seconds']:.0f} s"
            log.info("%s: %.3f bits a note, %s", path, made["bits_per_note"], took)
        stored = json.loads(file.read_text(encoding="utf-8"))
        if stored["asked"] != asked:
            said = ", ".join(f"{key}={value}" for key, value in stored["asked"].items())
            raise PhinError(file, f"was made with {said}", "name another folder with --runs, or remove it")
        return stored


def best_rate(runs: Runs, name: str, corpus: Corpus, steps: int) -> float:
    """The rate that reads the validation tunes best after a short run of each, seed 0."""

    def bits_at(rate: float) -> float:
        def make() -> dict[str, Any]:
            return trained(name, corpus, 0, rate, steps, "validation")

        return runs.done(f"{TRIAL}/{name}-{rate:g}", make, steps=steps, tunes=corpus.num_held_out)["bits_per_note"]

    return min(PLAN.rates, key=bits_at)


def run(runs: Runs, corpus: Corpus, arms: list[str], seeds: list[int], steps: int, trial_steps: int) -> None:
    """Every run of both tables that is not there. At equal time a slower arm takes fewer steps."""
    rates = {name: best_rate(runs, name, corpus, trial_steps) for name in arms if name != MARKOV}
    ours_times = read_speed({name: build(name, corpus, 0).num_parameters for name in (*rates, OURS)})
    for table, name, seed in product((NOTES, CLOCK), arms, seeds):
        asked: dict[str, Any] = {"rate": rates.get(name), "tunes": corpus.num_held_out}
        if name == MARKOV:
            of_steps = steps if table == NOTES else None
            runs.done(f"{table}/{name}-{seed}", partial(counted, corpus, seed, of_steps), steps=of_steps, **asked)
            continue
        of_steps = steps if table == NOTES else max(round(steps / ours_times[name]), 1)
        make = partial(trained, name, corpus, seed, rates[name], of_steps, "test")
        if table == CLOCK and of_steps == steps:  # it is as fast as ours, and has been trained so long
            make = partial(runs.done, f"{NOTES}/{name}-{seed}", make, steps=steps, **asked)
        runs.done(f"{table}/{name}-{seed}", make, steps=of_steps, **asked)


def speed(corpus: Corpus, arms: list[str], steps: int, rounds: int) -> dict[str, list[float]]:
    """Training notes a second of the processor of each arm, round by round; the arms take turns at the same batches."""
    built = {name: (build(name, corpus, 0), corpus.training_batches(0)) for name in arms}
    rates: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(1 + rounds):  # the first warms up
        for name, (arm, batches) in built.items():
            spent = train(arm, batches, PLAN.rates[0], steps)
            if number:
                rates[name].append(spent.notes / spent.seconds)
    return rates


def why_left_out(phrase: Phrase, notations: dict[str, Notation], context: int) -> str | None:
    """Why some arm cannot hold a melody; None: all can."""
    if (phrase.end[:-1] > phrase.onset[1:]).any():
        return "two notes sound at once"
    if phrase.metre is not None and phrase.metre not in METRES:
        return f"its metre {phrase.metre} is not among the conditions"
    for name, notation in notations.items():
        tokens = notation.encode(phrase)
        back = notation.decode(tokens, phrase.metre)
        if not np.array_equal(back.rows[:, :3], phrase.rows[:, :3]):
            return f"{name} reads back another tune"
        if (length := NUM_CONDITIONS + len(tokens)) > context:
            return f"{length} tokens of {name}: more than GPT-2 has positions for"
    return None


def left_out(config: DataConfig) -> dict[str, str]:
    """The tunes that some arm cannot hold, by id, and why; each is written and read back by every notation."""
    from experiments.against_peers.remi import CONTEXT, RemiNotation

    melodies = Melodies(prepare(config))
    notations: dict[str, Notation] = {"REMI": RemiNotation(), "ABC": AbcNotation()}
    reasons = {melodies.id(t): why_left_out(melodies.phrase(t), notations, CONTEXT) for t in range(len(melodies))}
    return {tune: why for tune, why in reasons.items() if why}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("corpus", "trials", "run", "speed", "draw"))
    parser.add_argument("--arms", nargs="+", default=list(PLAN.arms), choices=list(PLAN.arms))
    parser.add_argument("--seeds", nargs="+", type=int, default=PLAN.seeds)
    parser.add_argument("--steps", type=int, default=PLAN.steps, help="of about 1,024 notes, at equal notes")
    parser.add_argument("--trial-steps", type=int, default=PLAN.trial_steps, help="of each trial of a learning rate")
    parser.add_argument("--speed-steps", type=int, default=PLAN.speed_steps, help="of an arm in a round of `speed`")
    parser.add_argument("--rounds", type=int, default=PLAN.speed_rounds, help="of `speed`")
    parser.add_argument("--held-out", type=int, help="tunes of each split, to try whether all runs; all, unless said")
    parser.add_argument("--runs", type=Path, default=HERE / "runs")
    parser.add_argument("--cache", default="cache")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    try:
        carry_out(asked)
    except PhinError as error:
        raise SystemExit(f"study.py: {error}") from None


def carry_out(asked: argparse.Namespace) -> None:
    """What was asked for on the command line."""
    if asked.what == "corpus":
        return write_left_out(left_out(folk_config(asked.cache)))
    corpus = folk(asked.cache, asked.held_out)
    if asked.what == "draw":
        draw(asked.runs, corpus.melodies)
    elif asked.what == "trials":
        for name in (name for name in asked.arms if name != MARKOV):
            best_rate(Runs(asked.runs), name, corpus, asked.trial_steps)
        write_trials(asked.runs)
    elif asked.what == "speed":
        with_a_rate = [name for name in ARMS if name in (*asked.arms, OURS)]
        parameters = {name: build(name, corpus, 0).num_parameters for name in with_a_rate}
        write_speed(speed(corpus, with_a_rate, asked.speed_steps, asked.rounds), parameters)
    else:
        run(Runs(asked.runs), corpus, asked.arms, asked.seeds, asked.steps, asked.trial_steps)


if __name__ == "__main__":
    main()
