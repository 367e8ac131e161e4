"""Sweeps: every launcher, jobs that fail among jobs that do not, and what is gone on with."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from filelock import FileLock
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf, open_dict

from phin.cli.train import TrainConfig
from phin.config import conf_dir, cores_each, register
from phin.errors import to_install
from phin.model.transformer import TransformerConfig
from tests.cli import toy
from tests.cli.commands import TINY, TRAINING, Outcome, all_files, as_said_last, phin

SWEEPS = sorted(file.stem for file in (conf_dir() / "sweep").glob("*.yaml"))
CORES = os.cpu_count() or 1
OPTUNA_SPEAKS = [
    # Optuna 2.10 asks SQLAlchemy 1.4 for what its 2.0 has no more; the extra pins both
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
]


def with_marks(test: Callable[..., None]) -> Callable[..., None]:
    for mark in OPTUNA_SPEAKS:
        test = mark(test)
    return test


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the toy's defaults."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / f"{toy.NAME}.yaml").write_text(toy.DEFAULTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "")
    (tmp_path / toy.RESULT).touch()
    return tmp_path


def sweep(*arguments: str) -> Outcome:
    """What a person sees of a sweep of the toy."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            toy.main("-m", *arguments)
    except SystemExit as stop:
        status = int(stop.code or 0)
    return Outcome(status, out.getvalue(), err.getvalue())


def in_a_shell(module: str, *arguments: str) -> Outcome:
    """What a person sees of a command in a process of its own: the tests' checker of shapes cannot be sent to jobs."""
    command = [sys.executable, "-c", f"import sys; from {module} import main; main(*sys.argv[1:])", *arguments]
    if module.startswith("phin"):
        command[2] = f"from {module} import main; main()"
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=300, env=environment_of_a_shell()
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def environment_of_a_shell() -> dict[str, str]:
    """One in which the toy is found."""
    path = os.pathsep.join([str(conf_dir().parent), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def drawn() -> list[str]:
    """What the toy was given, job by job."""
    return toy.RESULT.read_text().splitlines()


# --- the choices


@pytest.mark.parametrize(
    ("choice", "launcher", "sweeper", "threads"),
    [
        ("basic", "BasicLauncher", "BasicSweeper", 0),
        ("joblib", "JoblibLauncher", "BasicSweeper", max(1, CORES // 2)),
        ("submitit_local", "LocalLauncher", "BasicSweeper", max(1, CORES // 2)),
        ("slurm", "SlurmLauncher", "BasicSweeper", 2),
        ("optuna", "BasicLauncher", "OptunaSweeper", 0),
    ],
)
def test_every_choice_composes_into_what_it_is_called(choice: str, launcher: str, sweeper: str, threads: int) -> None:
    """Fails: a sweep of a night is run by another launcher, or two jobs at once fight for every core."""
    GlobalHydra.instance().clear()
    register("train", TrainConfig)
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        config = compose("train", overrides=[f"sweep={choice}", "hydra.job.num=0"], return_hydra_config=True)
    with open_dict(config):
        HydraConfig.instance().set_config(config)
        OmegaConf.to_container(config.hydra.launcher, resolve=True)
        OmegaConf.to_container(config.hydra.sweeper, resolve=True)
        assert config.hydra.launcher._target_.endswith(f".{launcher}")
        assert config.hydra.sweeper._target_.endswith(f".{sweeper}")
        del config["hydra"]
    settings = OmegaConf.to_object(config)
    assert isinstance(settings, TrainConfig)
    assert settings.threads == threads
    assert choice in SWEEPS


def test_every_file_of_sweeps_is_tried_here() -> None:
    """Fails: a launcher is advertised that nobody has composed once."""
    assert SWEEPS == ["basic", "joblib", "optuna", "slurm", "submitit_local"]


def test_what_the_search_draws_from_are_models_that_can_be() -> None:
    """Fails: every fourth trial of a night is refused, since its width does not divide into its heads."""
    params = OmegaConf.load(conf_dir() / "sweep" / "optuna.yaml").hydra.sweeper.params
    widths = [int(text) for text in params["model.dim"].removeprefix("choice(").removesuffix(")").split(",")]
    assert len(widths) == 4
    for width in widths:
        assert TransformerConfig(dim=width).dim == width


def test_jobs_at_once_share_the_cores() -> None:
    """Fails: four jobs at once on four cores compute with sixteen threads, each slower than one alone."""
    assert [cores_each(jobs) for jobs in (1, CORES, 1000, -1, None)] == [0, 1, 1, 1, 1]


def test_without_the_extra_the_line_says_what_to_install(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: who has no joblib reads about a defaults list."""
    hydra = ConfigStore.instance().repo["hydra"]
    monkeypatch.delitem(hydra["launcher"], "joblib.yaml")
    monkeypatch.delitem(hydra["sweeper"], "optuna.yaml")
    for choice in ("joblib", "optuna"):
        complaint = sweep(f"sweep={choice}", "x=1,2").complaint
        assert f"/{choice}: is not installed. Install what sweeps need: {to_install('sweep')}." in complaint


@pytest.mark.parametrize("choice", [name for name in SWEEPS if name != "basic"])
def test_several_devices_are_refused_where_jobs_are_not_repeated_alike(
    desk: Path, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    """Fails: the second process of a trial draws a trial of its own, and both wait for each other until they die."""
    complaint = phin("train", "-m", f"sweep={choice}", "trainer.devices=2", "seed=0,1").complaint
    assert "trainer.devices=2: cannot be in a sweep" in complaint
    assert not (desk / "multirun").exists()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            ["sweep=optuna", "hydra.sweeper.direction=maximize"],
            "hydra.sweeper.direction=maximize: is not what is looked",
        ),
        (["sweep=optuna", "hydra.sweeper.direction=sideways"], "hydra.sweeper.direction"),
        (["sweep=optuna", "hydra.sweeper.n_jobs=0"], "hydra.sweeper.n_jobs=0: is no number of them. Take 1 or more."),
        (["sweep=optuna", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0: is no number of them"),
        (["sweep=optuna", "hydra.sweeper.params=null", "x=interval(2,1)"], "x=interval(2,1): ends below where"),
        (["sweep=optuna", "hydra.sweeper.params=null", "x=tag(log,interval(0,1))"], "has no logarithm where"),
        (
            ["sweep=optuna", "hydra.sweeper.n_trials=abc"],
            "hydra.sweeper.n_trials=abc: is no whole number. Take one, as 4.",
        ),
        (["x=1,2", "threads="], "threads=: is no whole number"),
        (["x=a,b"], "x=a: is no number. Take one, as 0.5."),
        (["sweep=joblib", "x=1,2", "hydra.launcher.n_jobs=0"], "or -1 for one a core"),
        (["x=1,2", "hydra.sweep.dir=/proc/x"], "no file can be made in /proc"),
        (["x=1,2", "hydra.sweep.dir="], "hydra.sweep.dir=: is empty"),
        (["x=1,2", "hydra.sweep.dir=conf/toy.yaml"], "hydra.sweep.dir=conf/toy.yaml"),
    ],
)
@with_marks
def test_what_no_sweep_can_be_is_one_line(desk: Path, settings: list[str], said: str) -> None:
    """Fails: a mistyped range or count ends in forty lines of another library's code."""
    assert said in sweep(*settings).complaint


# --- jobs that fail


def test_failed_jobs_are_listed_at_the_end_and_the_others_finish(desk: Path) -> None:
    """Fails: one job of twenty runs out of memory at midnight, and the other nineteen are never begun."""
    outcome = sweep("kind=broken,bad,good", "threads=1")
    assert outcome.status == 1
    assert outcome.err.splitlines() == [
        "phin-toy: job 0 (kind=broken): RuntimeError: out of memory",
        "phin-toy: job 1 (kind=bad): kind=bad: is refused. Take another.",
    ]
    assert drawn() == ["0.0 good 1"]
    assert "Traceback" in (desk / "jobs" / "0" / "failed.txt").read_text(), "where to look for a mistake of ours"
    assert "Traceback" not in (desk / "jobs" / "1" / "failed.txt").read_text()
    again = sweep("kind=bad", "x=1")
    assert [line.split(": ")[1] for line in again.err.splitlines()] == ["job 0"], "of another time nothing is told"
    assert sweep("kind=good").status == 0
    assert not (desk / "jobs" / "0" / "failed.txt").exists(), "it went well this time"


@pytest.mark.long
@pytest.mark.parametrize("choice", ["joblib", "submitit_local"])
def test_jobs_in_other_processes_fail_as_they_do_here(desk: Path, choice: str) -> None:
    """Fails: a job fails in another process, the sweep says that all went well, and its row is missing."""
    outcome = in_a_shell("tests.cli.toy", "-m", f"sweep={choice}", "kind=bad,good")
    assert outcome.complaint == "phin-toy: job 0 (kind=bad): kind=bad: is refused. Take another."
    assert drawn() == [f"0.0 good {max(1, CORES // 2)}"]


def test_a_job_that_is_killed_ends_a_parallel_sweep_with_a_line(desk: Path) -> None:
    """Fails: the machine runs out of memory, and a page of another library's traceback says nothing of it."""
    complaint = in_a_shell("tests.cli.toy", "-m", "sweep=joblib", "kind=killed").complaint
    assert complaint.startswith("phin-toy: jobs: ended, since a job's process was killed")
    assert complaint.endswith("Go on with hydra.sweep.dir=jobs.")


def test_an_interrupted_sweep_says_how_it_goes_on(desk: Path) -> None:
    """Fails: Ctrl-C, and nobody knows which folder holds the half that is done."""
    toy.INTERRUPT.write_text("1")
    outcome = sweep("x=1,2,3")
    assert (outcome.status, outcome.err.count("\n")) == (130, 1)
    assert outcome.err.startswith("phin-toy: interrupted. What is done stays")
    assert "hydra.sweep.dir=jobs" in outcome.err
    assert len(drawn()) == 1


def test_a_stopped_sweep_says_how_it_goes_on(desk: Path) -> None:
    """Fails: a queue's SIGTERM, and the line speaks of the one run, or nothing is said at all."""
    outcome = sweep("x=1,2", "kind=stopped")
    assert (outcome.status, outcome.err.count("\n")) == (143, 1)
    assert outcome.err.startswith("phin-toy: stopped. What is done stays")
    assert "hydra.sweep.dir=jobs" in outcome.err
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, "what comes after a sweep is ended as ever"


def test_a_stopped_sweep_leaves_no_job_at_work(desk: Path) -> None:
    """Fails: the sweep is gone, its jobs take both cores for another hour, and no line says so."""
    arguments = [sys.executable, "-c", "from tests.cli.toy import main; main('-m', 'sweep=joblib', 'kind=endless')"]
    with subprocess.Popen(
        arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment_of_a_shell()
    ) as process:
        within(120, lambda: bool(drawn()))
        job = int(drawn()[0])
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert err.startswith("phin-toy: stopped. What is done stays")
    within(20, lambda: not Path(f"/proc/{job}").exists())


def within(seconds: float, met: Callable[[], bool]) -> None:
    """Waits until it is met, so long at most."""
    ends = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_sweep_has_its_folder_to_itself(desk: Path) -> None:
    """Fails: two sweeps that began in one second mix their jobs; or a sweep's jobs lie among somebody's letters."""
    assert sweep("x=1,2").status == 0
    assert sweep("x=1,2").status == 0, "the same line goes on"
    with FileLock("jobs/.in_use"):
        assert sweep("x=1,2").complaint.startswith("phin-toy: hydra.sweep.dir=jobs: another process is sweeping in it")
    Path("letters").mkdir()
    Path("letters/love.txt").touch()
    complaint = sweep("x=1,2", "hydra.sweep.dir=letters").complaint
    assert complaint == "phin-toy: hydra.sweep.dir=letters: holds other things than a sweep. Name a folder of its own."
    assert all_files(Path("letters")) == {"love.txt"}


# --- searches

SEARCH = ("sweep=optuna", "hydra.sweeper.params=null", "x=interval(0,2)", "kind=choice(good,bad)", "threads=1")


def search(trials: int, *arguments: str, name: str = "one") -> Outcome:
    return sweep(
        *as_said_last(*SEARCH, *arguments), f"hydra.sweeper.n_trials={trials}", f"hydra.sweeper.study_name={name}"
    )


@pytest.mark.long
@with_marks
def test_an_interrupted_search_goes_on_as_if_it_had_not_been(desk: Path) -> None:
    """Fails: after Ctrl-C a search of two nights draws its first trials once more, or loses the running one."""
    whole = search(6, name="whole")
    best = OmegaConf.load("multirun/whole/optimization_results.yaml")
    scores = [(float(line.split()[0]) - 1) ** 2 for line in drawn()]
    assert len(set(scores)) > 1
    assert best.best_value == pytest.approx(min(scores)), "the fewest are what is looked for"
    all_at_once = drawn()
    assert 2 < len(all_at_once) < 6, "some were bad"
    assert whole.status == 1
    assert whole.err.count("\n") == 6 - len(all_at_once) == whole.err.count("kind=bad: is refused")
    toy.RESULT.write_text("")
    toy.INTERRUPT.write_text("2")
    assert search(6).status == 130
    assert len(drawn()) == 2
    search(6 - len(list(Path("multirun/one").glob("*/failed.txt"))))  # those that failed are made up for
    assert drawn() == all_at_once
    assert OmegaConf.load("multirun/one/optimization_results.yaml") == best
    jobs = [folder.name for folder in Path("multirun/one").iterdir() if folder.is_dir()]
    assert sorted(jobs) == [str(number) for number in range(6)], "a folder a trial, in which the run is gone on with"
    failed = {file.parent.name for file in Path("multirun/one").glob("*/failed.txt")}
    assert failed == {file.parent.name for file in Path("multirun/whole").glob("*/failed.txt")}
    again = search(len(all_at_once))
    assert again.status == 0, "what failed another time is not told again"
    assert drawn() == all_at_once, "no trial is repeated"


@pytest.mark.long
def test_trials_of_a_search_can_run_side_by_side(desk: Path) -> None:
    """Fails: Optuna draws the trials one after the other whatever is asked, or loses what other processes return."""
    several = ("hydra/launcher=joblib", "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=4", "kind=good")
    outcome = in_a_shell("tests.cli.toy", "-m", *SEARCH[:3], "threads=1", *several)
    assert outcome.status == 0, outcome.err
    assert len(drawn()) == 4
    best = OmegaConf.load("multirun/search/optimization_results.yaml").best_value
    assert best == pytest.approx(min((float(line.split()[0]) - 1) ** 2 for line in drawn()))


@with_marks
def test_a_search_takes_no_trials_of_another(desk: Path) -> None:
    """Fails: trials on other data, whose bits per note mean something else, decide which is the best."""
    assert search(1, "kind=good").status == 0
    other = search(2, "kind=good", "x=3").complaint
    assert "study_name=one: its trials are of another search (then: x=interval(0,2); now: x=3)" in other
    assert search(2, "kind=good", "threads=2").status == 0, "no other trials for that"
    with FileLock("multirun/one/.in_use"):
        assert "another process is sweeping in it" in search(3, "kind=good").complaint
    before = all_files(desk)
    assert "storage=trials.db: cannot be opened" in search(1, "hydra.sweeper.storage=trials.db", name="new").complaint
    assert all_files(desk) == before
    assert drawn()[0].split()[1:] == ["good", "1"]


@with_marks
def test_a_search_of_which_nothing_came_says_so(desk: Path) -> None:
    """Fails: every trial failed, and the last thing to be read is a traceback of Optuna's."""
    outcome = search(2, "kind=bad")
    assert "Traceback" not in outcome.err
    assert [line.split(": ")[1] for line in outcome.err.splitlines()][-1] == "multirun/one"
    assert "no trial of the search has a score" in outcome.err.splitlines()[-1]
    assert outcome.err.count("kind=bad: is refused") == 2
    assert search(1, "kind=good").status == 0, "who mistyped types it again"
    assert len(drawn()) == 1


# --- phin-train


@pytest.fixture(scope="module")
def settings(midi_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Settings of a run of six steps, whose corpus is prepared by whoever comes first: a job of joblib's."""
    folder = tmp_path_factory.mktemp("train")
    quick = [text for text in TRAINING if not text.startswith(("~", "threads", "model.dim", "callbacks.samples"))]
    data = [*TINY[:2], f"data.cache={folder}", *TINY[3:], f"data.path={midi_folder}"]
    return [*data, *quick, "~callbacks.samples"]


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize("choice", ["joblib", "submitit_local"])
def test_runs_side_by_side_are_kept_and_never_written_over(desk: Path, settings: list[str], choice: str) -> None:
    """Fails: two runs at once are no faster than one; or the same line again, or nearly the same, ruins a night."""
    swept = (f"sweep={choice}", "model.dim=7,16", "hydra.sweep.dir=swept")
    outcome = in_a_shell("phin.cli.train", "-m", *settings, *swept)
    assert outcome.status == 1
    said = outcome.err.strip().splitlines()[-1]
    assert said.startswith("phin-train: job 0 (model.dim=7): model.dim=7: does not divide into 2 heads"), outcome.err
    report = json.loads(Path("swept/1/report.json").read_text(encoding="utf-8"))
    assert report["finished"]
    assert report["machine"]["threads"] == max(1, CORES // 2)
    assert "sweep" not in Path("swept/1/overrides.yaml").read_text(), "going on with it needs no launcher"
    before = {file: file.stat().st_mtime_ns for file in Path("swept/1").rglob("*")}
    again = phin("train", "-m", *settings, "model.dim=7,16", "hydra.sweep.dir=swept")
    assert "is finished" in again.out, "what is done is not done twice"
    other = phin("train", "-m", *settings, "model.dim=7,8", "hydra.sweep.dir=swept").err.splitlines()[-1]
    assert "holds a run with other settings (model.dim was 16 and is 8)" in other
    after = {file: file.stat().st_mtime_ns for file in before}
    moved = {file for file in before if file.is_file() and after[file] != before[file]}
    assert not moved, "not one file of it is touched"


@pytest.mark.long
@with_marks
def test_a_search_looks_for_the_fewest_validation_bits_per_note(desk: Path, settings: list[str]) -> None:
    """Fails: the search looks for something else than the number that a run reports, or trains what it has trained."""
    line = ("train", "-m", *settings, "sweep=optuna", "hydra.sweeper.params=null", "model.dim=16")
    line += ("optimizer.lr=tag(log,interval(0.001,0.1))",)
    first = phin(*line, "hydra.sweeper.n_trials=1")
    assert first.status == 0, first.err
    report = Path("multirun/search/0/report.json")
    best = OmegaConf.load("multirun/search/optimization_results.yaml")
    assert best.best_value == json.loads(report.read_text(encoding="utf-8"))["validation_bits_per_note"]
    before = report.stat().st_mtime_ns
    assert phin(*line, "hydra.sweeper.n_trials=1").status == 0
    assert report.stat().st_mtime_ns == before
    assert not Path("multirun/search/1").exists()


@pytest.mark.long
@pytest.mark.slow
def test_runs_that_a_search_has_side_by_side_are_scored_as_they_report(desk: Path, settings: list[str]) -> None:
    """Fails: a run in another process comes back without its score or with another's, or its trial is trained again."""
    drawn_from = ("hydra.sweeper.params=null", "model.dim=16", "optimizer.lr=tag(log,interval(0.001,0.1))")
    at_once = ("hydra/launcher=joblib", "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=2")
    line = ("-m", *settings, "sweep=optuna", *drawn_from, *at_once)
    outcome = in_a_shell("phin.cli.train", *line)
    assert outcome.status == 0, outcome.err
    files = [Path(f"multirun/search/{trial}/report.json") for trial in (0, 1)]
    reports = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    assert all(report["finished"] for report in reports)
    assert {report["machine"]["threads"] for report in reports} == {max(1, CORES // 2)}
    scores = [report["validation_bits_per_note"] for report in reports]
    assert scores[0] != scores[1], "each was drawn a rate of its own"
    best = OmegaConf.load("multirun/search/optimization_results.yaml")
    assert best.best_value == min(scores)
    rates = [OmegaConf.load(file.with_name("config.yaml")).optimizer.lr for file in files]
    assert best.best_params["optimizer.lr"] == rates[scores.index(min(scores))]
    before = [file.stat().st_mtime_ns for file in files]
    assert in_a_shell("phin.cli.train", *line).status == 0
    assert [file.stat().st_mtime_ns for file in files] == before, "its trials are done"
    assert not Path("multirun/search/2").exists()
