"""Runs that kill themselves at a given moment: the process that tests/training/test_killed.py starts.

    python -c "from tests.training.killed import main; main()" FOLDER NUM_MOMENTS

One run, `FOLDER/whole`, comes to its end undisturbed. Each other one is killed at a random moment of those that the
whole run passed, and gone on with to its end: `FOLDER/MOMENT`. A life of a run is a fork of this process, which has
imported everything, and a moment is a number: all that can be interrupted (a batch read, a validation batch, a half
written checkpoint, ...) is counted. Some lives have their batches made by other processes (LIVES). Prints what died
where, and among how many of those.
"""

import io
import multiprocessing
import os
import select
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from itertools import cycle
from pathlib import Path
from typing import Any, BinaryIO

import lightning as L
import numpy as np
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

import phin.training.checkpointing as checkpointing
import phin.training.run as running
import phin.whole_file as whole_file
from phin.cli.made import optimizer_maker
from phin.config import conf_dir, register
from phin.data.dataset import DataConfig
from phin.generation.request import SamplerConfig
from phin.training.checkpointing import WholeCheckpoints
from phin.training.lit_module import PhinModule
from phin.training.metrics_file import MetricsFile
from tests.settings import SCHEMAS
from tests.training.small import parts

OVERRIDES = (
    "logger=csv",
    "trainer.max_steps=14",
    "trainer.accumulate_grad_batches=2",
    "trainer.val_check_interval=6",
    "trainer.log_every_n_steps=1",
    "+trainer.enable_progress_bar=false",
    "callbacks.last.every_n_train_steps=2",
    "callbacks.early_stopping.patience=3",
    "callbacks.early_stopping.min_delta=100",
    "callbacks.samples.count=1",
    "callbacks.samples.lines=1",
    "~callbacks.progress",
)
"""Four validations, of which the last ends the run early, though steps were left."""


WHOLE, MOMENTS = "whole", "moments.txt"
LIVES = ((0, 0), (2, 0), (0, 0), (0, 2), (0, 0))
"""Loader workers of a run's first life, which is killed, and of its second, in turn. (`-c` and not `-m`, above: else a
worker imports this module, which takes it longer than to make all batches of an epoch.)"""
ORPHAN_SECONDS = 60
"""Within which a killed life's workers must have seen that it is gone; torch's look every five."""


class Moments:
    """Counts moments, and dies at one."""

    def __init__(self, die_at: int) -> None:
        self.seen: list[str] = []
        self.die_at = die_at

    def pass_by(self, name: str) -> None:
        self.seen.append(name)
        if len(self.seen) == self.die_at:
            print(f"{name}\t{len(multiprocessing.active_children())}", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, owner: Any, method: str, name: str) -> None:
        """Makes each call of a method a moment, before anything is done."""
        done: Callable[..., Any] = getattr(owner, method)

        @wraps(done)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.pass_by(name)
            return done(*args, **kwargs)

        setattr(owner, method, counted)


def life(run: Path, corpus: DataConfig, settings: DictConfig, die_at: int) -> None:
    """Trains in `run` from where it stands, to its end or until the moment comes."""
    moments = Moments(die_at)
    moments.before(PhinModule, "training_step", "training")
    moments.before(PhinModule, "optimizer_step", "stepping")
    moments.before(PhinModule, "validation_step", "validating")
    moments.before(MetricsFile, "log_metrics", "logging")
    moments.before(MetricsFile, "cut_back", "cutting back")
    moments.before(whole_file.os, "replace", "naming a file")
    save = torch.save

    def save_in_two_parts(stored: Any, file: BinaryIO) -> None:
        whole = io.BytesIO()
        save(stored, whole)
        file.write(whole.getvalue()[:1000])
        file.flush()
        moments.pass_by("saving")
        file.write(whole.getvalue()[1000:])

    checkpointing.torch.save = save_in_two_parts
    running.leave = lambda *_: None  # the table and the tunes are functions of the best checkpoint
    settings.run = str(run)
    make_optimizer = optimizer_maker(OmegaConf.to_container(settings.optimizer, resolve=True))
    module, datamodule = parts(corpus, seed=1, make_optimizer=make_optimizer, dropout=0.2)
    callbacks = [instantiate(callback) for callback in settings.callbacks.values()]
    loggers = [instantiate(logger) for logger in settings.logger.values()]
    given = {"callbacks": callbacks, "logger": loggers, "plugins": [WholeCheckpoints()]}
    trainer: L.Trainer = instantiate(settings.trainer, **given)
    running.train(run, trainer, module, datamodule, SamplerConfig())
    (run / MOMENTS).write_text("\n".join(moments.seen))


def moments_of(run: Path) -> list[str]:
    """What the last life of a run passed by."""
    return (run / MOMENTS).read_text().splitlines()


def live(run: Path, corpus: DataConfig, settings: DictConfig, die_at: int) -> bool:
    """One life of a run, in a process of its own; whether it was killed. Returns when its workers are gone, too."""
    mine, its = os.pipe()
    if not (child := os.fork()):
        os.close(mine)
        os.dup2(its, sys.stdout.fileno())  # which is all of it that its workers inherit
        os.close(its)
        try:
            life(run, corpus, settings, die_at)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    os.close(its)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise SystemExit(f"{run} ended with {status}")
    with open(mine) as said:
        while select.select([said], [], [], ORPHAN_SECONDS)[0]:
            if not (line := said.readline()):
                return status != 0
            print(line, end="", flush=True)
    raise SystemExit(f"{run} left workers that outlive it")


def main() -> None:
    torch.set_num_threads(1)
    running.silence_lightning()
    folder, num_moments = Path(sys.argv[1]), int(sys.argv[2])
    corpus = DataConfig(
        name="tiny",
        sources=["midi_folder"],
        path=f"{folder}/midi",
        cache=f"{folder}/cache",
        held_out=0.2,
        workers=1,
        batch_notes=30,
        window=16,
    )
    register("train", SCHEMAS["train"])
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        settings = compose("train", overrides=[*OVERRIDES])
    live(folder / WHOLE, corpus, settings, die_at=0)
    num_passed = len(moments_of(folder / WHOLE))
    # of the seeds tried (0 to 5) the first whose twenty moments are of every kind
    moments = 1 + np.random.default_rng(3).choice(num_passed, num_moments, replace=False)
    for moment, (first, second) in zip(moments, cycle(LIVES), strict=False):
        run = folder / str(moment)
        if live(run, replace(corpus, loader_workers=first), settings, die_at=int(moment)):
            live(run, replace(corpus, loader_workers=second), settings, die_at=0)  # it comes to its end
