"""The study of musical time, on tunes longer than those learned from: bits by place are the headline's bits."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from experiments.rhythm_attention.long_tunes import PLACES, bits_by_note
from phin.batch import collate
from phin.corpus.store import Tune, write_store
from phin.data.dataset import EVALUATION_WINDOW, EvaluationTunes
from phin.evaluation.split_bits import model_bits
from phin.model.transformer import PhinTransformer
from phin.music.lai import LaiLabel
from phin.tokenizer import Tokenizer
from tests.tiny import tiny_config
from tests.tunes import wander


def test_bits_by_note_are_the_reports_bits_of_that_note(tmp_path: Path) -> None:
    """Fails: the curve over places is of other notes, of other tunes, or with the future in sight."""
    lengths = (PLACES[-1] + 1, EVALUATION_WINDOW + 40, PLACES[-1] + 30)
    tunes = [Tune(f"{n}.txt", wander(n, length, source="letters"), LaiLabel(), n) for n, length in enumerate(lengths)]
    store = write_store(tmp_path / "store", tunes, ["letters"], "nobody's", {})
    tokenizer = Tokenizer(sources=store.sources)
    torch.manual_seed(0)
    model = PhinTransformer(tiny_config(), tokenizer.condition_sizes).eval()
    found = bits_by_note(model, store, tokenizer, [2, 0, 1])
    for place, tune in enumerate((2, 0, 1)):
        whole = EvaluationTunes(store, tokenizer, [tune])[0]
        for count in (1, 40, PLACES[-1]):
            beginning = replace(whole, encoded=whole.encoded.window(0, count))
            (bits,) = model_bits(model, [collate([beginning])], progress=False).headline
            assert found[place, :count].sum() == pytest.approx(bits, rel=1e-4)
