"""phin-generate with a model of sixteen dimensions: what is told of tunes, and what is refused."""

from pathlib import Path

import pytest

from phin.errors import Defect, InvalidTune
from phin.generation import write
from phin.generation.given import Given
from phin.model.checkpoint import export
from phin.music.midi import read_midi
from phin.music.phrase import Phrase
from tests.cli.commands import phin
from tests.tiny import identity_for, tiny_model


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a model."""
    monkeypatch.chdir(tmp_path)
    model = tiny_model().float()
    export(model, identity_for(model), tmp_path / "model.safetensors")
    return tmp_path


@pytest.fixture
def refused_pages(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Titles of tunes that no page can hold."""
    titles, paper = set[str](), write.for_paper

    def refuses(tune: Phrase, ending: str) -> tuple[Phrase, tuple[str, ...]]:
        if tune.title in titles:
            raise InvalidTune(ending, Defect.BAD_NOTATION, "has notes between letters", "take mid")
        return paper(tune, ending)

    monkeypatch.setattr(write, "for_paper", refuses)
    return titles


def test_a_tune_that_no_page_can_hold_is_told_and_the_others_are_written(desk: Path, refused_pages: set[str]) -> None:
    """Fails: `formats=[txt]` ends in a traceback, and what was to be said of the other tunes is lost."""
    refused_pages.add("phin 5-2")
    asked = ("checkpoint=model.safetensors", "count=3", "lines=1", "seed=5", "lai=yai", "keep.lai=true", "out=tunes")
    wishes = ("keep.melody=true", "formats=[txt,html]")
    told = phin("generate", *asked, *wishes)
    assert told.status == 0, told.err
    reason = "has notes between letters"
    assert f"tune-5-2  not written: .txt: {reason}; .html: {reason}\n" in told.out
    assert "tunes/tune-5-1.txt  " in told.out
    assert "tunes/tune-5-3.txt  " in told.out
    assert "\n2 tunes (.txt, .html) in tunes." in told.out
    assert sorted(file.name for file in (desk / "tunes").glob("*.txt")) == ["tune-5-1.txt", "tune-5-3.txt"]


def test_only_forms_that_are_there_are_told(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: the last line speaks of letters, and no page of letters was written."""
    paper = write.for_paper

    def no_letters(tune: Phrase, ending: str) -> tuple[Phrase, tuple[str, ...]]:
        if ending == ".txt":
            raise InvalidTune(ending, Defect.BAD_NOTATION, "has notes between letters", "take mid")
        return paper(tune, ending)

    monkeypatch.setattr(write, "for_paper", no_letters)
    asked = ("checkpoint=model.safetensors", "count=2", "lines=1", "seed=5", "formats=[mid,txt,svg]", "out=tunes")
    told = phin("generate", *asked)
    assert told.status == 0, told.err
    assert not list((desk / "tunes").glob("*.txt"))
    assert told.out.count(".txt: not written: ") == 2
    assert "\n2 tunes (.mid, .svg) in tunes." in told.out


def test_a_tune_is_called_as_its_file_is(desk: Path) -> None:
    """Fails: of the likeliest of three the sheet says `phin 5-20001`, and the file is tune-5-1."""
    asked = ("checkpoint=model.safetensors", "count=2", "lines=1", "seed=5", "choose.candidates=3", "formats=[mid]")
    wishes = ("lai=yai", "keep.lai=true", "keep.melody=true")
    told = phin("generate", *asked, *wishes)
    assert told.status == 0, told.err
    assert [read_midi(desk / "tunes" / f"tune-5-{n}.mid", min_notes=1).phrase.title for n in (1, 2)] == [
        "phin 5-1",
        "phin 5-2",
    ]


def test_where_no_page_can_hold_any_tune_it_is_a_failure(desk: Path, refused_pages: set[str]) -> None:
    """Fails: a script is told that there are tunes, and there is none."""
    refused_pages.update({"phin 5-1", "phin 5-2"})
    told = phin(
        "generate", "checkpoint=model.safetensors", "count=2", "lines=1", "seed=5", "formats=[txt]", "out=tunes"
    )
    assert told.complaint.startswith("phin-generate: formats=.txt: no page could hold any of 2 tunes. Take mid")
    assert told.out.count("not written: .txt: ") == 2
    assert not (desk / "tunes").exists()


PAGE = "| ---ล | -ด-ร | -ม-ซ | -ล-ด | -ล-ซ | -ม-ร | -ด-ร | ---ล |\n"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (["use=rewrite", "rewrite=3-"], "rewrite=3-: names no hong. Write the first and the last, as 3-6."),
        (["use=rewrite", "rewrite=-3"], "rewrite=-3: names no hong"),
        (["use=continue", "lines=64"], "lines=64: is too much after 'tune.txt', which has 1: 64 are the most in all"),
        (["use=rewrite", "rewrite=6-3"], "rewrite=6-3: is the wrong way round. Write rewrite=3-6."),
        (["use=rewrite", "rewrite=3-60"], "rewrite=3-60: 'tune.txt' has hong 1 to 8. Take some of these"),
    ],
)
def test_what_cannot_be_made_of_a_tune_is_refused(desk: Path, asked: list[str], told: str) -> None:
    """Fails: a slip of the finger is taken for something else; or a number is named that nobody typed."""
    (desk / "tune.txt").write_text(PAGE, encoding="utf-8")
    assert told in phin("generate", "checkpoint=model.safetensors", "given=tune.txt", *asked).complaint


def test_a_tune_that_came_out_as_it_was_is_told(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: a tune is written as new, and is the one that was given."""
    (desk / "tune.txt").write_text(PAGE, encoding="utf-8")
    asked = ("checkpoint=model.safetensors", "given=tune.txt", "use=rewrite", "rewrite=3-6", "count=1", "formats=[mid]")
    told = phin("generate", *asked, "out=new")
    assert "came out as it was" not in told.out
    monkeypatch.setattr(Given, "finished", lambda given, _: given.phrase)
    told = phin("generate", *asked, "out=same")
    assert "\n  it came out as it was given\n" in told.out, told.err


def test_what_is_drawn_and_kept_is_what_was_asked_for(desk: Path) -> None:
    """Fails: the sampler that was asked for draws nothing, a silent tune is drawn anew though it was asked for, or is
    never drawn anew.
    """

    def drawn(name: str, *asked: str) -> tuple[str, list[list[int]]]:
        common = ("checkpoint=model.safetensors", "count=6", "seed=1", "formats=[mid]", f"out={name}")
        told = phin("generate", *common, *asked)
        assert told.status == 0, told.err
        files = [desk / name / f"tune-1-{number}.mid" for number in range(1, 7)]
        return told.out, [read_midi(file, min_notes=1).phrase.onset.tolist() for file in files]

    hot = "sampler.temperature=4"
    once, tunes = drawn("once", hot, "choose.tries=0")
    assert "it rests for" in once
    assert tunes != drawn("usual", "choose.tries=0")[1], "the sampler draws"
    again, others = drawn("again", hot, "choose.tries=80")
    assert "it rests for" not in again
    assert [tune == other for tune, other in zip(tunes, others, strict=True)].count(False) == once.count("it rests for")
    kept, as_drawn = drawn("kept", hot, "choose.silence=true")
    assert as_drawn == tunes, "the first of each is kept"
    assert "it rests for" not in kept
