"""What a run logs, as CSV: rows are on disk as soon as they are logged, and can be cut back to a checkpoint's."""

import csv
import logging
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from phin.whole_file import cannot_write, write_csv

log = logging.getLogger(__name__)


class MetricsFile(Logger):
    """A row for each set of metrics that is logged, a column for each metric ever logged.

    (Lightning's CSVLogger keeps rows in memory for a while, and begins a new file for a run that goes on: a run that
    was killed loses some, and keeps others that came after its checkpoint.)
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = Path(path)
        self._rows: list[dict[str, str]] = []
        self._columns: list[str] = []

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def version(self) -> str:
        return ""

    @property
    def num_rows(self) -> int:
        """Rows logged so far, which a checkpoint keeps."""
        return len(self._rows)

    def cut_back(self, num_rows: int) -> None:
        """Keeps the first rows of the file, which a run that goes on has logged, and their columns.

        Where the file holds fewer (somebody removed it, or it is torn), those that it holds, with a warning.
        """
        text = self.path.read_text(encoding="utf-8") if self.path.is_file() else ""
        kept = [row for row in csv.DictReader(StringIO(text, newline=""))][:num_rows]
        self._rows = [{name: value for name, value in row.items() if name and value} for row in kept]
        self._columns = _columns(self._rows)
        if (lost := num_rows - len(kept)) > 0:
            log.warning("%s: %d of the %d rows that were logged are no longer in it", self.path, lost, num_rows)
        self._write_anew()

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """One row. `step` is the optimiser step, counted from 0."""
        row = {"step": str(step), **{name: repr(value) for name, value in metrics.items()}}
        self._rows.append(row)
        if not set(row) <= set(self._columns) or self.num_rows == 1:
            self._columns = _columns(self._rows)
            self._write_anew()
        else:
            try:
                with self.path.open("a", encoding="utf-8", newline="") as file:
                    csv.DictWriter(file, self._columns, lineterminator="\n").writerow(row)
            except OSError as error:
                raise cannot_write(self.path, error) from error

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing: a run keeps its settings in config.yaml."""

    def _write_anew(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_csv(self.path, self._columns, self._rows)


def _columns(rows: list[dict[str, str]]) -> list[str]:
    return ["step", *sorted({name for row in rows for name in row} - {"step"})]
