"""How well a trained model adapts to a few pages of letters: folds by family, everything chosen inside the fold.

    python -m experiments.adapting.study LETTERS_DIR CHECKPOINT

LETTERS_DIR holds pages of Thai letters; those whose title has ลาว in it are taken. CHECKPOINT is a run of data=folk.
Writes results.csv beside this file. Nothing of the pages is kept but counts of bits.
"""

import argparse
import csv
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import lightning as L
import numpy as np
import torch
from jaxtyping import Int
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from experiments.recipe import LOSS
from phin.corpus.intake import prepare
from phin.corpus.settings import FOLK
from phin.corpus.store import SPLITS, Store
from phin.data.datamodule import PhinDataModule
from phin.data.dataset import DataConfig
from phin.evaluation.bits_table import MONITOR
from phin.evaluation.intervals import interval_by_family
from phin.evaluation.markov import MarkovModel
from phin.evaluation.metrics import TuneBits
from phin.evaluation.split_bits import model_bits
from phin.model.adapting import adapted, with_sources
from phin.model.checkpoint import Identity, find, load
from phin.model.transformer import PhinTransformer, TransformerConfig
from phin.music.phrase import Phrase
from phin.training import run
from phin.training.muon import MuonWithAdamW
from phin.training.schedule import ScheduleConfig

HERE = Path(__file__).parent
FOLDS = 5
ADAPTING = (("adamw", 3e-4), ("adamw", 1e-3), ("muon", 1e-3), ("muon", 3e-3))
FRESH = (("adamw", 1.5e-3), ("muon", 6e-3))
"""Optimisers and their rates, of which a fold chooses."""
ADAPTING_STEPS, FRESH_STEPS = 80, 240
BATCH_NOTES = 512
COLUMNS = (
    *("arm", "families", "notes", "step", "pitch", "bits_per_note", "low", "high"),
    *("less_than_before", "less_low", "less_high", "chosen"),
)
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adamw": torch.optim.AdamW, "muon": MuonWithAdamW}
TIMES = (1, 4, 16)
"""How often the Markov model is shown the letters, beside the folk tunes once."""
Start = tuple[PhinTransformer, Identity]


class Fold(Store):
    """A store split anew: families held out for testing, others for choosing, the rest for learning."""

    def __init__(self, store: Store, test: Sequence[int], validation: Sequence[int]) -> None:
        super().__init__(store.folder)
        kind = np.where(np.isin(store.families, test), 2, np.where(np.isin(store.families, validation), 1, 0))
        self.by_name = {name: np.flatnonzero(kind == number) for number, name in enumerate(SPLITS)}

    def split(self, name: str) -> Int[np.ndarray, " tune"]:
        return self.by_name[name]


class Scored(NamedTuple):
    """Validation bits a note, by which settings are chosen, and the test tunes' bits."""

    validation: float
    test: TuneBits
    chosen: str


def fold_families(store: Store) -> list[list[int]]:
    """Families dealt out by their notes, the largest first: folds are as like in size as whole families allow."""
    families, place = np.unique(store.families, return_inverse=True)
    notes = np.bincount(place, weights=store.lengths)
    order = families[np.argsort(-notes, kind="stable")].tolist()
    return [order[fold::FOLDS] for fold in range(FOLDS)]


def folds_of(store: Store) -> list[Fold]:
    """The folds: each tests some families, and chooses by those that the next one tests."""
    families = fold_families(store)
    return [Fold(store, test, families[(number + 1) % FOLDS]) for number, test in enumerate(families)]


def bits_a_note(bits: TuneBits) -> float:
    return float(bits.headline.sum() / bits.notes.sum())


def trained(
    data: PhinDataModule,
    model: TransformerConfig,
    start: Start | None,
    how: tuple[str, float],
    steps: int,
    every: int,
    stop: bool,
) -> Start:
    """The best checkpoint of a run by validation (`stop`), or its last one; `how` is an optimiser and its rate."""
    L.seed_everything(0, workers=True, verbose=False)
    kind, rate = how
    optimizer = partial(OPTIMIZERS[kind], lr=rate, betas=(0.9, 0.95), weight_decay=0.05)
    module = run.build(data, model, LOSS, optimizer, ScheduleConfig(), start)
    folder = tempfile.mkdtemp()
    best = ModelCheckpoint(folder, "best", monitor=MONITOR if stop else None, enable_version_counter=False)
    early = [EarlyStopping(MONITOR, min_delta=0.002, patience=4)] if stop else []
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=-1,
        max_steps=steps,
        val_check_interval=every,
        check_val_every_n_epoch=None,
        limit_val_batches=None if stop else 0,
        gradient_clip_val=1.0,
        logger=False,
        callbacks=[best, *early],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
    )
    trainer.fit(module, datamodule=data)
    if not stop:
        trainer.save_checkpoint(Path(folder) / "best.ckpt")
    best_model = load(Path(folder) / "best.ckpt")
    shutil.rmtree(folder)
    return best_model


def scored(data: PhinDataModule, start: Start, chosen: str = "") -> Scored:
    model = start[0]
    if start[1].tokenizer != data.tokenizer:
        model = adapted(*start, data.tokenizer).eval()
    validation = model_bits(model, data.val_dataloader(), progress=False)
    return Scored(bits_a_note(validation), model_bits(model, data.test_dataloader(), progress=False), chosen)


def said(how: tuple[str, float]) -> str:
    """An optimiser and its rate, as the table names them."""
    return f"{how[0]} {how[1]:g}"


def best_of(candidates: list[Scored]) -> Scored:
    """The one that reads the validation tunes of its fold best, whatever it makes of the test tunes."""
    return min(candidates, key=lambda scored: scored.validation)


def markov(fold: Fold, folk: Sequence[Phrase], times: int) -> Scored:
    """Counts of folk tunes once and of the fold's letters so many times."""
    letters = [fold.phrase(int(tune)) for tune in fold.split("train")]
    model = MarkovModel.fit([*folk, *letters * times])

    def bits(name: str) -> TuneBits:
        tunes = fold.split(name).tolist()
        return model.bits([fold.phrase(tune) for tune in tunes], tunes)

    return Scored(bits_a_note(bits("validation")), bits("test"), f"letters {times} times")


def results(letters: Path, base: Start, cache: str) -> dict[str, list[Scored]]:
    """Of each arm, its scores fold by fold."""
    config = DataConfig("lao_letters", ["thai_letters"], path=str(letters), cache=cache, batch_notes=BATCH_NOTES)
    store, network = prepare(config), base[1].model
    folk_data = DataConfig("folk", list(FOLK), splits="folk", cache=cache, batch_notes=BATCH_NOTES)
    folk_store = prepare(folk_data)
    folk = [folk_store.phrase(int(tune)) for tune in folk_store.split("train")]
    on_folk = PhinDataModule(folk_data, 0, folk_store, tokenizer=base[1].tokenizer)
    more_folk = {how: trained(on_folk, network, base, how, ADAPTING_STEPS, 10, stop=False) for how in ADAPTING}
    arms: dict[str, list[Scored]] = {}
    for number, fold in enumerate(folds_of(store)):
        to_adapt = PhinDataModule(config, 0, fold, tokenizer=with_sources(base[1].tokenizer, store.sources))
        fresh = PhinDataModule(config, 0, fold)
        done = {
            "before": scored(to_adapt, base),
            "adapted": best_of(
                [
                    scored(to_adapt, trained(to_adapt, network, base, how, ADAPTING_STEPS, 10, stop=True), said(how))
                    for how in ADAPTING
                ]
            ),
            "continued on folk": best_of([scored(to_adapt, model, said(how)) for how, model in more_folk.items()]),
            "from scratch": best_of(
                [
                    scored(fresh, trained(fresh, network, None, how, FRESH_STEPS, 30, stop=True), said(how))
                    for how in FRESH
                ]
            ),
            "Markov, folk": markov(fold, folk, 0),
            "Markov, letters": markov(fold, [], 1),
            "Markov, folk and letters": best_of([markov(fold, folk, times) for times in TIMES]),
        }
        for name, score in done.items():
            arms.setdefault(name, []).append(score)
            print(
                f"fold {number} {name}: {score.validation:.3f} {bits_a_note(score.test):.3f} {score.chosen}", flush=True
            )
    write(arms, store)
    return arms


def joined(scores: Sequence[Scored]) -> TuneBits:
    """The test tunes of all folds: each tune once, in their order."""
    every = TuneBits(*(np.concatenate(columns) for columns in zip(*(score.test for score in scores), strict=True)))
    order = np.argsort(every.tune, kind="stable")
    return TuneBits(*(column[order] for column in every))


def write(arms: dict[str, list[Scored]], store: Store) -> None:
    """results.csv: an arm a row, with its interval, and the difference to the model before."""
    before = joined(arms["before"])
    family = store.families[before.tune]
    with open(HERE / "results.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for name, scores in arms.items():
            bits = joined(scores)
            gain = before.headline - bits.headline
            total = bits.notes.sum()
            numbers: list[Any] = [*(bits.bits[:, [0, 3]].sum(axis=0) / total), bits.headline.sum() / total]
            numbers += [*interval_by_family(bits.headline, bits.notes, family), gain.sum() / total]
            numbers += interval_by_family(gain, bits.notes, family)
            chosen = "; ".join(score.chosen for score in scores)
            table.writerow([name, len(set(family.tolist())), total, *(f"{n:.3f}" for n in numbers), chosen])
    print((HERE / "results.csv").read_text(encoding="utf-8"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("letters", type=Path)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--cache", default="cache")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    run.silence_lightning()
    with tempfile.TemporaryDirectory() as place:
        for page in sorted(asked.letters.glob("*.txt")):
            if "ลาว" in page.read_text(encoding="utf-8").split("\n", 1)[0]:
                shutil.copy2(page, place)
        results(Path(place), load(find(asked.checkpoint)), asked.cache)
