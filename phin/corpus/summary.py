"""What came of an intake, for a person at a terminal."""

from phin.corpus.report import REPORT
from phin.corpus.report_page import PAGE
from phin.corpus.store import Store
from phin.counted import counted


def summary(store: Store) -> str:
    """How many tunes were taken in and why the others were not, the splits, the largest families, and the licence."""
    report = store.report
    found, notes = counted(report["found"], "tune", style=","), counted(report["notes"], "note", style=",")
    lines = [
        f"{report['corpus']}: {report['accepted']:,} of {found} taken in, {notes}; "
        f"{report['with_pentatonic_set']:,} in a pentatonic set, {report['with_lai']:,} of them end as a lai does"
    ]
    refusals = report["refusals"]
    if refusals:
        num_refused = sum(report["refused"].values())
        by_defect = ", ".join(f"{count:,} {defect}" for defect, count in report["refused"].items())
        lines.append(f"refused {num_refused:,} ({by_defect}):")
        lines += [f"  {refusal['reason']}" for refusal in refusals]
        if len(refusals) < num_refused:
            lines.append(f"  and {num_refused - len(refusals):,} more, in {REPORT}")
    if report["repaired"]:
        lines.append("repaired: " + "; ".join(f"{what} (in {count:,})" for what, count in report["repaired"].items()))
    if left_out := report["left_out_as_kin_of_held_out"]:
        lines.append(f"left out {left_out:,} that are of one family with held-out tunes")
    splits = ", ".join(f"{count:,} {name}" for name, count in report["splits"].items())
    largest = ", ".join(f"{title} ({count})" for count, title in report["largest_families"][:5])
    families = counted(report["families"], "family", "families", style=",")
    lines.append(f"split by family ({families}): {splits}; largest: {largest}")
    if others := report["other_files"]:
        lines.append(f"mind: {', '.join(others)} are not the files that the benchmark's figures were measured on")
    lines.append(f"every file, and what became of it: {store.folder / PAGE}, {store.folder / REPORT}")
    lines.append(f"licence: {store.licence}")
    return "\n".join(lines)
