"""Between two styles: a model that learned them plays, the nearer to the other, the more like it."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from phin.generation.constraints import MostNotes
from phin.generation.given import with_examples
from phin.generation.request import Style, TuneRequest
from phin.generation.torch_engine import generate
from phin.generation.wishes import Wishes
from phin.model.checkpoint import Identity
from phin.model.loss import LossConfig, PhinLoss
from phin.model.transformer import PhinTransformer
from phin.music.midi import write_midi
from phin.music.phrase import STEPS_PER_HONG, Metre, Phrase
from phin.tokenizer import LAI_CONDITION, METRE_CONDITION, TECHNIQUE, UNKNOWN_CONDITION, VELOCITY
from tests.tiny import TOKENIZER, batch_of, identity_for, tiny_model
from tests.tiny import tiny_config as config

STEPS = {"essen": (12, 12, 6, 6, 12), "han": (24, 48, 24, 24, 48)}
"""Steps between notes: a lively style and a slow one."""


def tune(seed: int, source: str) -> Phrase:
    rng = np.random.default_rng(seed)
    steps = rng.choice(STEPS[source], 24)
    onsets = np.concatenate([[0], np.cumsum(steps[:-1])])
    pitches = rng.choice([57, 60, 62, 64, 67, 69], 24)
    rows = np.stack([onsets, steps, pitches, np.full(24, -1), np.full(24, -1), np.zeros(24, int)], axis=1)
    return Phrase(rows, metre=Metre(2, 4), tempo=600_000, source=source)


@pytest.fixture(scope="module")
def learned() -> tuple[PhinTransformer, Identity]:
    """A small model that has heard forty tunes of each style, with and without being told which it was."""
    torch.manual_seed(0)
    model = PhinTransformer(config(dim=32, num_heads=2), TOKENIZER.condition_sizes)
    loss = PhinLoss(LossConfig())
    optimizer = torch.optim.AdamW([*model.parameters(), *loss.parameters()], lr=5e-3)
    rng = np.random.default_rng(0)
    for step in range(120):
        batch = batch_of(*(tune(int(seed), source) for source in STEPS for seed in rng.integers(40, size=6)))
        keep = torch.from_numpy(rng.random(batch.conditions.shape) > 0.3)
        keep[:, [LAI_CONDITION, METRE_CONDITION]] = True
        batch = replace(batch, conditions=torch.where(keep, batch.conditions, UNKNOWN_CONDITION))
        for group in optimizer.param_groups:
            group["lr"] = 5e-3 * (1 - step / 120)
        optimizer.zero_grad()
        loss(model(batch)[0], batch).total.backward()
        optimizer.step()
    return model.eval(), identity_for(model, unlearned=[TECHNIQUE, VELOCITY])


def notes_a_hong(model: PhinTransformer, identity: Identity, request: TuneRequest) -> float:
    tunes = generate(model, identity, request, 24, seed=1)
    return float(np.mean([len(each) * STEPS_PER_HONG / (each.onset[-1] - each.onset[0]) for each in tunes]))


@pytest.mark.slow
def test_density_moves_with_the_blend_from_one_style_to_the_other(learned: tuple[PhinTransformer, Identity]) -> None:
    """Fails: halfway between two styles lies neither; or the ends are not the styles."""
    alphas = (0.0, 0.25, 0.5, 0.75, 1.0)
    other = Style(source="essen")
    asked = [TuneRequest(source="han" if a < 1 else None, blend=a, other=other if a else Style()) for a in alphas]
    found = [notes_a_hong(*learned, request) for request in asked]
    assert found == sorted(found), found
    assert found[0] == notes_a_hong(*learned, TuneRequest(source="han"))
    assert found[-1] == pytest.approx(notes_a_hong(*learned, TuneRequest(source="essen")), rel=0.1)
    assert found[-1] > 1.8 * found[0]


@pytest.mark.slow
def test_so_it_does_between_two_example_tunes(learned: tuple[PhinTransformer, Identity], tmp_path) -> None:
    """Fails: an example tune is read, and its style is not."""
    for source in STEPS:
        write_midi(tune(99, source), tmp_path / f"{source}.mid")
    slow, lively = (str(tmp_path / f"{source}.mid") for source in ("han", "essen"))
    found = []
    for alpha in (0.0, 0.5, 1.0):
        like, other = (slow if alpha < 1 else None), Style(like=lively) if alpha else Style()
        found.append(notes_a_hong(*learned, with_examples(TuneRequest(like=like, blend=alpha, other=other))))
    assert found == sorted(found), found
    assert found[-1] > 1.3 * found[0]


@pytest.mark.slow
def test_guidance_leans_further_the_more_it_is(learned: tuple[PhinTransformer, Identity]) -> None:
    """Fails: classifier-free guidance has no effect, or pushes away from what was asked for."""
    found = [notes_a_hong(*learned, TuneRequest(source="essen", guidance=g)) for g in (0.0, 1.0, 2.0)]
    assert found == sorted(found), found
    assert found[-1] > found[0]


@pytest.mark.parametrize(
    ("own", "other", "tempi"),
    [
        (None, 200.0, (600_000, 400_000, 300_000)),
        (50.0, 200.0, (1_200_000, 480_000, 300_000)),
        (50.0, None, (1_200_000, 1_200_000, 1_200_000)),
        (None, None, (600_000, 600_000, 600_000)),
    ],
)
def test_the_tempo_that_is_written_moves_with_the_blend(
    own: float | None, other: float | None, tempi: tuple[int, int, int]
) -> None:
    """Fails: a tune wholly in the other style is played at the tempo of the first; or a pace binds at another tempo."""
    model = tiny_model()
    for blend, tempo in zip((0.0, 0.5, 1.0), tempi, strict=True):
        of = Style(source="essen", tempo=other) if blend else Style()
        request = TuneRequest(lines=1, tempo=own, blend=blend, other=of)
        (tune,) = generate(model, identity_for(model), request, 1, 0)
        assert tune.tempo == tempo
        (pace,) = Wishes(most_notes=4.0).constraints(request)
        assert pace == MostNotes(math.ceil(24 / (4 * tempo / 1e6)), fixed=(request.last_stroke,))
