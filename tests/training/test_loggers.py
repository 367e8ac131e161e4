"""Weights & Biases: what a run is called, what it says of itself and sends; offline unless it is asked for."""

import csv
import json
import math
import os
import subprocess
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import wandb
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from phin.corpus.intake import prepare
from phin.data.dataset import DataConfig
from phin.errors import PhinError
from phin.evaluation.bits_table import MONITOR
from phin.generation.request import SamplerConfig
from phin.model.loss import TERMS, LossConfig, Weighing
from phin.music.measures import measures
from phin.training import loggers
from phin.training.gradients import TermGradients
from phin.training.loggers import ID, RunLabel, describe, run_id, run_label, send_best, wandb_logger
from phin.training.outcome import finished_report
from phin.training.provenance import git_revision, processor, provenance
from phin.training.run import silence_lightning, train
from phin.training.samples import SampleTunes
from phin.wandb_access import is_logged_in
from tests.tiny import PHRASE
from tests.training.offline_run import OfflineRun, offline_runs
from tests.training.small import Scores, parts, trainer_for

CHOICES = {"data": "folk", "model": "small", "loss": "learned", "logger": "default", "callbacks": "default"}
LABEL = RunLabel("model=tiny", "folk tiny", ["model=tiny"])


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without any login."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "WANDB_DATA_DIR", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WANDB_DATA_DIR", "")  # so that it is put back
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_SILENT", "true")
    return tmp_path


@pytest.mark.parametrize(
    ("overrides", "sweep", "expected"),
    [
        ([], None, ("default", "folk small", [])),
        (["model=tiny", "seed=1"], None, ("model=tiny seed=1", "folk tiny", ["model=tiny"])),
        (["data='midi_folder'", "data.name='ลาย ยาว'"], None, ("data=midi_folder data.name=ลาย ยาว", None, None)),
        (["logger=csv", "~callbacks.progress", "threads=1", "data.path=/home/a/b"], None, ("default", None, [])),
        (["loss=fixed", "model.dim=8"], None, ("loss=fixed model.dim=8", "folk small", ["loss=fixed"])),
        (["seed=1"], Path("multirun/2026-11-24_20-00-00"), ("seed=1", "2026-11-24_20-00-00", [])),
        (["model=tiny"], Path("experiments/countdown/runs"), (None, "countdown", ["model=tiny"])),
        ([f"model.dim={number}" for number in range(40)], None, ("model.dim=0 model.dim=1 ", None, [])),
    ],
    ids=["default", "two", "quotes", "nothing that tells", "a group and a number", "sweep", "study", "long"],
)
def test_a_run_is_named_for_what_was_set(overrides: list[str], sweep: Path | None, expected: tuple) -> None:
    """Fails: a list of runs in which none can be told from another."""
    label = run_label(overrides, CHOICES, sweep)
    assert len(label.name) <= 100
    for value, wanted in zip(label, expected, strict=True):
        if wanted is not None:
            assert value.startswith(wanted) if len(overrides) > 30 and isinstance(value, str) else value == wanted


def login(home: Path, host: str) -> None:
    file = home / ".netrc"
    home.mkdir(exist_ok=True)
    file.write_text(f"machine {host} login user password 0123\n", encoding="utf-8")
    file.chmod(0o600)


def test_nobody_is_logged_in_at_first() -> None:
    """Fails: a newcomer's first training stops to ask for a key."""
    assert not is_logged_in()


def test_a_key_in_the_environment_is_a_login(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: who is logged in finds nothing online."""
    monkeypatch.setenv("WANDB_API_KEY", "0123")
    assert is_logged_in()


def test_a_login_file_is_a_login_for_its_host_alone(nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: another program's login is taken for one to W&B, and training stops to ask for a key."""
    login(nobody / "home", "example.org")
    assert not is_logged_in()
    login(nobody / "home", "api.wandb.ai")
    assert is_logged_in()
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org:8080/")
    assert not is_logged_in()
    login(nobody / "home", "wandb.example.org:8080")  # as W&B writes it
    assert is_logged_in()


def test_a_broken_login_file_is_no_login(nobody: Path) -> None:
    """Fails: somebody else's file in the home folder stops training."""
    (nobody / "home").mkdir()
    (nobody / "home" / ".netrc").write_text("machine\n", encoding="utf-8")
    assert not is_logged_in()


def test_who_is_logged_in_is_online_and_who_said_no_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: who is logged in finds nothing online, or notes leave a machine whose owner said no."""
    monkeypatch.setenv("WANDB_API_KEY", "0123")
    assert wandb_logger("phin", str(tmp_path))._wandb_init["mode"] == "online"
    assert wandb_logger("phin", str(tmp_path), offline=True)._wandb_init["mode"] == "offline"
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert wandb_logger("phin", str(tmp_path))._wandb_init["mode"] == "offline"


def test_the_logger_is_offline_and_writes_into_the_run(tmp_path: Path) -> None:
    """Fails: notes of one who never logged in stop training; or curves lie where nobody looks."""
    run = tmp_path / "runs" / "first"
    logger = wandb_logger("phin", str(run))
    assert run.is_dir()
    assert logger._wandb_init["mode"] == "offline"
    assert logger.save_dir == str(run)
    assert "WANDB_MODE" not in os.environ, "the next run of a process may be online"


@pytest.mark.parametrize(("mode", "offline"), [("offline", False), ("disabled", False), ("online", True)])
def test_what_the_environment_says_of_wandb_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str, offline: bool
) -> None:
    """Fails: notes leave a machine whose owner said no."""
    monkeypatch.setenv("WANDB_MODE", mode)
    assert wandb_logger("phin", str(tmp_path), offline=offline)._wandb_init["mode"] == mode


def test_wandb_is_asked_for_what_was_set_and_for_nothing_that_it_warns_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: a name that somebody gave is lost; each training begins with a warning of what nobody has set."""
    asked: dict[str, Any] = {}
    monkeypatch.setattr("wandb.init", lambda **settings: asked.update(settings) or FakeRun(offline=False))
    describe([wandb_logger("phin", str(tmp_path), offline=False, name="mine")], LABEL, {})
    assert (asked["name"], asked["group"], asked["tags"]) == ("mine", LABEL.group, LABEL.tags)
    assert (asked["project"], asked["mode"], asked["resume"]) == ("phin", "online", "allow")
    assert asked["id"] == (tmp_path / ID).read_text(encoding="utf-8")
    assert "anonymous" not in asked


def test_wandb_that_cannot_be_used_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: who asked to be online without a login gets a page of traceback."""

    def no_key(**_: object) -> None:
        raise wandb.errors.UsageError("No API key configured.\nUse `wandb login` to log in.")

    monkeypatch.setattr("wandb.init", no_key)
    with pytest.raises(PhinError, match=r"^logger.wandb: W&B cannot be used \(No API key .* log in\)\. Log in with"):
        describe([wandb_logger("phin", str(tmp_path), offline=False)], LABEL, {})


def test_a_run_that_goes_on_keeps_its_id_and_one_that_begins_again_gets_another(tmp_path: Path) -> None:
    """Fails: a power cut makes two runs of one; or two runs are drawn over each other in one."""
    first = run_id(tmp_path)
    again = run_id(tmp_path)
    assert again != first, "nothing was kept of it: it begins from nothing"
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "last.ckpt").touch()
    assert run_id(tmp_path) == again == (tmp_path / ID).read_text(encoding="utf-8")
    (tmp_path / ID).unlink()
    assert len(run_id(tmp_path)) == 8, "a run that was not logged at first"


# --- where it comes from


def test_the_revision_is_that_of_the_checkout_and_says_whether_it_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: nobody knows which code a result came from."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    (tmp_path / "code.py").write_text("1")
    assert git_revision(tmp_path) is None, "no checkout"
    git("init")
    assert git_revision(tmp_path) is None, "no commit"
    git("add", "code.py")
    git("commit", "-m", "first")
    git("tag", "v1-2")
    commit = git("rev-parse", "HEAD")
    assert git_revision(tmp_path) == {"revision": commit, "dirty": False}
    (tmp_path / "code.py").write_text("2")
    assert git_revision(tmp_path) == {"revision": commit, "dirty": True}
    (tmp_path / "site-packages").mkdir()
    assert git_revision(tmp_path / "site-packages") is None, "somebody's own checkout, in which phin is installed"
    monkeypatch.setenv("PATH", "")
    assert git_revision(tmp_path) is None, "no git"


def test_a_run_says_what_it_was_made_with(corpus: DataConfig) -> None:
    """Fails: two runs that differ in torch, threads or data are compared as if they did not."""
    store = prepare(corpus, progress=False)
    made_with = provenance(corpus.name, store)
    assert made_with["corpus"]["fingerprint"] == store.fingerprint
    assert (made_with["corpus"]["name"], made_with["corpus"]["tunes"]) == ("tiny", len(store))
    assert made_with["corpus"]["notes"] == sum(len(store.phrase(tune)) for tune in range(len(store)))
    of_machine = {"python", "torch", "lightning", "phin", "processor", "cores", "threads", "system", "gpu"}
    assert of_machine == set(made_with["machine"])


def test_the_processor_is_called_as_the_system_calls_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: a table's rows of two machines look as if one had made them; or there is no run where nobody says."""
    described = tmp_path / "cpuinfo"
    described.write_text("processor\t: 0\nmodel\t\t: 17\nmodel name\t: One: two @ 3 GHz\nmodel name\t: Another\n")
    assert processor(described) == "One: two @ 3 GHz"
    for said, expected in (("arm", "arm"), ("", None)):
        monkeypatch.setattr("platform.processor", lambda said=said: said)
        assert processor(tmp_path / "none") == expected


# --- a run, read back


class GetsWorse(L.Callback):
    """Blurs the model before every second validation."""

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        if trainer.global_step % 4 == 0:
            for weight in pl_module.parameters():
                weight.data.mul_(4)


@pytest.fixture(scope="module")
def logged(corpus: DataConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[OfflineRun], Any]:
    """A run of four steps that goes on to eight, with a validation every second step, and the scores."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    scores = Scores()
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        silence_lightning()
        patch.setenv("HOME", str(folder / "home"))
        patch.setenv("WANDB_DATA_DIR", "")
        patch.setattr(loggers, "_DATA_DIR", None)
        for max_steps in (4, 8):
            module, datamodule = parts(corpus)
            callbacks: list[L.Callback] = [
                ModelCheckpoint(folder / "checkpoints", "best", monitor=MONITOR, enable_version_counter=False),
                SampleTunes(str(folder / "samples"), count=2, lines=1, show=2),
                TermGradients(),
                scores,
                GetsWorse(),
            ]
            both = [wandb_logger("phin", str(folder)), CSVLogger(str(folder), "metrics")]
            trainer = trainer_for(folder, *callbacks, logger=both, max_steps=max_steps, val_check_interval=2)
            begin = partial(describe, both, LABEL, {"model": {"dim": 16}, "seed": 0})
            train(folder, trainer, module, datamodule, SamplerConfig(), begin)
    return folder, offline_runs(folder), scores.seen


@pytest.mark.long
def test_a_run_that_goes_on_is_one_run_to_wandb(logged: tuple[Path, list[OfflineRun], Any]) -> None:
    """Fails: each power cut starts a run of its own in the list."""
    folder, (first, second), _ = logged
    assert first.about.run_id == second.about.run_id == (folder / ID).read_text(encoding="utf-8")
    assert first.about.resume
    assert second.about.resume
    assert (first.about.display_name, first.about.run_group, list(first.about.tags)) == tuple(LABEL)
    assert first.exit_code == second.exit_code == 0


@pytest.mark.slow
def test_settings_and_provenance_are_in_the_config_and_in_the_report(
    logged: tuple[Path, list[OfflineRun], Any], corpus: DataConfig
) -> None:
    """Fails: a curve of which nobody knows how it was made."""
    folder, (first, _), _ = logged
    assert first.config["model"] == {"dim": 16}
    assert first.config["seed"] == 0
    report = finished_report(folder)
    assert report is not None
    for key, value in provenance(corpus.name, prepare(corpus, progress=False)).items():
        assert first.config[key] == value, key
        assert report[key] == value, key


@pytest.mark.slow
def test_the_summary_holds_the_best_scores(logged: tuple[Path, list[OfflineRun], Any]) -> None:
    """Fails: the table of runs compares how they ended, not how good they were."""
    _, (first, second), scores = logged
    values = [value for _, value in scores]
    assert [step for step, _ in scores] == [2, 4, 6, 8]
    assert min(values[:2]) < min(values[2:]), "the part that went on never was as good"
    assert values[0] < values[1]
    assert first.summary[MONITOR]["min"] == pytest.approx(min(values[:2]))
    assert second.summary[MONITOR]["min"] == pytest.approx(min(values)), "of both parts"
    for part in ("step", "pitch", "duration"):
        seen = [row[f"{MONITOR}/{part}"] for row in first.history if f"{MONITOR}/{part}" in row]
        assert len(seen) == 2
        assert first.summary[f"{MONITOR}/{part}"] == {"min": min(seen)}
    assert "train/loss" in first.summary, "everything else as it was last"


@pytest.mark.slow
def test_what_each_term_weighs_and_where_it_pulls_is_logged(logged: tuple[Path, list[OfflineRun], Any]) -> None:
    """Fails: what the learned weights do to the five tasks is guessed."""
    folder, (first, _), _ = logged
    rows = [row for row in first.history if "gradient_norm/note" in row]
    assert len(rows) == 2, "each validation"
    assert {"gradient_norm/rhythm", "gradient_cosine/note-rhythm"} <= set(rows[0])
    assert rows[0]["gradient_norm/note"] != rows[1]["gradient_norm/note"]
    weighed = [row for row in first.history if "train/loss" in row]
    assert len(weighed) == 4
    assert all(f"loss_weight/{term}" in row for row in weighed for term in TERMS)
    head = (folder / "metrics" / "version_0" / "metrics.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert {"gradient_norm/note", "gradient_cosine/note-rhythm", "loss_weight/note"} <= set(head)


@pytest.mark.slow
def test_each_validations_tunes_are_a_table_to_see_and_to_hear(logged: tuple[Path, list[OfflineRun], Any]) -> None:
    """Fails: the pictures and sounds of a night's training are nowhere to be found, or only in somebody's home."""
    folder, (first, _), _ = logged
    rows = [row for row in first.history if row.get("samples _type") == "table-file"]
    assert [row["trainer/global_step"] for row in rows] == [1, 3], "where the scores of the validation are drawn"
    tables, files = [], {}
    for entry in (entry for artifact in first.artifacts for entry in artifact.manifest.contents):
        assert folder / "wandb" in Path(entry.local_path).parents
        if entry.path == "samples.table.json":
            tables.append(json.loads(Path(entry.local_path).read_text(encoding="utf-8")))
        else:
            files[entry.path] = Path(entry.local_path).read_bytes()
    assert [table["columns"][:4] for table in tables] == [["step", "title", "piano roll", "sound"]] * 2
    assert tables[0]["columns"][4:] == list(measures(PHRASE))
    seen = [row for table in tables for row in table["data"]]
    assert [row[0] for row in seen] == [2, 2, 4, 4]
    for step, title, roll, sound, *_ in seen:
        tune = folder / "samples" / f"step-{step:06d}" / f"tune-{title[-1]}.mid"
        assert files[roll["path"]] == tune.with_suffix(".png").read_bytes()
        assert files[sound["path"]] == tune.with_suffix(".wav").read_bytes()
    assert not any(artifact.type == "model" for artifact in first.artifacts), "checkpoints are not sent offline"


@pytest.mark.slow
@pytest.mark.parametrize("weighing", [Weighing.LEARNED, Weighing.UNIFORM])
def test_the_weights_that_are_logged_are_those_the_terms_were_multiplied_by(
    corpus: DataConfig, tmp_path: Path, weighing: Weighing
) -> None:
    """Fails: the weights in the chart are not the ones that trained."""
    module, datamodule = parts(corpus, loss=LossConfig(weighing))
    trainer = trainer_for(tmp_path, logger=CSVLogger(str(tmp_path), ""), max_steps=6, limit_val_batches=0)
    trainer.fit(module, datamodule=datamodule)
    with open(next(tmp_path.rglob("metrics.csv")), encoding="utf-8") as file:
        rows = [{name: float(text) for name, text in row.items() if text} for row in csv.DictReader(file)]
    assert len(rows) == 6
    for row in rows:
        total = 0.0
        for term in TERMS:
            weight, loss = row[f"loss_weight/{term}"], row[f"train/term/{term}"]
            has_labels = loss > 0
            total += has_labels * (
                weight * loss - math.log(weight) / 2
            )  # -ln w / 2 = s / 2, the price of a small weight
        assert row["train/loss"] == pytest.approx(total, rel=1e-5)
    learned = weighing is Weighing.LEARNED
    assert any(row["loss_weight/note"] != 1 for row in rows) == learned


# --- online, without a network


class FakeRun:
    """What is asked of W&B's run."""

    id = "0123abcd"
    disabled = False

    def __init__(self, offline: bool) -> None:
        self.offline = offline
        self.summary: dict[str, Any] = {}
        self.config: dict[str, Any] = {}
        self.sent: list[tuple[Any, list[str]]] = []

    def define_metric(self, *_: object, **__: object) -> None: ...

    def log_artifact(self, artifact: Any, aliases: list[str]) -> None:
        self.sent.append((artifact, aliases))


@pytest.mark.parametrize("offline", [True, False])
def test_the_best_checkpoint_is_sent_where_wandb_is_online(corpus: DataConfig, tmp_path: Path, offline: bool) -> None:
    """Fails: the last model is taken for the best, or a model leaves the machine of one who is offline."""
    logger = wandb_logger("phin", str(tmp_path), offline=offline)
    logger._experiment = run = FakeRun(offline)
    module, _ = parts(corpus)
    files = {name: tmp_path / f"{name}.ckpt" for name in ("best", "last")}
    best, last = ModelCheckpoint(monitor=MONITOR), ModelCheckpoint()
    for kept, (name, file) in zip((best, last), files.items(), strict=True):
        file.write_text(name)
        kept.best_model_path, kept.best_model_score = str(file), 3.25
    send_best([logger], [last, best], module.identity)
    assert run.summary == {MONITOR: {"min": 3.25}}
    assert len(run.sent) == (not offline)
    for artifact, aliases in run.sent:
        assert (artifact.type, aliases) == ("model", ["best"])
        assert artifact.metadata["score"] == 3.25
        assert artifact.metadata["licence"] == module.identity.licence
        (entry,) = artifact.manifest.entries.values()
        assert (entry.path, Path(entry.local_path).read_text()) == ("best.ckpt", "best")
