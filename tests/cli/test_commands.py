"""The commands as a person uses them: from a folder of MIDI files to tunes, and one line for each mistake."""

import csv
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from phin.config import conf_dir
from phin.corpus.copies import store_of
from phin.evaluation import equalities
from phin.generation.given import Given
from phin.meanings import meanings
from phin.model.checkpoint import PHIN_KEY, find, load
from phin.music.midi import read_midi
from tests.cli.commands import TINY, TRAINING, WATCHED, Outcome, all_files, as_said_last, phin
from tests.midi_defects import defect_files
from tests.model.test_checkpoint import saved
from tests.settings import SCHEMAS
from tests.training.offline_run import offline_runs
from tests.unchecked import unchecked

# --- mistakes

MISTAKES = [
    (
        "train",
        ["model.dims=256"],
        "model.dims: there is no such setting. Take model.dim if you mean that, or leave it out; phin-train --help",
    ),
    ("export", ["checkpoint=nowhere", "out=model.onnx"], "out=model.onnx"),
    (
        "export",
        ["checkpoint=good.ckpt", "out=model.safetensors", "cache=cache"],
        "cache=cache: means nothing for one file",
    ),
    ("generate", ["checkpoint=nowhere", "precision=int4"], "precision=int4"),
    ("generate", ["checkpoint=nowhere", "choose.length_penalty=2"], "choose.length_penalty=2"),
    ("generate", ["checkpoint=nowhere", "choose.candidates=0"], "choose.candidates=0"),
    ("evaluate", ["checkpoint=nowhere", "exported=x"], "exported=x"),
    ("evaluate", ["checkpoint=nowhere", "compiled=false"], "compiled=false"),
    ("evaluate", ["checkpoint=nowhere", "equalities=true", "out=x"], "out=x: means nothing with equalities=true"),
    ("evaluate", ["checkpoint=nowhere", "equalities=true", "lai=yai"], "lai=yai: means nothing with equalities=true"),
    ("evaluate", ["equalities=true"], "checkpoint: is not set"),
    ("evaluate", ["tunes=no_tunes", "count=9"], "count=9: means nothing for tunes that are there already"),
    ("evaluate", ["tunes=no_tunes", "sampler=greedy"], "sampler=greedy: means nothing where no tunes are drawn"),
    ("evaluate", ["tunes=no_tunes", "against=good.ckpt"], "against=good.ckpt: means nothing without a checkpoint"),
    ("evaluate", ["checkpoint=nowhere", "count=0", "lines=9"], "lines=9: means nothing where no tunes are drawn"),
    ("evaluate", ["tunes=tunes", "count=128"], "count=128: means nothing for tunes that are there already"),
    ("evaluate", ["checkpoint=nowhere", "lai=yay"], "lai=yay"),
    ("evaluate", ["checkpoint=nowhere", "pattern=x--y"], "pattern=x--y: 'x--y' is no rhythm of four slots"),
    ("evaluate", ["checkpoint=nowhere", "shown=-1"], "shown=-1: is too few"),
    ("evaluate", ["checkpoint=nowhere", "shown=33"], "shown=33: would make a page of 33 megabytes"),
    ("evaluate", ["tunes=no_tunes", "lai=none"], "lai=none: means nothing for tunes that are there already"),
    ("evaluate", ["checkpoint=nowhere", "most_real=2"], "most_real=2: is too few"),
    ("evaluate", ["tunes=nowhere"], "tunes=nowhere: is no folder"),
    ("evaluate", ["tunes=no_tunes"], "tunes=no_tunes: holds no tune that can be read"),
    ("train", ["modl=tiny"], "modl"),
    ("train", ["seed=1", "seed=2"], "seed=2: stands beside seed=1. Leave one of them out."),
    ("train", ["logger=[csv,foo]"], "logger=foo: is no choice of logger. Take one of csv, default"),
    ("generate", ["keep.lia=true"], "keep.lia: there is no such setting. Take keep.lai if you mean that, or leave"),
    ("generate", ["tempo=abc"], "tempo=abc: is no number. Take one, as 100."),
    ("generate", ["--count", "3"], "--count: is no option. Write count=VALUE."),
    ("generate", ["=3"], "=3: names no setting. Write it as key=value."),
    ("generate", ["~sampler.top_p"], "~sampler.top_p: cannot be taken out. Set it to what you want instead."),
    ("generate", ["given=no_tunes"], "no_tunes: is a folder. Name a file in it."),
    ("generate", ["checkpoint=no_tunes", "precision=int8"], "no_tunes: holds no checkpoint"),
    ("generate", ["checkpoint=nowhere.pte"], "nowhere.pte: there is no such file or folder"),
    ("generate", ["checkpoint=nowhere", "out=good.ckpt"], "nowhere: there is no such file or folder"),
    ("generate", ["given=nowhere.mid", "out=good.ckpt"], "nowhere.mid: cannot be opened"),
    ("export", ["checkpoint=nowhere", "out=good.ckpt"], "out=good.ckpt: is no form that is known"),
    ("export", ["checkpoint=nowhere", "out=no_tunes"], "nowhere: there is no such file. Name a .ckpt or .safetensors"),
    ("export", ["checkpoint=good.ckpt", "out=no_tunes"], "out=no_tunes: is there already (a folder). Name another"),
    ("evaluate", ["checkpoint=good.ckpt", "against=nowhere"], "nowhere: there is no such file"),
    ("evaluate", ["checkpoint=good.ckpt", "equalities=true", "exported=no_tunes"], "exported=no_tunes: holds no"),
    ("evaluate", ["tunes=good.ckpt", "out=no_tunes"], "tunes=good.ckpt: is a file, and no folder"),
    (
        "train",
        ["model=huge"],
        "model=huge: is no choice of model. Take one of absolute, index_rotary, large",
    ),
    ("train", ["data=flok"], "data=flok: is no choice of data. Take one of abc_folder, anthology"),
    ("train", ["seed=soon"], "seed=soon: is no whole number. Take one, as 4."),
    ("train", ["seed="], "seed=: is no whole number"),
    ("train", ["compile=perhaps"], "compile=perhaps: is neither yes nor no. Take true or false."),
    ("train", ["model.dim=7"], "model.dim=7"),
    (
        "train",
        ["trainer.max_stps=3"],
        "trainer.max_stps: is not set in conf/. Take trainer.max_steps if you mean that, or write +trainer.max_stps=",
    ),
    ("train", ["model.dim="], "model.dim"),
    ("train", ["data=midi_folder"], "data.path"),
    ("train", ["data=midi_folder", "data.path=nowhere"], "nowhere"),
    ("train", ["data=midi_folder", "data.path=no_tunes"], "no_tunes"),
    ("train", ["data.path=nowhere"], "nowhere"),
    ("train", ["data.path=เพลง/ของ ฉัน"], "two pairs of quotes round all of it: \"data.path='เพลง/ของ ฉัน'\"."),
    ("train", ["data.path='half"], "two pairs of quotes round all of it: \"data.path='half'\"."),
    ("train", ["data.sources=[essen"], "data.sources=[essen: cannot be read. Close its brackets"),
    ("train", ["tiny"], "tiny: is no setting"),
    ("prepare", ["data.sources={midi_folder:2}"], "is no list. Write data.sources=[midi_folder]"),
    ("generate", ["checkpoint=good.ckpt", "formats=mid"], "formats=mid: is no list. Write formats=[mid]"),
    ("train", ["loss=learned", "loss.weights={foo: 1}"], "loss.weights: mean nothing with weighing=learned"),
    ("train", ["loss.weights={foo: 1}"], "loss.weights: must name each of"),
    ("train", ["resume=nowhere"], "resume=nowhere"),
    ("train", ["run=no_tunes/notes.txt"], "notes.txt"),
    ("train", ["run=other", "resume=nowhere"], "run=other: contradicts resume=nowhere"),
    ("train", ["init=good.ckpt", "resume=nowhere"], "init=good.ckpt: contradicts resume=nowhere"),
    ("train", ["trainer.val_check_interval=0"], "trainer.val_check_interval=0"),
    ("generate", ["checkpoint=good.ckpt", "sampler.temperature=inf"], "sampler.temperature"),
    ("generate", ["checkpoint=good.ckpt", "out="], "out="),
    ("generate", ["checkpoint="], "checkpoint="),
    ("train", ["seed=-1"], "seed=-1"),
    ("train", ["threads=-1"], "threads=-1"),
    ("train", ["threads=5000"], "threads=5000: is too many for this machine"),
    ("train", ["data.loader_workers=5000"], "data.loader_workers=5000: is too many"),
    ("train", ["trainer.max_epochs=0"], "trainer.max_epochs=0"),
    ("train", ["trainer.gradient_clip_val=-1"], "trainer.gradient_clip_val=-1"),
    ("train", ["data.name=../x"], "data.name='../x'"),
    ("generate", ["checkpoint=good.ckpt", "count=100000000"], "count=100000000: is too many"),
    ("train", ["trainer.max_steps=-1"], "trainer.max_steps=-1"),
    ("train", ["trainer.accumulate_grad_batches=0"], "trainer.accumulate_grad_batches=0"),
    ("train", ["trainer.devices=2"], "trainer.devices, trainer.num_nodes: more than one need a process for each"),
    ("train", ["~trainer.max_steps"], "trainer.max_steps"),
    ("train", ["monitor=val/foo"], "callbacks.early_stopping.monitor=val/foo"),
    ("train", ["callbacks.best.monitor=val/foo"], "callbacks.best.monitor=val/foo"),
    ("train", ["callbacks.early_stopping.patience=abc"], "callbacks.early_stopping.patience=abc"),
    ("train", ["optimizer.lr=-1"], "optimizer: Invalid learning rate: -1."),
    ("train", ["optimizer.lr=nan"], "optimizer.lr=nan: must be a number"),
    ("train", ["optimizer.lr=fast"], "optimizer.lr=fast: must be a number"),
    ("train", ["run="], "run=: is empty"),
    ("train", ["resume="], "resume=: is empty"),
    ("train", ["init="], "init=: is empty"),
    ("train", ["run=a\nb"], "run=a\\nb: has letters, blanks or signs"),
    ("train", ["monitor="], "callbacks.early_stopping.monitor=: no validation gives that number"),
    ("train", ["+trainer.num_nodes=2"], "trainer.devices, trainer.num_nodes: more than one need a process for each"),
    ("train", ["+trainer.precision=16-mixed"], "trainer.precision=16-mixed: does not train as phin clips"),
    ("train", ["+trainer.precision=16-true"], "trainer.precision=16-true: does not train as phin clips"),
    ("train", ["+trainer.gradient_clip_algorithm=value"], "trainer.gradient_clip_algorithm=value: is not how"),
    ("train", ["trainer=ddp", "monitor=sample/diversity"], "is known to the first process alone"),
    ("train", ["monitor=sample/nonsense"], "callbacks.early_stopping.monitor=sample/nonsense: no validation gives"),
    ("train", ["trainer=ddp", "compile=true"], "compile=true: was not tried on several devices"),
    ("train", ["model=null"], "model=null: is no choice of model. Take one of absolute"),
    ("train", ["callbacks.samples.show=-1"], "callbacks.samples: show=-1: is no count. Take 0 to keep none."),
    ("train", ["callbacks.samples.count=null"], "callbacks.samples.count=null: must be a whole number. Mend it"),
    ("train", ["data.batch_notes=99999999999999999999"], "data.batch_notes=99999999999999999999: is too many"),
    ("prepare", ["data.file_megabytes=99999999999999999999"], "data.file_megabytes=99999999999999999999: is too many"),
    ("prepare", ["data.cache="], "data.cache=: is empty"),
    ("train", ["optimizer.betas=[0.9]"], "optimizer.betas=[0.9]: are not two numbers"),
    ("train", ["optimizer._target_=os.system"], "optimizer._target_=os.system: makes no Optimizer"),
    ("train", ["trainer._target_=os.getcwd"], "trainer._target_=os.getcwd: makes no Trainer"),
    ("train", ["trainer.accelerator=abacus"], "trainer: You selected an invalid accelerator name"),
    ("train", ["callbacks.samples.count=one", "callbacks.samples._target_=no.such"], "callbacks.samples._target_=no"),
    ("train", ["callbacks.samples=null"], "callbacks.samples=None: is no callback. Leave it out: ~callbacks.samples"),
    ("train", ["loss=uniform", "loss.weights={note: 1}"], "loss.weights"),
    ("train", ["data.held_out=0.2"], "data.splits=folk"),
    ("train", ["init=nowhere.ckpt"], "nowhere.ckpt"),
    ("train", ["init=no_tunes"], "holds no checkpoint"),
    ("train", ["run=no_tunes"], "run=no_tunes: holds notes.txt, and not the settings of a run that wrote it"),
    ("train", ["init=good.ckpt", "model.num_layers=2"], "model.num_layers=2"),
    ("train", ["init=good.ckpt", "model=tiny"], "model=tiny"),
    ("train", ["data=thai_letters", "data.path=no_tunes", "data.pieces=3"], "data.pieces=3"),
    ("train", ["data.sources=[esen]"], "data.sources: esen"),
    ("prepare", ["data=midi_folder", "data.path=no_tunes", "data.held_out=0.7"], "data.held_out=0.7"),
    ("prepare", ["data=midi_folder", "data.path=no_tunes/notes.txt"], "notes.txt"),
    ("prepare", ["data.paht=x"], "data.paht"),
    ("prepare", ["+foo=1"], "+foo=1: there is no such setting"),
    ("prepare", ["+data.foo=1"], "+data.foo=1: there is no such setting"),
    ("train", ["+foo=1"], "+foo=1: there is no such setting"),
    ("generate", ["checkpoint=good.ckpt", "+model=tiny"], "+model=tiny: there is no such setting"),
    ("generate", ["checkpoint=good.ckpt", "model=tiny"], "No match in the defaults list. See"),
    ("evaluate", [], "checkpoint: is not set. Name a run's folder"),
    ("export", [], "checkpoint: is not set. Write checkpoint=... (phin-export --help says"),
    ("export", ["checkpoint=good.ckpt"], "out: is not set. Write out=..."),
    ("evaluate", ["checkpoint=nowhere.ckpt"], "nowhere.ckpt"),
    ("evaluate", ["checkpoint=no_tunes"], "holds no checkpoint"),
    ("evaluate", ["checkpoint=good.ckpt", "split=train"], "split=train"),
    ("generate", ["checkpoint=torn.ckpt"], "torn.ckpt"),
    ("generate", ["checkpoint=no_tunes/notes.txt"], "notes.txt"),
    ("generate", ["checkpoint=good.ckpt", "lines=0"], "lines=0"),
    ("generate", ["checkpoint=good.ckpt", "lai=yay"], "lai=yay"),
    ("generate", ["checkpoint=good.ckpt", "metre=5"], "metre '5'"),
    ("generate", ["checkpoint=good.ckpt", "source=isan"], "source=isan"),
    ("generate", ["checkpoint=good.ckpt", "count=0"], "count=0"),
    ("generate", ["checkpoint=good.ckpt", "seed=-1"], "seed=-1"),
    ("generate", ["checkpoint=good.ckpt", "sampler.temperature=0"], "sampler.temperature"),
    ("generate", ["checkpoint=good.ckpt", "sampler=wild"], "sampler=wild: is no choice of sampler. Take one of greedy"),
    ("generate", ["checkpoint=good.ckpt", "sampler.min_p=2"], "sampler.min_p=2"),
    (
        "generate",
        ["checkpoint=good.ckpt", "sampler.min_p=1"],
        "sampler.min_p=1.0: must be at least 0 and below 1. Take 0.05",
    ),
    ("generate", ["checkpoint=good.ckpt", "sampler=greedy"], "count=4: asks for tunes that are all one"),
    (
        "generate",
        ["checkpoint=good.ckpt", "sampler=greedy", "count=1", "seed=3"],
        "seed=3: means nothing where the likeliest note is drawn every time. Leave it out",
    ),
    *(
        ("generate", ["checkpoint=good.ckpt", "sampler=greedy", "count=1", f"sampler.{way}"], f"sampler.{way}: means")
        for way in ("temperature=1", "top_p=0.9", "min_p=0.1", "temperatures.pitch=0.5")
    ),
    (
        "generate",
        ["checkpoint=good.ckpt", "lai=yai", "blend=1", "other.source=han"],
        "lai=yai: means nothing with blend=1, which is the other style alone, where nothing keeps to it",
    ),
    (
        "generate",
        ["checkpoint=good.ckpt", "tempo=90", "blend=1", "other.tempo=60"],
        "tempo=90.0: means nothing with blend=1",
    ),
    (
        "generate",
        ["checkpoint=good.ckpt", "source=han", "blend=0.5", "other.source=han"],
        "blend=0.5: means nothing between a style and itself",
    ),
    (
        "generate",
        ["checkpoint=good.ckpt", "guidance=0", "source=han", "blend=0.5", "other.source=essen"],
        "blend=0.5: means nothing with guidance=0",
    ),
    ("generate", ["checkpoint=good.ckpt", "sampler.temperatures.pich=2"], "sampler.temperatures.pich: there is no"),
    ("generate", ["checkpoint=good.ckpt", "keep.lai=true"], "keep.lai=true: means nothing without a lai"),
    ("generate", ["checkpoint=good.ckpt", "use=decorate"], "use=decorate: means nothing without a tune"),
    ("generate", ["checkpoint=good.ckpt", "rewrite=3-6"], "rewrite=3-6: means nothing without a tune"),
    ("generate", ["checkpoint=good.ckpt", "given=nowhere.mid"], "nowhere.mid"),
    ("generate", ["checkpoint=good.ckpt", "given=no_tunes/notes.pdf"], "is of no form that a tune is read from"),
    ("generate", ["checkpoint=good.ckpt", "keep.hand=3"], "keep.hand=3: means nothing without a tuning"),
    ("generate", ["checkpoint=good.ckpt", "keep.tuning=E"], "keep.tuning=E: has 1 string"),
    ("generate", ["checkpoint=good.ckpt", "keep.tuning=E-A-E", "keep.hand=99"], "keep.hand=99: there is no such fret"),
    (
        "generate",
        ["checkpoint=good.ckpt", "choose.candidates=64", "count=200"],
        "choose.candidates=64: of count=200 are 12800 tunes, and 10000 are the most at once. Take fewer of either",
    ),
    (
        "generate",
        ["checkpoint=good.ckpt", "choose.candidates=4", "sampler=greedy"],
        "choose.candidates=4: asks for tunes that are all one where the likeliest note is drawn every time",
    ),
    (
        "generate",
        ["checkpoint=good.ckpt", "like=a.mid", "blend=1", "other.source=han"],
        "like=a.mid: means nothing with blend=1, which is the other style alone. Leave it out",
    ),
    ("generate", ["checkpoint=good.ckpt", "lai='po sai'", "keep.drone=true"], "keep.drone=true: no open string"),
    ("generate", ["checkpoint=torn.ckpt", "out=good.ckpt"], "out=good.ckpt: good.ckpt is a file"),
    ("generate", ["checkpoint=torn.ckpt", "out=good.ckpt/tunes"], "out=good.ckpt/tunes: good.ckpt is a file"),
    (
        "generate",
        ["checkpoint=torn.ckpt", "out=/proc/tunes"],
        "out=/proc/tunes: no file can be made in /proc. Name a folder",
    ),
    ("evaluate", ["checkpoint=torn.ckpt", "out=/proc/e"], "out=/proc/e: no file can be made in /proc"),
    ("evaluate", ["checkpoint=torn.ckpt", "out=good.ckpt"], "out=good.ckpt: good.ckpt is a file"),
    ("evaluate", ["checkpoint=torn.ckpt", "out=no_tunes"], "out=no_tunes: is there already"),
    ("evaluate", ["checkpoint=torn.ckpt", "out="], "out=: is empty"),
    (
        "prepare",
        ["data.path=nowhere", "write_splits=/proc/s.json"],
        "write_splits=/proc/s.json: no file can be made in /proc",
    ),
    ("prepare", ["data.path=nowhere", "write_splits=good.ckpt"], "write_splits=good.ckpt: is there already"),
    ("train", ["data.path=nowhere", "run=/proc/mine"], "run=/proc/mine: no file can be made in /proc"),
]


@pytest.mark.long
@pytest.mark.parametrize(
    ("command", "arguments", "named"), MISTAKES, ids=[" ".join([m[0], *m[1]]).replace("/", ":") for m in MISTAKES]
)
def test_a_mistake_gets_one_line_that_names_it_and_leaves_nothing_behind(
    desk: Path, command: str, arguments: list[str], named: str
) -> None:
    """Fails: a person who mistypes a word gets forty lines of traceback, and half a run in their folder."""
    saved(desk / "good.ckpt")
    (desk / "torn.ckpt").write_bytes((desk / "good.ckpt").read_bytes()[:2000])
    (desk / "no_tunes").mkdir()
    (desk / "no_tunes" / "notes.txt").touch()
    before = all_files(desk)
    complaint = phin(command, *arguments).complaint
    assert complaint.startswith(f"phin-{command}: ")
    assert named in complaint
    assert all_files(desk) == before


@pytest.mark.long
def test_a_mistake_in_a_sweep_is_told_with_the_job_that_made_it(desk: Path) -> None:
    """Fails: one wrong value among ten, and nobody knows which."""
    outcome = phin("train", "-m", "data.path=nowhere,no_where", "hydra.sweep.dir=jobs")
    assert outcome.status == 1
    for number, (line, path) in enumerate(zip(outcome.err.splitlines(), ("nowhere", "no_where"), strict=True)):
        assert line.startswith(f"phin-train: job {number} (data.path={path}): {path}")
    kept = {
        "jobs",
        "jobs/.in_use",
        "jobs/multirun.yaml",
        *(f"jobs/{job}{file}" for job in "01" for file in ("", "/failed.txt")),
    }
    assert all_files(desk) <= kept, "nothing but why it never began"
    of_dims = phin("train", "-m", "model.dim=7,9").err.splitlines()
    assert [line.split(": ")[1] for line in of_dims] == ["job 0 (model.dim=7)", "job 1 (model.dim=9)"]
    of_choices = phin("train", "-m", "model=smal,tinny", "data.path=nowhere", "hydra.sweep.dir=chosen").err
    assert of_choices.startswith("phin-train: model=smal: is no choice of model. Take one of absolute, index_rotary")
    assert of_choices.count("\n") == 1


@pytest.mark.long
@pytest.mark.parametrize("command", SCHEMAS)
def test_help_says_what_to_type(desk: Path, command: str) -> None:
    """Fails: who asks for help gets a traceback, or Hydra's own manual."""
    outcome = phin(command, "--help")
    assert outcome.status == 0
    assert f"phin-{command}" in outcome.out
    assert "Traceback" not in outcome.err
    groups = [folder.name for folder in conf_dir().iterdir() if folder.is_dir()]
    told = [group for group in groups if f"\n{group}: " in outcome.out]
    taken = {field.name for field in fields(SCHEMAS[command])} | ({"sweep"} if command == "train" else set())
    assert sorted(told) == sorted(taken & set(groups)), "no other is taken"
    shown = iter(line.strip() for line in outcome.out.partition("== Settings")[2].splitlines())
    for key, meaning in settings_of(SCHEMAS[command]):
        assert meaning, f"nobody says what {key} is"
        explanation = ""
        while not ((line := next(shown)).startswith(f"{key}:") and explanation):
            explanation = f"{explanation} {line[2:]}" if line.startswith("# ") else ""
        assert explanation.strip() == meaning
    assert not all_files(desk)


def settings_of(schema: type) -> list[tuple[str, str]]:
    """The settings of a command and what they mean, in order; a table stands for what is in it."""
    found, said = list[tuple[str, str]](), meanings(schema)
    for field in fields(schema):
        if is_dataclass(field.type):
            assert isinstance(field.type, type)
            found += settings_of(field.type)
        elif field.type != dict[str, Any]:
            found.append((field.name, said.get(field.name, "")))
    return found


def test_a_command_stops_with_its_line_in_a_shell_too(desk: Path) -> None:
    """Fails: a script that calls phin cannot tell that it failed."""
    run = [sys.executable, "-c", "from phin.cli.generate import main; main()", "checkpoint=nowhere.ckpt"]
    result = subprocess.run(run, capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        "phin-generate: nowhere.ckpt: there is no such file or folder. Name a .ckpt file, the folder of a run or of an "
        "exported model, or pretrained; phin-train makes one."
    ]
    assert not all_files(desk)


# --- from a folder of files to tunes


@dataclass(frozen=True)
class Story:
    """Everything that happened on one desk."""

    desk: Path
    broken: list[str]
    prepared: Outcome
    trained: Outcome

    @property
    def data(self) -> list[str]:
        return [*TINY, f"data.path={self.desk / 'midi'}"]

    @property
    def run(self) -> Path:
        return self.desk / "runs" / "first"

    def report(self, run: str = "first") -> dict:
        return json.loads((self.desk / "runs" / run / "report.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def story(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Twenty-four good files and twenty broken ones, prepared and trained on."""
    desk = tmp_path_factory.mktemp("desk")
    shutil.copytree(midi_folder, desk / "midi")
    broken = [(name, data) for name, (data, _) in defect_files().items() if len(data) < 100_000][:20]
    assert len(broken) == 20
    for name, data in broken:
        (desk / "midi" / name).write_bytes(data)
    began = Path.cwd()
    os.chdir(desk)
    data = [*TINY, f"data.path={desk / 'midi'}"]
    prepared = phin("prepare", *data)
    trained = phin("train", *data, *WATCHED, "run=runs/first")
    yield Story(desk, [name for name, _ in broken], prepared, trained)
    os.chdir(began)


@pytest.mark.slow
def test_preparing_names_every_broken_file_with_its_reason(story: Story) -> None:
    """Fails: twenty of a person's tunes vanish without a word."""
    assert story.prepared.status == 0
    assert "24 of 44 tunes taken in" in story.prepared.out
    defects = {name: defect for name, (_, defect) in defect_files().items()}
    for name in story.broken:
        (line,) = [line for line in story.prepared.out.splitlines() if name in line]
        reason = line.split(name, 1)[1]
        assert len(reason) > 20, "a reason and a remedy"
        assert str(defects[name]) in story.prepared.out


@pytest.mark.slow
def test_training_reports_the_broken_files_the_scores_and_the_tunes(story: Story) -> None:
    """Fails: after training nobody can say what it was trained on, or how good it is."""
    assert story.trained.status == 0, story.trained.err
    report = story.report()
    assert report["finished"]
    refusals = {refusal["id"]: refusal["reason"] for refusal in report["intake"]["refusals"]}
    assert sorted(refusals) == sorted(story.broken)
    for name, reason in refusals.items():
        assert name in reason
        assert name in story.trained.out
    assert report["steps"] == 6
    assert report["checkpoint"] == "checkpoints/best.ckpt"
    row = report["test"][-1]
    assert row["source"] == "all"
    assert 1 < row["bits"] < 30
    assert f"{row['bits']:.3f}" in story.trained.out
    assert (story.run / "report.txt").read_text(encoding="utf-8") in story.trained.out
    for name in report["tunes"]:
        assert len(read_midi(story.run / "tunes" / name, min_notes=1).phrase)
        assert (story.run / "tunes" / name).with_suffix(".wav").is_file()
    assert len(report["tunes"]) == 4


@pytest.mark.slow
@pytest.mark.parametrize("bar", ["preparing", "training", "validating", "evaluating"])
def test_what_takes_long_shows_a_bar_with_its_name_from_nothing_to_all(story: Story, bar: str) -> None:
    """Fails: a quarter of an hour passes before a dark screen, and a person stops what was going well."""
    said = story.prepared.err + story.trained.out + story.trained.err
    shown = [text for text in re.split(r"[\r\n]", said) if text.startswith(f"{bar}: ")]
    shares = [int(share) for text in shown for share in re.findall(r": +(\d+)%\|", text)]
    assert shares[0] == 0, shown
    assert 100 in shares, shown


@pytest.mark.slow
def test_a_run_keeps_its_settings_and_its_checkpoints(story: Story) -> None:
    """Fails: a month later nobody knows how that model was trained."""
    kept = (story.run / "config.yaml").read_text(encoding="utf-8")
    assert "dim: 16" in kept
    assert "max_steps: 6" in kept
    for name in ("best", "last"):
        stored = torch.load(story.run / "checkpoints" / f"{name}.ckpt", weights_only=True)
        assert stored[PHIN_KEY]["corpus"] == "mine"
    _, identity = load(story.run / "checkpoints" / "best.ckpt")
    assert identity.model.dim == 16
    assert sorted(path.name for path in story.desk.iterdir()) == ["cache", "midi", "runs"], "and nothing beside them"


@pytest.mark.slow
def test_evaluating_a_run_gives_the_numbers_of_its_report(story: Story) -> None:
    """Fails: the same checkpoint on the same tunes has two scores."""
    outcome = phin("evaluate", "checkpoint=runs/first", *story.data, "count=0", "out=scores")
    assert outcome.status == 0, outcome.err
    rows = json.loads((story.desk / "scores" / "report.json").read_text(encoding="utf-8"))["bits"]
    assert rows == story.report()["test"]
    assert f"{rows[-1]['bits']:.3f}" in outcome.out
    assert outcome.out.endswith("the same as JSON: scores/report.json\n")
    shutil.rmtree(story.desk / "scores")


@pytest.mark.long
def test_new_tunes_of_a_run_are_set_beside_real_ones(story: Story, tmp_path: Path) -> None:
    """Fails: what a run plays is never measured; or it is measured beside nothing."""
    asked = ["count=4", "lines=1", "most_real=16", "shown=1", "lai=yai", "pattern=-x-x", "wandb=true"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        outcome = phin(
            "evaluate", "checkpoint=runs/first", *story.data, *asked, "against=runs/first", f"out={tmp_path}/r"
        )
    assert outcome.status == 0, outcome.err
    told = json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8"))
    assert told["bits"] == story.report()["test"]
    assert told["paired"][0]["is_same"], "a model is no better than itself"
    assert told["sets"]["these tunes"]["tunes"] + len(told["refused"]) == 4
    names = {row["name"] for row in told["measures"]}
    assert {"lai_adherence", "pattern_agreement", "longest_copy"} <= names
    assert "In words" in outcome.out
    assert "<audio" in (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    (run,) = offline_runs(tmp_path / "r")
    assert run.exit_code == 0
    assert run.summary["tunes/diversity"] == next(
        row["values"]["these tunes"]["mean"] for row in told["measures"] if row["name"] == "diversity"
    )


@pytest.mark.slow
def test_another_corpus_than_either_model_learned_is_told_of_both(story: Story, tmp_path: Path) -> None:
    """Fails: a model that was trained on these tunes beats another, and nobody is warned."""
    models = ["checkpoint=runs/first", "against=runs/first"]
    shutil.copytree(story.desk / "midi", tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "00.mid").unlink()
    data = as_said_last(*TINY, f"data.path={tmp_path}/elsewhere", "data.name=elsewhere")
    outcome = phin("evaluate", *models, *data, "count=0")
    assert outcome.status == 0, outcome.err
    told = [line for line in outcome.out.splitlines() if "Another corpus than it was trained on" in line]
    assert [line.startswith("Against runs/first: ") for line in told] == [False, True]


@pytest.mark.long
def test_any_folder_of_tunes_is_measured_without_a_model(story: Story, tmp_path: Path) -> None:
    """Fails: another system's tunes cannot be set beside ours."""
    (tmp_path / "theirs").mkdir()
    for name in ("00.mid", "01.mid"):
        shutil.copy(story.desk / "midi" / name, tmp_path / "theirs")
    (tmp_path / "theirs" / "torn.mid").write_bytes(b"MThd")
    out = f"out={tmp_path}/r"
    outcome = phin("evaluate", f"tunes={tmp_path}/theirs", *story.data, "most_real=16", "shown=0", out)
    assert outcome.status == 0, outcome.err
    assert "refused: " in outcome.out
    told = json.loads((tmp_path / "r" / "report.json").read_text(encoding="utf-8"))
    assert told["sets"]["these tunes"]["tunes"] == 2
    assert told["bits"] == []
    assert phin("evaluate", f"tunes={tmp_path}/theirs", *story.data, out).complaint.endswith("or remove that one.")


@pytest.mark.slow
def test_evaluating_on_changed_files_is_refused(story: Story) -> None:
    """Fails: held-out tunes were trained on, and the score is too good."""
    extra = story.desk / "midi" / "extra.mid"
    shutil.copy(story.desk / "midi" / "00.mid", extra)
    try:
        complaint = phin("evaluate", "checkpoint=runs/first", *story.data).err.strip().splitlines()[-1]
    finally:
        extra.unlink()
    assert "was trained on another version of mine" in complaint


@pytest.mark.slow
def test_generating_writes_tunes_and_the_same_seed_writes_the_same(story: Story, tmp_path: Path) -> None:
    """Fails: the last step of the README does not work; or a tune that pleased is lost."""
    outcomes = [
        phin("generate", "checkpoint=runs/first", "count=2", "lines=1", f"seed={seed}", f"out={tmp_path / folder}")
        for seed, folder in ((3, "a"), (3, "b"), (4, "c"))
    ]
    assert [outcome.status for outcome in outcomes] == [0, 0, 0]
    there = {file.name for file in (tmp_path / "a").iterdir()}
    assert there >= {f"tune-3-{number}.{kind}" for number in (1, 2) for kind in ("mid", "wav", "png")}
    pages = {f"tune-3-{number}.{kind}" for number in (1, 2) for kind in ("txt", "html")}
    assert len(pages - there) == outcomes[0].out.count(
        "not written"
    )  # what a model of six steps draws may have no tune
    assert there - pages == {name for name in there if not name.endswith(("txt", "html"))}
    assert "2 tunes" in outcomes[0].out
    assert "licence" in outcomes[0].out
    played = [
        [(tmp_path / folder / f"tune-{seed}-{k}.mid").read_bytes() for k in (1, 2)]
        for seed, folder in ((3, "a"), (3, "b"), (4, "c"))
    ]
    assert played[0] == played[1]
    assert played[0] != played[2]


@pytest.mark.slow
def test_copies_are_told_or_drawn_anew(story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: a training tune is handed on as a new one, and nobody is told."""
    store = store_of(load(find("runs/first"))[1].corpus_fingerprint, "cache")
    assert store is not None
    tune = int(store.split("train")[-1])
    file = story.desk / "midi" / Path(store.id(tune)).name
    asked = ("checkpoint=runs/first", "count=1", "lines=1", "formats=[mid]", f"given={file}")
    plain = phin("generate", *asked, "choose.copies=false", f"out={tmp_path / 'plain'}")
    assert plain.status == 0, plain.err
    assert "stand in a training tune" not in plain.out, "what is given is no copy"
    monkeypatch.setattr(Given, "is_new", lambda _, made: np.ones(len(made.melody), bool))
    told = phin("generate", *asked, f"out={tmp_path / 'told'}")
    assert told.status == 0, told.err
    stands = re.search(r"melody notes 1 to (\d+) stand in a training tune, .*: (.+)", told.out)
    assert stands, "it was continued from a training tune"
    assert int(stands[1]) >= len(store.phrase(tune).melody)
    assert stands[2] == store.id(tune)
    again = phin("generate", *asked, "choose.copies=false", "choose.tries=1", f"out={tmp_path / 'again'}")
    assert "stand in a training tune" in again.out, "each of its continuations begins with it"
    complaint = phin("generate", *asked, "choose.copies=false", "cache=elsewhere", f"out={tmp_path / 'c'}").complaint
    assert "choose.copies=false: cannot be: the corpus mine that it learned from is not in elsewhere" in complaint


@pytest.fixture(scope="module")
def exported(story: Story) -> Outcome:
    """The first run's decode step, in a folder."""
    with unchecked():
        return phin("export", "checkpoint=runs/first", "out=exported")


@pytest.mark.long
def test_an_exported_model_plays_what_its_checkpoint_plays(story: Story, exported: Outcome, tmp_path: Path) -> None:
    """Fails: the fast way plays other tunes; or eight bits and thirty-two are one."""
    assert exported.status == 0, exported.err
    assert re.search(r"exported: the decode step, \d+\.\d MB in fp32 and \d+\.\d MB in int8\. Licence: ", exported.out)
    assert re.search(r"On \d+ validation tunes of mine\. In eight bits: [+-]0\.\d+ bits a note", exported.out)
    asked = ("count=2", "lines=1", "seed=3", "formats=[mid]")
    models = {"torch": ["runs/first"], "fp32": ["exported"], "int8": ["exported", "precision=int8"]}
    for name, (model, *more) in models.items():
        done = phin("generate", f"checkpoint={model}", *asked, *more, f"out={tmp_path / name}")
        assert done.status == 0, done.err
        assert "2 tunes (.mid)" in done.out
        assert "licence" in done.out
    for file in (tmp_path / "torch").iterdir():
        assert (tmp_path / "fp32" / file.name).read_bytes() == file.read_bytes()
    assert "means nothing for a checkpoint" in phin("generate", "checkpoint=runs/first", "precision=int8").complaint
    assert "is there already" in phin("export", "checkpoint=runs/first", "out=exported").complaint


@pytest.mark.long
@pytest.mark.slow
def test_an_export_that_is_not_the_model_is_not_handed_on(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: the folder is there, and only who reads the table knows that it plays something else."""
    saved(desk / "good.ckpt")
    monkeypatch.setattr(equalities, "TOLERANCE", 0.0)
    with unchecked():
        told = phin("export", "checkpoint=good.ckpt", "out=exported")
    assert "ONNX fp32, side by side" in told.out, "the table is shown"
    assert "is not what the whole forward says. Do not use it" in told.err
    assert told.status == 1
    assert all_files(desk) == {"good.ckpt"}


@pytest.mark.long
@pytest.mark.slow
def test_the_equalities_of_a_checkpoint_are_told(story: Story, exported: Outcome) -> None:
    """Fails: whoever doubts that the cache, the batch or the export computes the same must take our word."""
    asked = ("checkpoint=runs/first", "equalities=true", "exported=exported", "compiled=false")
    told = phin("evaluate", *story.data, *asked)
    assert told.status == 0, told.err
    for line in ("torch, side by side, unlike beginnings", "ONNX int8 draws as torch, sampler 3", "largest", "ties"):
        assert line in told.out
    other = phin("train", *story.data, *TRAINING, "seed=9", "run=runs/ninth")
    assert other.status == 0, other.err
    asked = ("checkpoint=runs/ninth", *asked[1:])
    assert "is not what the whole forward says" in phin("evaluate", *story.data, *asked).complaint


@pytest.mark.slow
def test_a_tune_keeps_to_what_was_asked_and_says_how_far_that_is(story: Story, tmp_path: Path) -> None:
    """Fails: keep.lai=true is typed, and the tune has other notes, no drone, or nothing tells what it cost."""
    wishes = ("lines=4", "lai=yai", "keep.lai=true", "keep.tonic=true", "keep.drone=true", "keep.tuning=E-A-E")
    asked = phin("generate", "checkpoint=runs/first", "count=2", "seed=3", "formats=[mid]", f"out={tmp_path}", *wishes)
    assert asked.status == 0, asked.err
    assert len(re.findall(r"in lai yai\n", asked.out)) == 2
    assert len(re.findall(r"\n  \d+\.\d\d bits a note from what the model would play\n", asked.out)) == 2
    for number in (1, 2):
        tune = read_midi(tmp_path / f"tune-3-{number}.mid").phrase
        assert set((tune.pitch % 12).tolist()) <= {0, 2, 4, 7, 9}
        assert tune.melody.pitch[-1] % 12 == 9
        assert set(tune.pitch[~tune.is_melody].tolist()) == {57}


@pytest.mark.slow
def test_generating_writes_over_no_other_tune(story: Story, tmp_path: Path) -> None:
    """Fails: asking for a second tune with the same seed destroys the first one that pleased."""
    ask = ("generate", "checkpoint=runs/first", "count=1", "seed=3", f"out={tmp_path}")
    first = phin(*ask, "lines=1")
    assert first.status == 0
    assert "\n1 tune (" in first.out
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr("phin.generation.recipe.Recipe.choose")  # which would be for nothing
        assert "tune-3-1.mid: is there already. Name another folder" in phin(*ask, "lines=2").complaint
        (tmp_path / "tune-3-1.mid").rename(tmp_path / "tune-3-2.mid")
        assert "tune-3-1.wav: is there already" in phin(*ask, "lines=2").complaint
        (tmp_path / "tune-3-2.mid").rename(tmp_path / "tune-3-1.mid")
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.slow
def test_a_run_is_not_written_over(story: Story) -> None:
    """Fails: typing the same line twice destroys a night's training."""
    before = {file: file.stat().st_mtime_ns for file in story.run.rglob("*")}
    complaint = phin("train", *story.data, *TRAINING, "run=runs/first").complaint
    assert "holds a run already" in complaint
    assert {file: file.stat().st_mtime_ns for file in story.run.rglob("*")} == before


@pytest.mark.slow
def test_resuming_a_finished_run_automatically_shows_it_again(story: Story) -> None:
    """Fails: `make train`, typed again, trains again."""
    before = {file: file.stat().st_mtime_ns for file in story.run.rglob("*")}
    outcome = phin("train", *story.data, *WATCHED, "run=runs/first", "resume=auto")
    assert outcome.status == 0, outcome.err
    assert "is finished" in outcome.out
    assert (story.run / "report.txt").read_text(encoding="utf-8") in outcome.out
    assert {file: file.stat().st_mtime_ns for file in story.run.rglob("*")} == before


def stopped_early(*arguments: str) -> Outcome:
    """A training that Ctrl-C stops before its first checkpoint."""

    def stop(*_: object, **__: object) -> None:
        raise SystemExit  # as Lightning does

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lightning.Trainer.fit", stop)
        return phin("train", *arguments)


@pytest.fixture(scope="module")
def second(story: Story) -> Iterator[tuple[list[Outcome], Outcome]]:
    """A run of its own: stopped before its first checkpoint, then given other settings, and begun again."""
    line = as_said_last(*story.data, *TRAINING, "run=runs/second", "model.dim=8")
    stopped = [stopped_early(*line, "optimizer.lr=0.1", "resume=auto")]
    assert (story.desk / "runs" / "second").is_dir(), "it began in a folder that was not there, as `make train` does"
    stopped.append(stopped_early(*line))
    yield stopped, phin("train", "resume=runs/second", "trainer.max_steps=5")
    shutil.rmtree(story.desk / "runs" / "second")


@pytest.mark.long
def test_a_run_that_was_stopped_before_its_first_checkpoint_begins_again_with_its_own_settings(
    story: Story, second: tuple[list[Outcome], Outcome]
) -> None:
    """Fails: Ctrl-C in the first minute, and what goes on is the default run, in the folder of another."""
    stopped, again = second
    assert [outcome.status for outcome in stopped] == [130, 130]
    assert "holds a run already" not in stopped[1].err, "its folder can be used with other settings"
    assert again.status == 0, again.err
    assert "runs/second has no checkpoint yet: it begins again" in again.out
    assert story.report("second")["finished"]
    assert story.report("second")["steps"] == 5
    settings = OmegaConf.load(story.desk / "runs" / "second" / "config.yaml")
    assert (settings.model.dim, settings.data.name, settings.optimizer.lr) == (8, "mine", 0.006)
    assert list(settings.logger) == ["csv"]


@pytest.mark.slow
# Lightning remarks that checkpoints lie in the folder of the run: they should
@pytest.mark.filterwarnings("ignore:Checkpoint directory")
def test_a_run_goes_on_from_its_folder_alone(story: Story, second: tuple[list[Outcome], Outcome]) -> None:
    """Fails: who goes on must remember every setting, and a forgotten one makes another run of it."""
    assert second[1].status == 0
    run = story.desk / "runs" / "second"
    last = run / "checkpoints" / "last.ckpt"
    theirs = run / "tunes" / "tune-1.txt"
    theirs.write_text("| ---ล |\n", encoding="utf-8")
    outcome = phin("train", "resume=runs/second", "trainer.max_steps=8")
    assert outcome.status == 0, outcome.err
    assert theirs.read_text(encoding="utf-8") == "| ---ล |\n", "a tune that the run did not write stays"
    assert f"new tunes, to hear, to see and to play from: {Path('runs') / 'second' / 'tunes-2'}\n" in outcome.out
    assert (run / "tunes-2" / "tune-1.mid").is_file()
    kept = OmegaConf.load(run / "config.yaml")
    assert kept.trainer.max_steps == 8, "what it went on with"
    assert kept.max_steps_before == [5], "it is not the run that had eight from the start"
    rows = list(csv.DictReader((run / "metrics.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["step"] for row in rows if row["val/bits_per_note"]] == ["2", "5"], "after three steps, and six"
    assert "trainer.max_steps=8" in (again := OmegaConf.load(run / "overrides.yaml"))
    assert "trainer.max_steps=5" not in again
    fewer = phin("train", "resume=runs/second", "trainer.max_steps=3").err.splitlines()[-1]
    assert "trainer.max_steps=3: runs/second has come to step 8 already" in fewer
    assert OmegaConf.load(run / "config.yaml").trainer.max_steps == 8
    assert story.report("second")["steps"] == 8
    assert story.report("second")["finished"]
    stored = torch.load(last, weights_only=True)
    assert stored["global_step"] == 8
    assert stored[PHIN_KEY]["model"]["dim"] == 8
    assert "model.dim=32" in phin("train", "resume=runs/second", "model.dim=32").complaint
    settings = OmegaConf.load(run / "config.yaml")
    OmegaConf.save(OmegaConf.merge(settings, {"optimizer": {"lr": 0.5}}), run / "config.yaml")
    drifted = phin("train", "run=runs/second", "resume=auto").complaint
    assert "optimizer.lr was 0.5 and is 0.006" in drifted
    OmegaConf.save(settings, run / "config.yaml")
    last.write_bytes(last.read_bytes()[:5000])
    torn = phin("train", "resume=runs/second", "trainer.max_steps=9")
    assert torn.status == 1
    assert torn.err.strip().splitlines()[-1].startswith("phin-train: runs/second/checkpoints/last.ckpt: cannot be")
    assert "copy runs/second/checkpoints/best.ckpt over it" in torn.err.lower()
    assert "Traceback" not in torn.err


@pytest.fixture(scope="module")
def sweep(story: Story) -> Iterator[Path]:
    """A sweep over seeds, one of them twice, with every logger."""
    loud = [text for text in TRAINING if not text.startswith(("logger", "trainer"))]
    few = ["trainer.max_steps=2", "trainer.val_check_interval=2", "trainer.log_every_n_steps=1"]
    few += ["logger=default", "callbacks.samples.show=1", "callbacks.samples.lines=8"]  # long enough for every measure
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        outcome = phin("train", "-m", *story.data, *as_said_last(*loud, *few), "seed=0,1,00")
    assert outcome.status == 0, outcome.err
    (folder,) = (story.desk / "multirun").iterdir()
    yield folder
    shutil.rmtree(story.desk / "multirun")


@pytest.mark.long
def test_a_sweep_makes_a_run_of_each_combination(sweep: Path) -> None:
    """Fails: the runs of a sweep write into one folder, and the study compares a run with itself."""
    reports = [json.loads((sweep / job / "report.json").read_text(encoding="utf-8")) for job in ("0", "1", "2")]
    assert all(report["finished"] for report in reports)
    scores = [report["validation_bits_per_note"] for report in reports]
    assert scores[0] != scores[1]
    assert scores[0] == scores[2], "a seed is a run"


@pytest.mark.long
@pytest.mark.slow
def test_a_trained_model_is_adapted_to_a_players_pages_of_letters(story: Story) -> None:
    """A player's few tunes are too few to begin with: the model that knows other tunes could not be bent to them."""
    pages = story.desk / "pages"
    pages.mkdir()
    for number, last in enumerate("ดรมฟซลท"):
        body = f"| ---{last} | -ด-ร | -ม-ซ | -ล-{last} | ---ล | -ซ-{last} | -ม-ร | -ด-{last} |\n"
        (pages / f"{number}.txt").write_text(f"title: {3 * chr(97 + number)}\n\n" + body)
    settings = ["data=thai_letters", f"data.path={pages}", "data.cache=cache", "data.workers=1", "data.held_out=0.3"]
    quick = [text for text in TRAINING if not text.startswith("model")]
    done = phin("train", *settings, *quick, "init=runs/first", "run=runs/mine", "optimizer.lr=0")
    assert done.status == 0, done.err
    assert "licence: Your own files" in done.out
    (model, identity), (before, of) = (load(find(story.desk / "runs" / run)) for run in ("mine", "first"))
    assert identity.adapted_from == f"{of.corpus} {of.corpus_fingerprint}"
    assert identity.tokenizer.sources == ("midi", "letters")
    assert identity.licence.startswith(of.licence), "what it began with is still in it"
    weights = before.state_dict()
    at_rest = [
        torch.equal(weight, weights[name])
        for name, weight in model.state_dict().items()
        if name in weights and weight.shape == weights[name].shape
    ]  # with a rate of 0 nothing may have moved
    assert all(at_rest)
    assert len(at_rest) > 10
    played = phin("generate", "checkpoint=runs/mine", "count=1", "lines=1", "source=letters", "out=adapted")
    assert played.status == 0, played.err
    assert "adapted from mine" in phin("evaluate", *settings, "count=0", "checkpoint=runs/mine").out


@pytest.mark.long
def test_a_compiled_run_in_bfloat16_learns_and_leaves_a_model_that_plays(story: Story) -> None:
    """Fails: who has a GPU (trainer=gpu) waits for the compiler, and then nothing learns, or nothing can be loaded."""
    command = "import torch; torch.set_num_threads(1); from phin.cli.train import main; main()"
    asked = [*story.data, *TRAINING, "compile=true", "+trainer.precision=bf16-mixed", "run=runs/compiled"]
    done = subprocess.run(
        [sys.executable, "-c", command, *asked], capture_output=True, text=True, check=False, timeout=900
    )
    assert done.returncode == 0, done.stderr
    report = story.report("compiled")
    assert report["finished"]
    assert report["steps"] == 6
    plain, _ = load(find("runs/compiled"))
    assert all(weight.dtype == torch.float32 and weight.isfinite().all() for weight in plain.parameters())
    shutil.rmtree(story.desk / "runs" / "compiled")


@pytest.mark.long
@pytest.mark.parametrize(
    ("asked", "said", "status"),
    [
        (signal.SIGINT, "phin-train: interrupted. Go on with resume=runs/broken.", 130),
        (signal.SIGTERM, r"phin-train: runs/broken: stopped at step \d+. Go on with resume=runs/broken.", 143),
    ],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_a_run_that_is_stopped_says_so_and_can_go_on(story: Story, asked: int, said: str, status: int) -> None:
    """Fails: Ctrl-C, or a cluster's SIGTERM, prints a page, or the hours before it are lost."""
    listen = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # which a shell's & takes away
    command = f"{listen}; import torch; torch.set_num_threads(1); from phin.cli.train import main; main()"
    endless = ["trainer.max_steps=100000", "trainer.val_check_interval=50", "run=runs/broken"]
    endless += ["callbacks.early_stopping.patience=100000"]
    overrides = [text for text in TRAINING if not text.startswith("trainer.")]
    run = subprocess.Popen(
        [sys.executable, "-c", command, *story.data, *overrides, *endless],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    last = story.desk / "runs" / "broken" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 180
    while not last.is_file() and time.monotonic() < deadline and run.poll() is None:
        time.sleep(0.1)
    time.sleep(0.3)
    run.send_signal(asked)
    try:
        _, err = run.communicate(timeout=180)
    finally:
        run.kill()
    text = err.decode()
    assert "Traceback" not in text
    assert re.fullmatch(said, text.strip().splitlines()[-1])
    assert run.returncode == status
    done = torch.load(last, weights_only=True)["global_step"]
    changed = phin("train", "resume=runs/broken", f"trainer.max_steps={done + 2}", "trainer.val_check_interval=2")
    assert "trainer.val_check_interval=2" in changed.complaint
    outcome = phin("train", "resume=runs/broken", f"trainer.max_steps={done + 2}")
    report = story.report("broken")
    shutil.rmtree(story.desk / "runs" / "broken")
    assert outcome.status == 0, outcome.err
    assert report["finished"]
    assert report["steps"] == done + 2, "it went on from where it stood"


@pytest.mark.slow
def test_settings_that_were_torn_are_named(story: Story) -> None:
    """Fails: after a full disk, going on ends in a traceback of a YAML reader."""
    run = story.desk / "runs" / "torn"
    shutil.copytree(story.run, run)
    for torn in (b"- 'data=midi", b"", b"data: midi", b"\xff\xfe"):
        (run / "overrides.yaml").write_bytes(torn)
        assert "overrides.yaml: cannot be read" in phin("train", "resume=runs/torn", "trainer.max_steps=8").complaint
    shutil.copy(story.run / "overrides.yaml", run)
    for torn in (b"", b"- 1"):
        (run / "config.yaml").write_bytes(torn)
        assert "cannot" in phin("train", "resume=runs/torn", "trainer.max_steps=8").complaint
    (run / "config.yaml").unlink()
    assert "config.yaml: cannot be read" in phin("train", "resume=runs/torn", "trainer.max_steps=8").complaint
    shutil.rmtree(run)


@pytest.mark.slow
def test_a_run_is_heard_seen_and_counted_in_its_logs(sweep: Path) -> None:
    """Fails: the pictures and sounds of a night's training, or its numbers, are nowhere to be found."""
    for job in ("0", "1"):
        (logged,) = offline_runs(sweep / job)
        assert logged.about.run_group == sweep.name
        assert "model=tiny" in logged.about.tags
        assert logged.about.display_name.startswith("data=midi_folder data.name=mine")
        assert logged.config["data"]["batch_notes"] == 60
        assert logged.config["loss"]["weighing"] == "FIXED"
        assert logged.config["seed"] == int(job)
        sent = {Path(entry.path).name for artifact in logged.artifacts for entry in artifact.manifest.contents}
        assert sent == {"samples.table.json", "tune-1.png", "tune-1.wav"}
        head = (sweep / job / "metrics.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
        assert {"train/loss", "val/bits_per_note", "sample/diversity"} <= set(head)
        assert {"loss_weight/note", "gradient_norm/note"} <= set(head)
