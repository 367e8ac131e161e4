"""A report as a table at Weights & Biases, one row a measure, with its pictures; offline for who is not logged in."""

import os
from pathlib import Path

from phin.errors import PhinError
from phin.evaluation.tunes.tune_report import PICTURES, TuneReport
from phin.evaluation.tunes.verdicts import JUDGED, REAL
from phin.wandb_key import is_logged_in

COLUMNS = ("measure", "about", "aspect", "mean", "low", "high", "tunes", "real", "distance", "untrusted")


def send(report: TuneReport, name: str, folder: Path, project: str = "phin") -> str:
    """Logs it, and says where it lies. Raises PhinError where W&B cannot be used."""
    import wandb

    os.environ.setdefault("WANDB_SILENT", "true")
    mode = None if os.environ.get("WANDB_MODE") else "online" if is_logged_in() else "offline"
    try:
        run = wandb.init(project=project, name=name, job_type="evaluation", dir=str(folder), mode=mode)
        run.log({"measures": wandb.Table(columns=list(COLUMNS), data=_rows(report))})
        run.log({f"report/{picture}": wandb.Image(str(folder / f"{picture}.png")) for picture in PICTURES})
        run.summary.update({f"tunes/{row[0]}": row[3] for row in _rows(report)})
        run.finish()
    except wandb.Error as error:
        reason = f"W&B cannot be used ({' '.join(str(error).split()).rstrip('.')})"
        raise PhinError("wandb=true", reason, "log in with `wandb login`, or set WANDB_MODE=offline") from None
    return f"at W&B: {run.url}" if run.url else f"to send it to W&B: wandb sync {folder}/wandb/offline-run-*"


def _rows(report: TuneReport) -> list[list[object]]:
    found = []
    for row in report.judgement.rows:
        if (value := row.values.get(JUDGED)) is None:
            continue
        real = row.values[REAL].mean if REAL in row.values else None
        distance = row.distance[JUDGED][0] if JUDGED in row.distance else None
        about = [row.name, row.about, str(row.aspect), value.mean, value.low, value.high, value.tunes]
        found.append([*about, real, distance, ", ".join(row.untrusted)])
    return found
