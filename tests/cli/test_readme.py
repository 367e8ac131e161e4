"""The README's commands, as they stand there and in that order: on a small model and few tunes under the same names."""

import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest

from phin.music.lai import LAI
from phin.music.midi import write_midi
from phin.music.notation import read_letters
from phin.music.phrase import Phrase, pitch_name
from tests.cli.commands import TRAINING, phin
from tests.settings import composed
from tests.tiny import melodies

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMAND = re.compile(r"(?:\.venv/bin/)?phin-(\w+)\s*(.*)")
LONG = "long: "
"""How the remark of a command begins that no test runs, before the reason."""
ELSEWHERE = {
    "-m model.dim=144,192 seed=0,1": "cli/test_commands.py::test_a_sweep_makes_a_run_of_each_combination",
    "-m seed=0,1,2": "cli/test_commands.py::test_a_sweep_makes_a_run_of_each_combination",
    "sweep=joblib": "cli/test_sweep.py::test_jobs_in_other_processes_fail_as_they_do_here",
    "hydra/launcher=joblib": "cli/test_sweep.py::test_trials_of_a_search_can_run_side_by_side",
    "sweep=optuna": "cli/test_sweep.py::test_a_search_looks_for_the_fewest_validation_bits_per_note",
    "sweep=submitit_local": "cli/test_sweep.py::test_jobs_in_other_processes_fail_as_they_do_here",
    "trainer=ddp": "cli/test_distributed.py::test_two_processes_equal_one_with_the_same_global_batch",
    "data=thai_songs": "corpus/test_download.py::test_a_copy_of_a_collection_becomes_a_corpus_named_as_what_it_is",
    "runs/default out=exported": "cli/test_commands.py::test_an_exported_model_plays_what_its_checkpoint_plays",
    "generate checkpoint=exported": "cli/test_commands.py::test_an_exported_model_plays_what_its_checkpoint_plays",
    "out=model.pte": "runtime/test_mobile.py::test_a_phone_plays_the_tunes_that_torch_plays",
    "play checkpoint=exported": "cli/test_play.py::test_what_is_asked_for_is_what_is_heard",
    "evaluate checkpoint=runs/default": "cli/test_commands.py::test_new_tunes_of_a_run_are_set_beside_real_ones",
    "evaluate tunes=DIR": "cli/test_commands.py::test_any_folder_of_tunes_is_measured_without_a_model",
    "analyze checkpoint=runs/default": "cli/test_analyze.py::test_everything_is_drawn_told_and_the_same_again",
    "equalities=true": "cli/test_commands.py::test_the_equalities_of_a_checkpoint_are_told",
}
"""Commands that are run by a test of their own."""
HERE = {"essen": "midi", "oneill": "composer", "han": "midi"}
"""Which source of the small model stands for one of the default model's."""
CORPUS = ["data=midi_folder", "data.path=DIR", "data.sources=[midi_folder,composer]", "data.pieces=6"]
FEWER = {
    "train": ["data.held_out=0.2", "data.workers=1", *TRAINING],
    "generate": ["count=2", "keep.most_notes=6", "formats=[mid,txt]"],
}
"""What makes a command short, where it does not say the same itself."""


def lines() -> list[tuple[str, str]]:
    """All commands, and what is remarked of each."""
    found = list[tuple[str, str]]()
    for block in BLOCKS:
        for line in block.strip().split("\n"):
            said, _, remark = line.partition(" #")
            is_way = not said.startswith((".venv/bin/", "make "))  # to steer
            way = f"phin-generate checkpoint=runs/default out=ways/{len(found)} {said.strip()}"
            found.append((way if is_way else said.strip(), remark.strip()))
    return found


def asked(text: str) -> tuple[str, list[str]]:
    """The command, and what is typed after it, with what makes it short."""
    match = COMMAND.match(text)
    assert match is not None, text
    command, typed = match[1], shlex.split(match[2])
    typed = [each.replace("max_steps=200", "max_steps=6") for each in typed]
    typed = [re.sub(r"(?<=source=)\w+", lambda source: HERE.get(source[0], source[0]), each) for each in typed]
    if "data=han" in typed:
        typed.remove("data=han")
    said = {each.split("=")[0] for each in typed}
    fewer = [] if "resume" in said else FEWER.get(command, [])
    if command == "train" and not said & {"data", "resume"}:
        fewer = [*CORPUS, *fewer]
    if "init" in said:
        fewer = [each for each in fewer if not each.startswith("model")]
    return command, typed + [each for each in fewer if each.split("=")[0].lstrip("~") not in said]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A desk with what the README's reader is said to have: a trained model, tunes, a page."""
    desk = tmp_path_factory.mktemp("reader")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(desk)
        (desk / "DIR").mkdir()
        for number, melody in enumerate(melodies(24)):
            write_midi(melody, desk / "DIR" / f"{number}.mid")
        (page,) = re.findall(r"```\n(title: .*?)```", README, re.DOTALL)
        (desk / "tune.txt").write_text(page, encoding="utf-8")
        (desk / "PAGES").mkdir()
        for number in range(6):
            letters = "".join("ดรมซล"[(number * place + place // 3) % 5] for place in range(16))
            hong = " | ".join(f"-{one}-{two}" for one, two in zip(letters[::2], letters[1::2], strict=True))
            (desk / "PAGES" / f"{number}.txt").write_text(f"title: page {number}\n| {hong} |\n", encoding="utf-8")
        tune: Phrase = read_letters(desk / "tune.txt").phrase
        for name in ("any", "played"):
            write_midi(tune, desk / f"{name}.mid")
        done = phin("train", *CORPUS, "run=runs/default", *FEWER["train"])
        assert done.status == 0, done.err
    return desk


@pytest.mark.long
@pytest.mark.slow
def test_every_command_of_the_readme_works(story: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: a reader types what stands in the README, and it is refused; or one command is in the next one's way."""
    monkeypatch.chdir(story)
    monkeypatch.setenv("WANDB_MODE", "offline")
    ran = 0
    for text, remark in lines():
        if text.startswith("make ") or remark.startswith(LONG) or any(key in text for key in ELSEWHERE):
            continue
        command, typed = asked(text)
        before = set(Path("runs").iterdir())
        done = phin(command, *typed)
        assert done.status == 0, f"{text}\n{' '.join(typed)}\n{done.err}"
        for run in set(Path("runs").iterdir()) - before - {Path("runs/mine"), Path("runs/quick")}:
            shutil.rmtree(run)
        ran += 1
    assert ran > 25


@pytest.mark.long
def test_the_python_of_the_readme_works(story: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: who copies these lines into a script gets an error for an answer."""
    monkeypatch.chdir(story)
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert "Wishes(lai=True, tonic=True)" in block
    exec(block.replace("tonic=True)", "tonic=True, most_notes=6)"), {})  # a model of six steps comes to no end
    assert len(list(story.glob("phin 7-*.mid"))) == 4


def test_what_is_run_by_another_test_is_named_rightly() -> None:
    """Fails: a test was taken away, and nobody runs the command."""
    for key, place in ELSEWHERE.items():
        file, test = place.split("::")
        assert any(key in text for text, _ in lines()), key
        assert f"def {test}(" in (ROOT / "tests" / file).read_text(encoding="utf-8"), place


def test_a_command_of_make_is_there_and_said_to_be_long() -> None:
    """Fails: the README promises a target that the Makefile has not."""
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    for name, setting in re.findall(r"`?make (\w[\w-]*)(?: ([A-Z_]+)=)?", README):
        assert re.search(rf"^{name}:", made, re.MULTILINE), name
        assert not setting or re.search(rf"^{setting} \?=", made, re.MULTILINE), setting
    for text, remark in lines():
        assert not text.startswith("make ") or remark.startswith(LONG), text


def test_a_command_in_running_text_is_there_and_takes_what_is_said() -> None:
    """Fails: a reader types what stands in a sentence, and there is no such command, setting or choice."""
    asked = re.findall(r"`(?:\.venv/bin/)?(phin-\w[^`]*)`", re.sub(r"```.*?```", "", README, flags=re.DOTALL))
    assert len(asked) > 20
    for text in asked:
        name, *typed = shlex.split(text)
        assert name in PROJECT["scripts"], text
        settings = [each for each in typed if "=" in each and "=..." not in each]
        if settings:
            composed(name.removeprefix("phin-"), *settings)


def test_the_extras_of_the_readme_are_those_that_can_be_installed() -> None:
    """Fails: a reader asks pip for an extra that there is not, or never hears of one."""
    (table,) = re.findall(r"\| extra \| for what \|\n\|---\|---\|\n((?:\|.*\n)+)", README)
    told = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(told) == sorted(PROJECT["optional-dependencies"])


def test_the_lai_of_the_readme_are_those_of_the_code() -> None:
    """Fails: a player reads of a mode that phin plays otherwise."""
    told = re.findall(r"^\| ([a-z ]+) \| (\S+) \| ([A-G ]+) \|$", README, re.MULTILINE)
    for lai, (name, thai, notes) in zip(LAI, told, strict=True):
        upwards = sorted(lai.pitch_classes, key=lambda pitch_class, tonic=lai.tonic: (pitch_class - tonic) % 12)
        assert (name, thai) == (lai.name, lai.thai)
        assert notes.split() == [pitch_name(60 + pitch_class)[:-1] for pitch_class in upwards]
