"""phin-compare as a person uses it: what it prints it writes, over nobody's files; a mistake is one line."""

import csv
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from phin.cli.compare import CURVES, PAGE, PRINTED, TABLE, main
from phin.cli.sweep import FAILED
from phin.evaluation.by_tune import TEST_BITS, read_by_tune
from phin.evaluation.intervals import interval_by_family
from phin.evaluation.runs.curves import METRICS
from phin.evaluation.runs.run_folder import REPORT, SETTINGS, read_run
from tests.cli.commands import TINY, TRAINING, phin
from tests.cli.mistakes import complaint_of
from tests.evaluation.runs.run_folders import tunes, write_run

WRITTEN = {PRINTED, TABLE, PAGE, *CURVES}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two runs and a sweep of two."""
    monkeypatch.chdir(tmp_path)
    for place, rate, seed in (("a", 0.1, 0), ("<b>", 0.2, 0), ("sweep/0", 0.3, 0), ("sweep/1", 0.3, 1)):
        settings = {"optimizer.lr": rate}
        write_run(Path("runs") / place, [f"optimizer.lr={rate}"], settings, seed, tunes(seed + int(10 * rate)))
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_what_is_printed_is_written_with_table_curves_and_page(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fails: whoever closes the terminal has lost the comparison, or finds another one in the folder."""
    main(["runs/a", "runs/<b>", "runs/sweep"])
    printed = capsys.readouterr().out
    assert {path.name for path in (desk / "comparison").iterdir()} == WRITTEN
    text = (desk / "comparison" / PRINTED).read_text(encoding="utf-8")
    assert printed.startswith(text)
    assert "Paired differences by arm: each less optimizer.lr=0.1" in text
    with (desk / "comparison" / TABLE).open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 12
    assert (desk / "comparison" / "curves.png").read_bytes().startswith(b"\x89PNG")
    drawn = (desk / "comparison" / "curves.svg").read_text(encoding="utf-8")
    assert "<!-- 4: optimizer.lr=0.3, seed 1 -->" in drawn


def test_comparing_twice_writes_the_same_bytes(desk: Path) -> None:
    """Fails: a comparison that is kept differs each time it is made, and hides a change."""
    for out in ("one", "two"):
        main(["runs/a", "runs/sweep", "--out", out])
    for name in WRITTEN:
        assert (desk / "one" / name).read_bytes() == (desk / "two" / name).read_bytes(), name


class Page(HTMLParser):
    """The cells of a page, what it refers to, and which elements are open."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells, self.references = list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] in (["td"], ["th"]):
            self.cells.append(data)


def test_the_page_holds_all_of_it_and_needs_no_network(desk: Path) -> None:
    """Fails: the page is sent to somebody, and its picture or half its numbers stay behind; or a name breaks it."""
    main(["runs/a", "runs/<b>", "runs/sweep"])
    html = (desk / "comparison" / PAGE).read_text(encoding="utf-8")
    page = Page(html)
    assert page.open == []
    assert not re.search(r"https?:|//|@import|url\(", re.sub(r'base64,[^"]+', "", html))
    (picture,) = page.references
    assert picture.startswith("data:image/svg+xml;base64,")
    words = (desk / "comparison" / PRINTED).read_text(encoding="utf-8").split()
    numbers = {word for word in words if re.fullmatch(r"[+-]?\d+\.\d{3}%?", word)}
    assert len(numbers) > 20
    assert numbers <= {word for cell in page.cells for word in cell.split()}
    assert "runs/<b>" in page.cells


def test_only_a_comparison_that_was_asked_to_be_is_written_over(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Fails: last week's comparison is gone; or a note that lay beside it."""
    (desk / "comparison").mkdir()
    (desk / "comparison" / "notes.txt").write_text("mine")
    main(["runs/a"])
    before = {path.name: path.read_bytes() for path in (desk / "comparison").iterdir()}
    assert "is there already. Name another folder with --out, or add --overwrite." in complaint_of(
        main, capsys, "runs/<b>"
    )
    assert {path.name: path.read_bytes() for path in (desk / "comparison").iterdir()} == before
    main(["runs/<b>", "--overwrite"])
    after = {path.name: path.read_bytes() for path in (desk / "comparison").iterdir()}
    assert {name for name in after if after[name] != before[name]} >= {PRINTED, TABLE, PAGE}
    assert after["notes.txt"] == b"mine"


MISTAKES = {
    "no run": ([], "required: RUN"),
    "no such folder": (["runs/a", "nowhere"], "nowhere: there is no such folder"),
    "a name that no system has": (["n" * 300], f"{'n' * 300}: cannot be used (File name too long)"),
    "a file": (["runs/a/config.yaml"], "runs/a/config.yaml: is a file"),
    "no run in it": (["empty"], "empty: holds no runs"),
    "a run twice": (["runs/a", "runs/../runs/a"], "runs/../runs/a: is named already"),
    "a torn report": (["torn", "runs/a"], f"torn/{REPORT}: cannot be read"),
    "torn settings": (["unset"], f"unset/{SETTINGS}: cannot be read"),
    "a torn table": (["half"], f"half/{TEST_BITS}: cannot be read"),
    "a torn log": (["lost"], f"lost/{METRICS}: line 4 is torn"),
    "a file for a folder": (["runs/a", "--out", "file"], "--out=file: file is a file"),
    "where nobody may write": (["runs/a", "--out", "/proc/x"], "no file can be made in /proc"),
    "an option there is not": (["runs/a", "--best"], "unrecognized arguments"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_nothing_is_written(
    desk: Path, capsys: pytest.CaptureFixture[str], mistake: str
) -> None:
    """Fails: a traceback, or half a comparison."""
    spoiled = {"torn": REPORT, "unset": SETTINGS, "half": TEST_BITS, "lost": METRICS}
    for folder, name in spoiled.items():
        shutil.copytree("runs/a", folder)
        text = (desk / folder / name).read_text(encoding="utf-8")
        torn = text[: -5 if folder == "lost" else len(text) // 2] + "\n"
        (desk / folder / name).write_text("a: [" if name == SETTINGS else torn)
    (desk / "file").touch()
    before = {path for path in desk.rglob("*")}
    arguments, words = MISTAKES[mistake]
    assert words in complaint_of(main, capsys, *arguments)
    assert {path for path in desk.rglob("*")} == before


def test_of_a_sweep_what_cannot_be_read_is_told_and_the_rest_compared(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fails: one torn report of twenty, and nothing of a night's sweep can be looked at."""
    shutil.copytree("runs/a", "runs/torn")
    (desk / "runs" / "torn" / REPORT).write_text("{")
    (desk / "runs" / "fallen").mkdir()
    (desk / "runs" / "fallen" / FAILED).write_text("model.dim=7: does not divide\n\nmodel.dim=7")
    main(["runs"])
    said = capsys.readouterr().out
    assert f"left out: {Path('runs') / 'torn' / REPORT}: cannot be read, it is torn." in said
    assert f"failed: {Path('runs') / 'fallen'}: model.dim=7: does not divide" in said
    assert "torn" not in (desk / "comparison" / TABLE).read_text(encoding="utf-8")
    assert "runs/a" in (desk / "comparison" / TABLE).read_text(encoding="utf-8")


@pytest.mark.long
def test_a_sweep_that_was_just_trained_can_be_compared(
    midi_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: phin-train writes something else than phin-compare reads."""
    monkeypatch.chdir(tmp_path)
    plain = [text for text in TRAINING if not text.startswith("callbacks.samples")]
    swept = ["optimizer.lr=0.001,0.01", "hydra.sweep.dir=sweep", "~callbacks.samples"]
    trained = phin("train", "-m", *TINY, *plain, f"data.path={midi_folder}", *swept)
    assert trained.status == 0, trained.err
    for job in ("0", "1"):
        run, kept = read_run(tmp_path / "sweep" / job), read_by_tune(tmp_path / "sweep" / job / TEST_BITS)
        assert run.finished is not None
        said = run.finished.rows[-1]
        assert (said.tunes, said.notes) == (len(kept.id), kept.notes.sum())
        for ours, bits, interval in (
            (kept.headline, said.bits, said.interval),
            (kept.bits[:, 3:].sum(axis=1), said.markov, said.markov_interval),
        ):
            assert ours.sum() / kept.notes.sum() == pytest.approx(bits, abs=1e-6)
            assert interval_by_family(ours, kept.notes, kept.family) == pytest.approx(interval, abs=1e-6)
        assert kept.bits[:, :3].sum(axis=0) / said.notes == pytest.approx([said.step, said.pitch, said.duration])
    main(["sweep"])
    text = (tmp_path / "comparison" / PRINTED).read_text(encoding="utf-8")
    assert "each run less run 1 (optimizer.lr=0.001)" in text
    assert re.search(r"^optimizer.lr +0.001 +0.01$", text, re.MULTILINE)
    assert "no curve" not in text
