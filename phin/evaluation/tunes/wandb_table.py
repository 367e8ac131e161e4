"""A report as a table at Weights & Biases, one row a measure, with its pictures; offline for who is not logged in."""

from pathlib import Path

from phin.evaluation.tunes.tune_report import PICTURES, TuneReport
from phin.evaluation.tunes.verdicts import JUDGED, REAL
from phin.wandb_access import begun, mode_of

COLUMNS = ("measure", "about", "aspect", "mean", "low", "high", "tunes", "real", "distance", "untrusted")


def send(report: TuneReport, name: str, folder: Path, project: str = "phin") -> str:
    """Logs it, and says where it lies. Raises PhinError where W&B cannot be used."""
    with begun("wandb=true", "set WANDB_MODE=offline"):
        import wandb

        run = wandb.init(project=project, name=name, job_type="evaluation", dir=str(folder), mode=mode_of())
        run.log({"measures": wandb.Table(columns=list(COLUMNS), data=_rows(report))})
        run.log({f"report/{picture}": wandb.Image(str(folder / f"{picture}.png")) for picture in PICTURES})
        run.summary.update({f"tunes/{row[0]}": row[3] for row in _rows(report)})
        run.finish()
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
