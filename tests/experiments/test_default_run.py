"""The README's table is what the default run printed."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUN = ROOT / "experiments" / "default_run"


def test_the_readmes_table_is_what_the_default_run_printed() -> None:
    """Fails: the number that everybody quotes was typed, or is of another run."""
    printed = (RUN / "report.txt").read_text(encoding="utf-8").strip()
    assert f"```\n{printed}\n```" in (ROOT / "README.md").read_text(encoding="utf-8")
    report = json.loads((RUN / "report.json").read_text(encoding="utf-8"))
    (whole,) = (row for row in report["test"] if row["source"] == "all")
    assert f"{whole['bits']:.3f}" in printed.splitlines()[-1].split()
    assert report["finished"]
    assert not report["git"]["dirty"]
