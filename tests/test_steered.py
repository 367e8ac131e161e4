"""The model in the box goes where it is asked to: conditions, guidance and blends, as experiments/steering measures."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from phin.generation.exported import Precision
from phin.generation.play import play
from phin.generation.request import SamplerConfig, Style, TuneRequest
from phin.music.lai import lai_named
from phin.music.phrase import Phrase
from phin.pretrained import FOLDER
from phin.runtime.onnx_engine import OnnxEngine
from phin.tokenizer import density

pytestmark = pytest.mark.slow
TUNES = 32


@pytest.fixture(scope="module")
def engine() -> OnnxEngine:
    return OnnxEngine(FOLDER, Precision.INT8)


def measured(engine: OnnxEngine, requests: Sequence[TuneRequest], measure: Callable[[Phrase], float]) -> list[float]:
    """The mean over tunes, for each request."""
    found = []
    for request in requests:
        tunes = play(engine, request, TUNES, seed=0, sampler=SamplerConfig(top_p=0.98))
        found.append(float(np.mean([measure(tune.phrase) for tune in tunes])))
    return found


def notes_a_hong(phrase: Phrase) -> float:
    found = density(phrase)
    assert found is not None
    return found


def in_lai(phrase: Phrase) -> float:
    lai = lai_named("noi")
    assert lai is not None
    return float(np.isin(phrase.melody.pitch % 12, sorted(lai.pitch_classes)).mean())


def test_a_tune_is_as_dense_as_it_is_asked_to_be(engine: OnnxEngine) -> None:
    """Fails: the density is not heard, or the tunes of one are as those of another."""
    asked = (0.9, 1.6, 2.2, 3.5)
    found = measured(engine, [TuneRequest(density=each) for each in asked], notes_a_hong)
    assert found == sorted(found)
    assert np.abs(np.array(found) / asked - 1).max() < 0.25


def test_guidance_leans_a_tune_to_its_lai(engine: OnnxEngine) -> None:
    """Fails: a lai is asked for and not heard, or more guidance leans less."""
    asked = [TuneRequest(lai="noi", guidance=each) for each in (0.0, 1.0, 2.0, 4.0)]
    found = measured(engine, asked, in_lai)
    assert found == sorted(found)
    assert found[1] > found[0] + 0.1
    assert found[-1] > found[1] + 0.05


def test_a_blend_moves_a_tune_from_one_style_to_the_other(engine: OnnxEngine) -> None:
    """Fails: halfway between two styles lies neither; or the ends are not the two styles."""
    other = Style(density=3.0)
    asked = [TuneRequest(density=1.0)]
    asked += [TuneRequest(density=1.0, blend=alpha, other=other) for alpha in (0.25, 0.5, 0.75)]
    asked += [TuneRequest(blend=1.0, other=other), TuneRequest(density=3.0)]
    *found, end = measured(engine, asked, notes_a_hong)
    assert found == sorted(found)
    assert found[-1] > 2 * found[0]
    assert found[-1] == pytest.approx(end)
