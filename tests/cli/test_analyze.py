"""phin-analyze as a person uses it: one command, every picture and table, the same again; a mistake is one line."""

import csv
from pathlib import Path

import pytest

from phin.cli.analyze import WHAT
from phin.corpus.intake import prepare
from phin.corpus.store import Store
from phin.data.dataset import DataConfig
from phin.evaluation.inside import look
from phin.evaluation.inside.attention import RELATIONS
from phin.model.checkpoint import Identity, export
from phin.music.midi import read_midi
from phin.music.notation import write_letters
from phin.tokenizer import TECHNIQUE, VELOCITY, Tokenizer
from tests.cli.commands import as_said_last, phin
from tests.tiny import tiny_model

PICTURES = {
    "attention": [
        *(f"attention-map-layer-{layer}" for layer in (1, 2)),
        "attention-lag",
        "attention-place",
        "attention-heads",
    ],
    "embeddings": ["embeddings-pitch", "embeddings-others", "probe"],
    "patterns": ["patterns"],
    "ablation": ["ablation"],
    "calibration": ["calibration", "place", "surprise"],
}
TABLES = {
    "attention": ["attention-heads.csv", "attention-lag.csv", "attention-place.csv"],
    "embeddings": ["embeddings.csv", "probe.csv"],
    "patterns": ["patterns.csv"],
    "ablation": ["ablation.csv"],
    "calibration": ["calibration.csv", "calibration.json", "place.csv", "surprise.csv"],
}


@pytest.fixture(scope="module")
def trained(corpus: DataConfig, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], Store]:
    """Arguments that name a checkpoint and the corpus that it says it learned from, and that corpus."""
    store = prepare(corpus, progress=False)
    tokenizer = Tokenizer(sources=store.sources)
    model = tiny_model(tokenizer=tokenizer, num_heads=3, dim=24, time_heads=1, pitch_heads=1).float()
    learned = tuple(field not in (TECHNIQUE, VELOCITY) for field in range(6))
    identity = Identity(model.config, tokenizer, corpus.name, store.fingerprint, "nobody's", learned)
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    export(model, identity, path)
    data = ["data=midi_folder", f"data.path={corpus.path}", f"data.name={corpus.name}", f"data.cache={corpus.cache}"]
    return [f"checkpoint={path}", *data, "data.held_out=0.2", "data.workers=1"], store


@pytest.mark.long
@pytest.mark.slow
def test_everything_is_drawn_told_and_the_same_again(
    desk: Path, trained: tuple[list[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: a picture is missing, or a figure in a paper cannot be made again."""
    arguments, store = trained
    asked = [*arguments, "tunes=4", "count=6", "seed=3"]
    first = phin("analyze", *asked, "out=one")
    assert first.status == 0, first.err
    pictures = {f"{name}.{kind}" for names in PICTURES.values() for name in names for kind in ("png", "svg")}
    tables = {name for names in TABLES.values() for name in names} | {"reading.txt"}
    there = {file.name for file in (desk / "one").iterdir()}
    assert there | {"patterns.png", "patterns.svg", "patterns.csv"} == pictures | tables
    for word in ("Attention", "Embeddings", "Patterns", "Ablation", "Calibration", *RELATIONS[:1]):
        assert word in first.out
    assert "validation split" in first.out
    reading = (desk / "one" / "reading.txt").read_text()
    assert reading.strip() in first.out
    assert "not learned, as nobody labelled any: technique" in reading
    monkeypatch.setattr("phin.evaluation.inside.look.save", lambda figure, path: None)  # which takes most of the time
    assert phin("analyze", *asked, "out=two").status == 0
    for name in sorted(there & tables):
        assert (desk / "one" / name).read_bytes() == (desk / "two" / name).read_bytes(), name
    with (desk / "one" / "ablation.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert sum(row["kind"] == "attention head" for row in rows) == 6
    assert len(store.split("validation")) >= 4


@pytest.mark.long
def test_only_what_is_asked_for_is_made_of_the_tune_that_is_asked_for(
    desk: Path, trained: tuple[list[str], Store]
) -> None:
    """Fails: a person waits minutes for what they did not want; or another tune is drawn than they named."""
    arguments, store = trained
    tune = store.id(int(store.split("test")[1]))
    asked = [*arguments, "what=[calibration]", "split=test", f"tune='{tune}'", "tunes=3"]
    told = phin("analyze", *asked, "out=looked")
    assert told.status == 0, told.err
    assert f"({tune}): most surprising" in told.out
    assert "of the test split" in told.out
    pictures = {f"{name}.{kind}" for name in PICTURES["calibration"] for kind in ("png", "svg")}
    assert {file.name for file in (desk / "looked").iterdir()} == {*pictures, *TABLES["calibration"], "reading.txt"}


def test_tunes_of_a_folder_are_read_each_once(desk: Path, trained: tuple[list[str], Store], midi_folder: Path) -> None:
    """Fails: phin-generate writes each tune in five forms, and each motif counts five times."""
    arguments, _ = trained
    tunes = desk / "tunes"
    tunes.mkdir()
    for number, file in enumerate(sorted(midi_folder.glob("*.mid"))[:5]):
        (tunes / file.name).write_bytes(file.read_bytes())
        if number % 2:
            write_letters(read_midi(file).phrase, tunes / f"{file.stem}.txt")
    told = phin("analyze", *arguments, "what=[patterns]", "generated=tunes", "out=looked")
    assert told.status == 0, told.err
    assert "Patterns" in told.out
    assert "5 tunes in tunes" in told.out
    for file in tunes.glob("*.mid"):
        file.unlink()
    assert "2 tunes in tunes" in phin("analyze", *arguments, "what=[patterns]", "generated=tunes", "out=again").out
    told = phin("analyze", *arguments, "what=[patterns]", "generated=tunes", "out=again")
    assert told.complaint.startswith("phin-analyze: out=again: is there already")


@pytest.mark.long
def test_a_look_that_is_broken_off_leaves_nothing(
    desk: Path, trained: tuple[list[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: after Ctrl-C half of the pictures lie there, and the next look is refused, or mixed with them."""
    arguments, _ = trained

    def interrupted(desk: look.Desk) -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setitem(look.ROOMS, "calibration", interrupted)
    told = phin("analyze", *arguments, "what=[embeddings,calibration]", "out=looked")
    assert told.status == 130
    assert "Embeddings" in told.out, "which was drawn before"
    assert not list(desk.iterdir())


MISTAKES = [
    (["what=[attntion]"], "what=attntion: is nothing to look at"),
    (["what=attention"], "what=attention: is no list. Write what=[attention]"),
    (["what=[]"], "what=[]: nothing is asked for"),
    (["split=train"], "split=train: is not held out"),
    (["tunes=1"], "tunes=1: is too few"),
    (["count=0"], "count=0"),
    (["out="], "out=: is empty"),
    (["what=[embeddings]", "tunes=9"], "tunes=9: means nothing with what=[embeddings]"),
    (["what=[ablation]", "tune=x"], "tune=x: means nothing with what=[ablation]"),
    (["what=[ablation]", "count=9"], "count=9: means nothing with what=[ablation]"),
    (["what=[embeddings]", "split=test"], "split=test: means nothing"),
    (["what=[ablation]", "sampler.top_p=0.9"], "sampler.top_p=0.9: means nothing"),
    (["generated=nowhere"], "generated=nowhere: is no folder"),
    (["generated=nowhere", "count=9"], "count=9: means nothing with generated=nowhere"),
    (["tune=nobody"], "tune=nobody: is no tune of the validation split"),
]


@pytest.mark.parametrize(("arguments", "named"), MISTAKES, ids=[" ".join(mistake[0]) for mistake in MISTAKES])
def test_a_mistake_is_one_line_and_leaves_nothing_behind(
    desk: Path, trained: tuple[list[str], Store], arguments: list[str], named: str
) -> None:
    """Fails: a setting is taken and does nothing, or a mistake ends in a traceback."""
    said = phin("analyze", *as_said_last(*trained[0], "out=looked", *arguments))
    line = said.err.strip().splitlines()[-1]
    assert said.status == 1
    assert named in line
    assert "Traceback" not in said.err + said.out
    assert not list(desk.iterdir())


def test_a_model_of_another_corpus_is_refused(desk: Path, trained: tuple[list[str], Store]) -> None:
    """Fails: what is called held out was learned."""
    said = phin("analyze", *as_said_last(*trained[0], "data.held_out=0.3"), "data.min_notes=9", "out=looked")
    assert "which this corpus is not" in said.err
    assert set(WHAT) == set(PICTURES)
