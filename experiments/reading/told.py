"""What a model knows of a tune's end, told beforehand when the last stroke comes and not told.

    python -m experiments.reading.told CHECKPOINT [CACHE]

Writes told.csv: bits of validation tunes, of all their notes, of the pitches of their last ones, and of the end itself.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from experiments.reading.study import model_that_is_named
from phin.batch import collate
from phin.corpus.store import Store
from phin.data.dataset import EVALUATION_WINDOW, EvaluationTunes
from phin.model.loss import field_nll
from phin.model.transformer import PhinTransformer
from phin.tokenizer import HEADLINE_FIELDS, PITCH, STEP, Tokenizer
from phin.whole_file import write_csv

TABLE = Path(__file__).with_name("told.csv")
COLUMNS = ("told", "tunes", "bits_per_note", *(f"pitch_{back}_before_the_last" for back in range(4)), "end")
TUNES = 400


@torch.inference_mode()
def bits_of_ends(model: PhinTransformer, tokenizer: Tokenizer, store: Store, told: bool) -> tuple[int, list[float]]:
    """How many whole validation tunes were read, and their bits, as in the columns of the table."""
    items = EvaluationTunes(store, tokenizer, store.split("validation")[:TUNES].tolist())
    whole = [items[place] for place in range(len(items)) if 4 < items.lengths[place] < EVALUATION_WINDOW]
    bits = list[np.ndarray]()
    for item in tqdm(whole, "told" if told else "not told"):
        batch = collate([replace(item, encoded=item.encoded.closing_told()) if told else item])
        bits.append(field_nll(model(batch)[0], batch)[0].numpy() / math.log(2))  # (row, field); the end comes last
    notes = sum(len(each) - 1 for each in bits)
    return len(bits), [
        sum(float(each[:, list(HEADLINE_FIELDS)].sum()) for each in bits) / notes,
        *(float(np.mean([each[-2 - back, PITCH] for each in bits])) for back in range(4)),
        float(np.mean([each[-1, STEP] for each in bits])),
    ]


def main() -> None:
    model, identity, store = model_that_is_named(__doc__)
    rows = []
    for told in (False, True):
        count, numbers = bits_of_ends(model, identity.tokenizer, store, told)
        cells = ("yes" if told else "no", count, *(f"{number:.3f}" for number in numbers))
        rows.append(dict(zip(COLUMNS, map(str, cells), strict=True)))
        print(", ".join(rows[-1].values()))
    write_csv(TABLE, COLUMNS, rows)


if __name__ == "__main__":
    main()
