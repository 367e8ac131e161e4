"""The reports: every file is in them, nothing in them does anything, and they stay small in memory."""

import json
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

from phin.corpus.intake import prepare
from phin.corpus.report import (
    MOST_SHOWN,
    REPORT,
    Kind,
    Outcome,
    ReportFile,
    Tally,
    kind_of_repair,
    with_every_refusal,
)
from phin.corpus.report_page import MOST_ROWS, PAGE, ReportPage
from phin.corpus.settings import CorpusConfig
from phin.corpus.store import Store
from phin.corpus.summary import summary
from phin.errors import Defect, MissingCorpus
from phin.music.midi import midi_bytes
from tests.midi_defects import defect_files, good_files
from tests.tunes import wander

HOSTILE = "<img src=x onerror=alert(1)>&\"'.mid"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Good files, mended ones, broken ones, and two with names that a browser must not believe."""
    place = tmp_path_factory.mktemp("desk")
    files = {**good_files(), **{name: data for name, (data, _) in defect_files().items()}}
    files |= {HOSTILE: b"", f"good {HOSTILE}": midi_bytes(wander(5))}
    (place / "midi").mkdir()
    for name, data in files.items():
        (place / "midi" / name).write_bytes(data)
    config = CorpusConfig("mine & <b>yours", ["midi_folder"], path=str(place / "midi"), cache=str(place), workers=1)
    return prepare(config, progress=False)


@pytest.fixture(scope="module")
def lines(store: Store) -> dict[str, dict]:
    files = json.loads((store.folder / REPORT).read_text(encoding="utf-8"))["files"]
    assert len({file["id"] for file in files}) == len(files)
    return {file["id"]: file for file in files}


def test_every_file_is_in_the_report_with_what_became_of_it(store: Store, lines: dict[str, dict]) -> None:
    """A tune that is missing could not be looked up; one that was mended would be taken for what was played."""
    defects = {name: defect for name, (_, defect) in defect_files().items()} | {HOSTILE: Defect.EMPTY}
    assert set(lines) == {*good_files(), *defects, f"good {HOSTILE}"}
    for name, defect in defects.items():
        assert (lines[name]["outcome"], lines[name]["defect"]) == ("refused", defect)
        assert name in lines[name]["reason"]
    assert lines["plain.mid"]["outcome"] == "accepted"
    assert lines["with-drums.mid"] == {
        "id": "with-drums.mid",
        "outcome": "repaired",
        "repairs": ["16 drum strokes on channel 10 left out"],
        "notes": 16,
        "family": lines["plain.mid"]["family"],
        "split": lines["plain.mid"]["split"],
    }
    for tune in range(len(store)):
        line = lines[store.id(tune)]
        assert (line["notes"], line["family"]) == (store.lengths[tune], store.families[tune])
        assert tune in store.split(line["split"])


def test_the_counts_are_those_of_the_lines(store: Store, lines: dict[str, dict]) -> None:
    """The headline would say another thing than the list."""
    counts = json.loads((store.folder / REPORT).read_text(encoding="utf-8"))["counts"]
    kinds = Counter(line["outcome"] for line in lines.values())
    assert counts["found"] == len(lines)
    assert (counts["accepted"], counts["accepted_with_repairs"]) == (
        kinds["accepted"] + kinds["repaired"],
        kinds["repaired"],
    )
    assert sum(counts["refused"].values()) == kinds["refused"]
    assert counts["repaired"] == Counter(
        kind for line in lines.values() for kind in {kind_of_repair(repair) for repair in line.get("repairs", [])}
    )
    assert counts | {"refusals": store.report["refusals"]} == store.report


def test_the_summary_says_where_the_reports_lie(store: Store) -> None:
    """Nobody would find them."""
    text = summary(store)
    assert str(store.folder / PAGE) in text
    assert str(store.folder / REPORT) in text
    assert (store.folder / PAGE).is_file()


class PageReader(HTMLParser):
    """What a browser would make of a page: its elements, checked for being closed, its text, its attributes."""

    VOID = ("meta", "br", "hr", "img")

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        self.attributes.update(name for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


def test_the_page_is_whole_and_nothing_in_it_comes_from_a_file_but_text(store: Store) -> None:
    """A file's name could run a program in the browser of whoever opens the report, or call home."""
    page = (store.folder / PAGE).read_text(encoding="utf-8")
    read = PageReader(page)
    assert read.open == [], "every element is closed"
    assert not {"img", "script", "link", "iframe", "b onerror"} & set(read.elements)
    assert set(read.attributes) <= {"lang", "charset", "name", "content", "class", "style"}
    assert "http" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert HOSTILE in read.text
    assert "mine & <b>yours" in read.text


def test_the_page_names_every_file_under_its_defect_and_says_all_that_counts(store: Store) -> None:
    """A person without a terminal could not find out what to mend."""
    page = (store.folder / PAGE).read_text(encoding="utf-8")
    text = PageReader(page).text
    for name, (_, defect) in defect_files().items():
        section = page.split(f"<b>{defect}</b>", 1)[1].split("</details>", 1)[0]
        assert f"<td>{name}</td>" in section
    assert store.licence in text
    for count in [*store.report["splits"].values(), store.report["sources"]["midi"], store.report["accepted"]]:
        assert f"{count:,}" in text
    sizes = [int(heading.split("</b>: ")[1].split("<")[0]) for heading in page.split("<summary>")[1:]]
    num_defects = len(store.report["refused"])
    assert sizes[:num_defects] == sorted(sizes[:num_defects], reverse=True), "the commonest first"
    assert f"{store.report['families']:,} families" in text


def test_of_a_folder_of_which_nothing_is_left_the_reports_say_why(tmp_path: Path) -> None:
    """Five thousand refusals, and a person sees three of them."""
    (tmp_path / "midi").mkdir()
    for number in range(5):
        (tmp_path / "midi" / f"{number}.mid").write_bytes(b"")
    config = CorpusConfig("mine", ["midi_folder"], path=str(tmp_path / "midi"), cache=str(tmp_path / "cache"))
    with pytest.raises(MissingCorpus, match=f"all of them: .*{PAGE}") as refused:
        prepare(config, progress=False)
    page = Path(str(refused.value).split("all of them: ")[1].rstrip(").")).read_text(encoding="utf-8")
    assert all(f"<td>{number}.mid</td>" in page for number in range(5))
    (tmp_path / "midi" / "5.mid").write_bytes(midi_bytes(wander(0)))
    assert len(prepare(config, progress=False)) == 1


def test_reports_of_many_files_stay_small_in_memory_and_whole_on_the_disk(tmp_path: Path) -> None:
    """A report on a million files would need more memory than reading them."""
    tally, page, count = Tally(), ReportPage(), 3 * MOST_ROWS
    with ReportFile(tmp_path) as file:
        for number in range(count):
            refused = Outcome(
                f"{number}.mid", Kind.REFUSED, defect="empty", reason=f"{number}.mid: is empty. Leave it."
            )
            mended = Outcome(
                f"{number}+.mid", Kind.REPAIRED, (f"{number + 2} notes left out",), num_notes=9, split="train"
            )
            for outcome in (refused, mended):
                for keeper in (tally, page, file):
                    keeper.add(outcome)
        file.finish(tally.as_dict())
    assert len(json.loads((tmp_path / REPORT).read_text(encoding="utf-8"))["files"]) == 2 * count
    assert tally.as_dict()["repaired"] == {"N notes left out": count}
    assert len(tally.refusals) == MOST_SHOWN
    page.write(tmp_path, {"corpus": "many", **tally.as_dict()}, "nobody's")
    text = (tmp_path / PAGE).read_text(encoding="utf-8")
    assert text.count("<td>") < 5 * MOST_ROWS
    assert text.count("The first 1,000; all are in report.json.") == 2
    assert f"<b>empty</b>: {count:,}" in text


@pytest.mark.parametrize(
    ("repair", "kind"),
    [
        ("moved by -1 octaves", "moved by N octaves"),
        (
            "3 tempos reduced to their median, 101.3 quarters a minute",
            "N tempos reduced to their median, N quarters a minute",
        ),
        ("metre left out: it changes (2/4, 3/4)", "metre left out: it changes (N, N)"),
        ("changed since it was written: its techniques and mode left out",) * 2,
    ],
)
def test_repairs_are_counted_by_what_was_done(repair: str, kind: str) -> None:
    """Three hundred tempos, and three hundred lines that each say one."""
    assert kind_of_repair(repair) == kind


def test_a_runs_report_names_every_broken_file_however_many(tmp_path: Path, store: Store) -> None:
    """The hundred-and-first broken file of a download would be named nowhere in the run that left it out."""
    (tmp_path / "midi").mkdir()
    for number in range(MOST_SHOWN + 5):
        (tmp_path / "midi" / f"broken {number}.mid").touch()
    for number in range(4):
        (tmp_path / "midi" / f"{number}.mid").write_bytes(midi_bytes(wander(number)))
    many = prepare(
        CorpusConfig("many", ["midi_folder"], path=str(tmp_path / "midi"), cache=str(tmp_path), workers=1), False
    )
    assert len(many.report["refusals"]) == MOST_SHOWN
    whole = with_every_refusal(many)
    assert {refusal["id"] for refusal in whole["refusals"]} == {f"broken {n}.mid" for n in range(MOST_SHOWN + 5)}
    assert whole["refusals"][:MOST_SHOWN] == many.report["refusals"]
    assert {**whole, "refusals": []} == {**many.report, "refusals": []}
    assert with_every_refusal(store) == store.report
