"""How the arms read on, beyond what they were trained on. From the repository, after both sweeps of the README:

    python -m experiments.rhythm_attention.long_tunes [RUNS LONG_RUNS]

RUNS and LONG_RUNS are the sweeps' folders, trained on windows of up to 512 and of 32 notes. Writes long_tunes.csv, bits
a note by place in the tune, over the same tunes, which all go on past the last place; and long_tunes.svg. With no
folders it draws the picture anew.
"""

import argparse
import math
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from tqdm import tqdm

from experiments.study import names, read_results, read_runs
from phin.batch import PhinBatch, collate
from phin.corpus.intake import prepare
from phin.corpus.store import Store
from phin.data.batching import EVALUATION_ROWS, batches_of_like_length
from phin.data.dataset import DataConfig, EvaluationTunes
from phin.evaluation.intervals import interval_by_family
from phin.evaluation.runs.curves import COLOURS
from phin.model.checkpoint import find, load
from phin.model.loss import field_nll
from phin.model.transformer import PhinTransformer
from phin.music.picture import save
from phin.tokenizer import HEADLINE_FIELDS, Tokenizer
from phin.whole_file import write_csv

HERE = Path(__file__).parent
TABLE, FIGURE = HERE / "long_tunes.csv", HERE / "long_tunes.svg"
PLACES = (0, 16, 32, 64, 96, 128)
"""Where the stretches begin that are told apart; the last one begins where the last of these is and is not counted."""
COLUMNS = ("arm", "window", "from_note", "to_note", "tunes", "families", "seeds", "bits_per_note", "low", "high")


def long_tunes(store: Store) -> list[int]:
    """Test tunes whose melodies go on past the last place."""
    return [int(tune) for tune in store.split("test") if len(store.phrase(int(tune)).melody) > PLACES[-1]]


@torch.inference_mode()
def bits_by_note(
    model: PhinTransformer, store: Store, tokenizer: Tokenizer, tunes: Sequence[int]
) -> Float[np.ndarray, "tune note"]:
    """Headline bits of the first notes of each tune, up to the last place."""
    items = EvaluationTunes(store, tokenizer, tunes)
    bits = np.full((len(tunes), PLACES[-1]), np.nan)
    for places in batches_of_like_length(items.lengths, EVALUATION_ROWS):
        # a later piece of a tune begins without a past, so only the first of each is read
        chosen = [int(place) for place in places if items.pieces[place][1] == 0]
        if chosen:
            batch: PhinBatch = collate([items[place] for place in chosen])
            nll = field_nll(model(batch)[0], batch)[..., list(HEADLINE_FIELDS)].sum(dim=-1) / math.log(2)
            rows = [tunes.index(items.pieces[place][0]) for place in chosen]
            bits[rows] = nll[:, : PLACES[-1]].numpy()
    assert not np.isnan(bits).any()
    return bits


def measured(sweeps: Sequence[Path]) -> list[dict[str, str]]:
    """The rows of long_tunes.csv: an arm, a window of training and a stretch each; seeds by their mean."""
    store = prepare(DataConfig(splits="folk"))
    tokenizer = Tokenizer(sources=store.sources)
    tunes = long_tunes(store)
    family = store.families[tunes].astype(np.int64)
    arms: dict[tuple[str, int], list[np.ndarray]] = {}
    for sweep in sweeps:
        runs = read_runs([sweep])
        for run, name in zip(runs, names(runs), strict=True):
            arms.setdefault((name, run.settings["data.window"]), []).append(run.folder)
    long_arms = {name for name, window in arms if window == min(window for _, window in arms)}
    rows = []
    for (name, window), folders in tqdm(arms.items(), desc="arms"):
        if name not in long_arms:
            continue
        bits = np.mean([bits_by_note(load(find(folder))[0], store, tokenizer, tunes) for folder in folders], axis=0)
        for start, stop in pairwise(PLACES):
            here = bits[:, start:stop].sum(axis=1)
            count = np.full(len(tunes), stop - start)
            low, high = interval_by_family(here, count, family)
            about = [name, window, start + 1, stop, len(tunes), len(np.unique(family)), len(folders)]
            numbers = [f"{value:.4f}" for value in (here.sum() / count.sum(), low, high)]
            rows.append(dict(zip(COLUMNS, map(str, [*about, *numbers]), strict=True)))
    return rows


def picture(rows: Sequence[dict[str, str]]) -> Figure:
    """A panel a window of training; in each, bits by place in the tune, a line an arm."""
    windows = sorted({int(row["window"]) for row in rows}, reverse=True)
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    figure = Figure(figsize=(4.8 * len(windows), 4.2))
    panels = figure.subplots(1, len(windows), sharey=True, squeeze=False)[0]
    for panel, window in zip(panels, windows, strict=True):
        for number, arm in enumerate(arms):
            here = [row for row in rows if row["arm"] == arm and int(row["window"]) == window]
            style = ("-", "--")[number // len(COLOURS) % 2]
            values = [float(row["bits_per_note"]) for row in here]
            panel.plot(range(len(here)), values, style, marker="o", markersize=4, color=COLOURS[number % 6], label=arm)
            panel.set_xticks(range(len(here)), [f"{row['from_note']}-{row['to_note']}" for row in here])
        panel.set_title(f"trained on windows of up to {window} notes", fontsize=10)
        panel.set_xlabel("note of the tune")
        panel.grid(color="#ddd", linewidth=0.6)
        panel.set_axisbelow(True)
    panels[0].set_ylabel("bits per note, lower is better")
    panels[-1].legend(fontsize=7, frameon=False)
    figure.tight_layout()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="*")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.runs:
        write_csv(TABLE, COLUMNS, measured(asked.runs))
    rows = read_results(TABLE)
    save(picture(rows), FIGURE)
    for row in rows:
        print(", ".join(row.values()))


if __name__ == "__main__":
    main()
