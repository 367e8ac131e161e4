"""phin-compare: runs side by side, from their own folders. It composes; `phin.evaluation.runs.comparison` compares."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from phin.cli.arguments import Parser
from phin.cli.sweep import FAILED
from phin.errors import InvalidConfig
from phin.evaluation.html import image, report_page, section
from phin.evaluation.runs.comparison import compare, csv_text, lines
from phin.evaluation.runs.comparison_tables import tables
from phin.evaluation.runs.curves import picture
from phin.evaluation.tabular import text
from phin.music.picture import save
from phin.whole_file import whole_files, write_text
from phin.writable import refuse_folder

DESCRIPTION = """\
phin-compare RUN...: what differs between runs, their curves, bits per note with intervals, and paired differences.

  RUN  the folder of a run; or of a sweep, which stands for all of its runs

  phin-compare runs/default runs/mine
  phin-compare multirun/2026-01-31_12-00-00 --out comparison

Others are compared with the first, on the tunes of the test split that both have read. Runs that differ in their
seed alone are one arm. A run that is not finished is shown as far as it has come; one of a sweep that cannot be read
is told and left out. No account is needed.
"""
PRINTED, TABLE, PAGE = "comparison.txt", "comparison.csv", "comparison.html"
CURVES = ("curves.svg", "curves.png")


def main(argv: Sequence[str] | None = None) -> None:
    """Console script."""
    parser = Parser("phin-compare", DESCRIPTION)
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path)
    parser.add_argument(
        "--out", metavar="FOLDER", type=Path, default=Path("comparison"), help="where it goes; comparison/ unless given"
    )
    parser.add_argument("--overwrite", action="store_true", help="write also over a comparison that is there already")
    parser.run(run, argv)


def run(arguments: argparse.Namespace) -> list[str]:
    """Reads, compares, writes; the lines of it, and where they are. Raises PhinError before anything is written."""
    out: Path = arguments.out
    refuse_folder("--out", out)
    comparison = compare(arguments.runs)  # what is mistyped is said before what is there already
    there = [name for name in (PRINTED, TABLE, PAGE, *CURVES) if (out / name).exists()]
    if there and not arguments.overwrite:
        raise InvalidConfig(
            str(out / there[0]), "is there already", "name another folder with --out, or add --overwrite"
        )
    found = tables(comparison)
    figure, printed = picture(lines(comparison)), text(found)
    with whole_files(out) as desk:
        for name in CURVES:
            save(figure, desk / name)
        curves = image((desk / CURVES[0]).read_bytes(), "svg", "Validation and loss over steps")
        page = report_page("Runs compared", [section(found[0]), curves, *map(section, found[1:])])
        for name, said in ((PRINTED, printed), (TABLE, csv_text(comparison)), (PAGE, page)):
            write_text(desk / name, said)
    names = ", ".join((PAGE, *CURVES, TABLE, PRINTED))
    left_out = [f"left out: {line}" for line in comparison.unread]
    left_out += [f"failed: {line}" for line in failures(arguments.runs)]
    return [*printed.splitlines(), "", *left_out, f"{out}: {names}"]


def failures(folders: Sequence[Path]) -> list[str]:
    """The jobs of sweeps that failed, a line each that says why."""
    files = [file for folder in folders for file in sorted(folder.glob(f"*/{FAILED}"))]
    return [f"{file.parent}: {file.read_text(encoding='utf-8').partition(chr(10))[0]}" for file in files]
