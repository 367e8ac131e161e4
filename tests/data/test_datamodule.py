"""The data module: from files to what Lightning trains on, every tune once an epoch, held-out melodies as written."""

from itertools import islice
from pathlib import Path

import lightning as L
import pytest
import torch
from torch import Tensor

from phin.batch import PhinBatch
from phin.data.datamodule import PhinDataModule
from phin.data.dataset import DataConfig
from phin.errors import MissingCorpus
from phin.music.midi import midi_bytes, read_midi
from phin.music.phrase import Phrase
from phin.tokenizer import DENSITY_CONDITION, LAI_CONDITION, NUM_SYMBOLS, PITCH, Tokenizer
from tests.tunes import wander, with_drone


def tune(number: int) -> Phrase:
    return with_drone(wander(number, 20 + number % 5 * 10)) if number % 3 == 0 else wander(number, 24)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty MIDI files, as a player would have them."""
    folder = tmp_path_factory.mktemp("tunes")
    for number in range(40):
        (folder / f"{number}.mid").write_bytes(midi_bytes(tune(number)))
    return folder


def module(folder: Path, seed: int = 0, tokenizer: Tokenizer | None = None, **settings: object) -> PhinDataModule:
    defaults = {"batch_notes": 200, "held_out": 0.2, "workers": 1, "cache": str(folder / "cache")}
    config = DataConfig(sources=["midi_folder"], path=str(folder), **{**defaults, **settings})
    return PhinDataModule(config, seed, progress=False, tokenizer=tokenizer)


class Listener(L.LightningModule):
    """Learns nothing and writes down which tunes it hears, epoch by epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.heard: list[list[int]] = []
        self.counts: list[Tensor | None] = []

    def on_train_epoch_start(self) -> None:
        self.heard.append([])

    def training_step(self, batch: PhinBatch, batch_idx: int) -> Tensor:
        self.heard[-1] += batch.tune.tolist()
        self.counts.append(batch.step_counts)
        return self.weight.sum()

    def validation_step(self, batch: PhinBatch, batch_idx: int) -> None:
        """Without one Lightning warns, although no batch is validated."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(place: Path, epochs: int, **settings: object) -> L.Trainer:
    return L.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
        default_root_dir=place,
        **settings,
    )


def test_lightning_hears_every_training_tune_once_in_every_epoch(folder: Path, tmp_path: Path) -> None:
    """Half of the epochs would be empty, and a night of training would be half a night."""
    data, listener = module(folder), Listener()
    trainer(tmp_path, epochs=3).fit(listener, datamodule=data)
    training = data.store.split("train").tolist()
    assert [sorted(epoch) for epoch in listener.heard] == [training] * 3
    assert listener.heard[0] != listener.heard[1]


def test_a_share_is_of_whole_families_and_part_of_every_larger_share(folder: Path) -> None:
    """Fails: a learning curve compares unlike tunes; or a family is learned from in part, and its rest is not."""
    heard = {}
    for share in (0.01, 0.25, 0.5, 1.0):
        data = module(folder, share=share)
        batches = list(data.train_dataloader())
        heard[share] = {int(tune) for batch in batches for tune in batch.tune}
        train = data.store.split("train")
        families = data.store.families[sorted(heard[share])]
        all_families = len(set(data.store.families[train].tolist()))
        assert len(set(families.tolist())) == max(1, round(share * all_families))
        assert heard[share] == {int(tune) for tune in train if data.store.families[tune] in families}
        assert len(data.val_dataloader().dataset) == len(data.store.split("validation"))
    assert heard[0.01] < heard[0.25] < heard[0.5] < heard[1.0]


def test_a_trial_of_one_tune_learns_and_validates_that_tune(folder: Path) -> None:
    """Fails: `trainer=overfit` shows a model that cannot learn a tune, for it is asked about another."""
    data = module(folder, overfit=1, transpose=False)
    (tune,) = data.learned.tolist()
    assert tune in data.store.split("train")
    for batches in (data.train_dataloader(), data.val_dataloader()):
        (batch,) = list(batches)
        assert batch.tune.tolist() == [tune]
    assert tune not in {number for batch in data.test_dataloader() for number in batch.tune.tolist()}


def test_lightnings_accumulation_is_known_to_the_batches(folder: Path, tmp_path: Path) -> None:
    """Accumulated batches would each be weighed as a step of their own."""
    data, listener = module(folder), Listener()
    trainer(tmp_path, epochs=1, accumulate_grad_batches=2).fit(listener, datamodule=data)
    assert data.loader is not None
    assert data.loader.accumulate == 2
    assert len(listener.counts) > 2
    for one, other in zip(listener.counts[::2], listener.counts[1::2], strict=False):
        assert torch.equal(one, other)
    assert not torch.equal(listener.counts[0], listener.counts[2])


def test_the_notes_of_the_files_are_the_notes_of_the_batches(folder: Path) -> None:
    """The ancestor's data never reached its model: it read every file, and trained on 64 times middle C."""
    data = module(folder, transpose=False, drop_condition=0.0)
    batches = list(data.train_dataloader())
    heard = {}
    for batch in batches:
        for number, ids in zip(batch.tune.tolist(), batch.ids.numpy(), strict=True):
            heard[number] = data.tokenizer.decode(ids, data.store.phrase(number).metre)
    assert sorted(heard) == data.store.split("train").tolist()
    for number, phrase in heard.items():
        read = read_midi(folder / data.store.id(number)).phrase
        assert phrase == Phrase(read.rows, metre=read.metre)
    pitches = torch.cat([batch.ids[..., PITCH].flatten() for batch in batches])
    assert len(pitches[pitches >= NUM_SYMBOLS].unique()) > 20


@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_held_out_melody_is_scored_once_as_it_was_written(folder: Path, split: str) -> None:
    """The headline number would leave out tunes, count drones, or be told the lai."""
    data = module(folder)
    loader = data.val_dataloader() if split == "validation" else data.test_dataloader()
    seen = []
    for batch in loader:
        assert (batch.conditions[:, [LAI_CONDITION, DENSITY_CONDITION]] == 0).all()
        for number, ids in zip(batch.tune.tolist(), batch.ids.numpy(), strict=True):
            phrase = data.store.phrase(number)
            assert data.tokenizer.decode(ids, phrase.metre) == Phrase(phrase.melody.rows, metre=phrase.metre)
            seen.append(number)
    assert sorted(seen) == data.store.split(split).tolist()
    assert len(seen) > 1


def test_the_seed_decides_what_is_heard_and_nothing_else_does(folder: Path) -> None:
    """Two runs of one configuration would not be comparable, or all seeds would be the same run."""

    def first(seed: int) -> PhinBatch:
        return next(islice(iter(module(folder, seed).train_dataloader()), 1))

    assert torch.equal(first(0).ids, first(0).ids)
    assert not first(0).ids.equal(first(1).ids)


def test_held_out_melodies_do_not_depend_on_the_seed(folder: Path) -> None:
    """The figures of two runs would be measured on different notes."""
    one, other = ([batch.ids for batch in module(folder, seed).val_dataloader()] for seed in (0, 1))
    assert all(map(torch.equal, one, other))


def test_a_given_tokenizer_is_used(folder: Path) -> None:
    """A trained model that goes on with another corpus would take its sources for others."""
    given = Tokenizer(sources=("essen", "midi"))
    assert module(folder, tokenizer=given).tokenizer is given
    assert module(folder).tokenizer.sources == ("midi",)


def test_a_corpus_too_small_to_hold_anything_out_is_refused_in_words(tmp_path: Path) -> None:
    """Training would fail in its first validation, after the first hour."""
    (tmp_path / "one.mid").write_bytes(midi_bytes(tune(1)))
    with pytest.raises(MissingCorpus, match=r"nothing for validation and test\. Give it tunes of at least three"):
        module(tmp_path)
