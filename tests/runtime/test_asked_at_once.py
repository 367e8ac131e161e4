"""Whatever is asked for at once: it can be played, is as long as it was to be, and is the same in torch and in ONNX."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from phin.errors import PhinError
from phin.evaluation.equalities import TOLERANCE, drawn_alike
from phin.generation.constraints import Constraint
from phin.generation.given import Given, Use, kept_to
from phin.generation.play import ending, length_of, play
from phin.generation.request import SamplerConfig, Style, TuneRequest
from phin.generation.wishes import Wishes
from phin.music.fingering import finger
from phin.music.fretboard import DEFAULT, Tuning
from phin.music.lai import LAI, lai_named
from phin.music.phrase import STEPS_PER_HONG
from phin.runtime.onnx_engine import OnnxEngine
from phin.tokenizer import Encoded
from tests.runtime.exported import ENGINE, IDENTITY
from tests.tiny import melodies

TUNES = melodies(3)[1:]
TUNINGS = ("E-A-E", "A-D-A", "E-B-E", "G-C-G", "D-G-D")


class Asked(NamedTuple):
    """All that a person can ask of a tune at once."""

    request: TuneRequest
    wishes: Wishes
    material: Given | None
    sampler: SamplerConfig
    seed: int

    @property
    def constraints(self) -> list[Constraint]:
        return kept_to(self.wishes, self.request, self.material)

    @property
    def begins(self) -> Encoded | None:
        return self.material.beginning(IDENTITY.tokenizer) if self.material else None


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    """Requests, wishes, given tunes and samplers in random company; what is refused beforehand is no example."""
    yes = st.booleans()
    lai = draw(st.sampled_from([None, *(each.name for each in LAI)]))
    use = draw(st.sampled_from([None, *Use]))
    blend = draw(st.sampled_from([0.0, 0.0, 0.4]))
    is_long = use in (None, Use.CONTINUE)
    length = draw(st.sampled_from([{"lines": 1}, {"lines": 2}, {"hong": 5}, {"hong": 12}])) if is_long else {}
    request = TuneRequest(
        **length,
        about=draw(st.sampled_from([0.0, 0.0, 0.5])) if use is None else 0.0,
        metre=draw(st.sampled_from(["2/4", "3/4", "6/8"])) if use is None else TuneRequest.metre,
        lai=lai,
        source=draw(st.sampled_from([None, "han"])),
        tempo=draw(st.sampled_from([None, 90.0, 140.0])),
        blend=blend,
        other=Style(source="essen", density=3.0) if blend else Style(),
        guidance=draw(st.sampled_from([1.0, 1.0, 1.7])) if lai else 1.0,
    )
    tuning = draw(st.sampled_from([None, *TUNINGS]))
    drone = lai is not None and draw(yes)
    wishes = Wishes(
        lai=lai is not None and draw(yes),
        tonic=lai is not None and not request.about and draw(yes),
        melody=not drone and draw(yes),
        tuning=tuning,
        hand=draw(st.sampled_from([None, None, 2])) if tuning else None,
        drone=drone,
        most_notes=draw(st.sampled_from([None, 1.5, 4.0])) if use is not Use.RHYTHM else None,
        motif=draw(st.sampled_from([0.0, 2.0])),
        pitch=draw(st.sampled_from([0.0, 2.0])),
    )
    hong = None
    if use is Use.REWRITE:
        first = draw(st.integers(1, 3))
        hong = first, first + draw(st.integers(0, 2))
    tune = draw(st.sampled_from(TUNES))
    sampler = SamplerConfig(
        temperature=draw(st.sampled_from([0.8, 1.5])),
        top_k=draw(st.sampled_from([0, 12])),
        top_p=draw(st.sampled_from([1.0, 0.9])),
        min_p=draw(st.sampled_from([0.0, 0.02])),
    )
    seed = draw(st.integers(0, 99))
    try:
        material = Given(tune, use, hong) if use else None
        found = Asked(material.request(request) if material else request, wishes, material, sampler, seed)
        _ = found.constraints
    except PhinError:
        assume(False)  # a lai and a tuning that exclude each other, say
    return found


@pytest.mark.slow
@settings(
    max_examples=30,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(each=asked())
def test_whatever_is_asked_at_once_is_kept_and_is_the_same_in_onnx(onnx: OnnxEngine, each: Asked) -> None:
    """Fails: two controls at once, and the tune is too long, cannot be fingered or written, or is torch's alone."""
    request, wishes, material, sampler, seed = each
    bound = {"constraints": each.constraints, "begins": each.begins}
    alike = drawn_alike("both", ENGINE, onnx, request, sampler, 2, seed, TOLERANCE, **bound)
    assert alike.is_equal, alike
    (latest,) = (kept.latest for kept in ending(each.constraints, length_of(request)) if kept.latest is not None)
    if material and material.use is not Use.CONTINUE:
        latest = material.phrase.onset.max()
    lai = lai_named(request.lai)
    for played in play(ENGINE, request, 2, seed, sampler, **bound):
        drawn = material.finished(played.phrase) if material else played.phrase
        tune, _ = wishes.finished(drawn, request)
        assert drawn.onset.max() == latest or (request.about and drawn.onset.max() < latest)
        plain = replace(tune, techniques_from=None)
        again = IDENTITY.tokenizer.decode(IDENTITY.tokenizer.encode(plain).ids[1:], plain.metre)
        assert again.rows.tolist() == tune.rows.tolist()
        if wishes.tuning or wishes.drone:
            finger(tune, Tuning.parse(wishes.tuning) if wishes.tuning else DEFAULT)
        if wishes.drone:
            assert tune.drone
            assert not tune.is_melody.all() or np.ptp(tune.onset) < 2 * STEPS_PER_HONG, "struck once a hong"
        if material is None and lai and wishes.lai:
            assert set((tune.melody.pitch % 12).tolist()) <= lai.pitch_classes
        if material is None and lai and wishes.tonic:
            assert tune.melody.pitch[-1] % 12 == lai.tonic
