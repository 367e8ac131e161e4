"""Sampling: each filter against its definition by sorting, their order, and that torch never sorts."""

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import phin.generation
from phin.errors import InvalidConfig
from phin.generation.request import RANKED, SamplerConfig
from phin.generation.sampling import Sampling, draw, filter_logits
from phin.tokenizer import PITCH, STEP

rows_of_logits = st.lists(st.integers(-400, 400), min_size=1, max_size=24, unique=True).map(
    lambda row: [value / 50 for value in row]
)
temperatures = st.sampled_from([0.25, 0.7, 1.0, 1.5, 4.0])
shares = st.sampled_from([0.0513, 0.3137, 0.5717, 0.9173, 0.9571, 0.9993, 1.0])  # no sum of few equal parts


def softmax(logits: list[float]) -> list[float]:
    weights = [math.exp(value - max(logits)) for value in logits]
    return [weight / sum(weights) for weight in weights]


def naive_filter(
    logits: list[float], temperature: float = 1.0, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0
) -> list[float]:
    """Temperature, then top-k, then top-p, then min-p, as they are defined, by sorting."""
    scaled = [value / temperature for value in logits]
    ranked = sorted(range(len(scaled)), key=lambda id: -scaled[id])
    kept = ranked[:top_k] if top_k else ranked[:RANKED] if top_p < 1 else ranked
    nucleus, mass = [], 0.0
    for id, probability in zip(kept, softmax([scaled[id] for id in kept]), strict=True):
        if mass >= top_p and top_p < 1:
            break
        nucleus.append(id)
        mass += probability
    chances = softmax(scaled)
    nucleus = [id for id in nucleus if chances[id] >= min_p * max(chances)]
    return [value if id in nucleus else -math.inf for id, value in enumerate(scaled)]


def filtered(logits: list[float], **settings: float) -> list[float]:
    return filter_with(torch.tensor([logits], dtype=torch.float64), SamplerConfig(**settings)).tolist()[0]


def filter_with(logits: Tensor, config: SamplerConfig) -> Tensor:
    """The logits of the first field, filtered by a config."""
    temperature, *filters = Sampling.of(config, len(logits), logits)
    return filter_logits(logits, temperature[:, :1], *filters)


@given(rows_of_logits, temperatures)
def test_temperature_divides_logits(logits: list[float], temperature: float) -> None:
    """Fails: a lower temperature does not play safer."""
    assert filtered(logits, temperature=temperature) == naive_filter(logits, temperature)


@given(rows_of_logits, st.integers(0, 30))
def test_top_k_keeps_the_k_likeliest(logits: list[float], top_k: int) -> None:
    """Fails: the rare wrong notes that top-k should leave out are played."""
    assert filtered(logits, top_k=top_k) == naive_filter(logits, top_k=top_k)


@given(rows_of_logits, shares)
def test_top_p_keeps_the_fewest_that_reach_p(logits: list[float], top_p: float) -> None:
    """Fails: the nucleus is a note too wide or too narrow."""
    assert filtered(logits, top_p=top_p) == naive_filter(logits, top_p=top_p)


@given(rows_of_logits, st.sampled_from([0.0, 0.0313, 0.2917, 0.97]))
def test_min_p_keeps_those_not_much_less_likely_than_the_likeliest(logits: list[float], min_p: float) -> None:
    """Fails: the knob that holds at high temperatures does nothing."""
    assert filtered(logits, min_p=min_p) == naive_filter(logits, min_p=min_p)


@given(rows_of_logits, temperatures, st.integers(0, 30), shares, st.sampled_from([0.0, 0.0313, 0.2917]))
def test_all_filters_together_keep_their_order(
    logits: list[float], temperature: float, top_k: int, top_p: float, min_p: float
) -> None:
    """Fails: two programs with the same settings play unlike tunes."""
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
    assert filtered(logits, **settings) == naive_filter(logits, **settings)


@given(rows_of_logits, temperatures, st.integers(0, 30), shares)
def test_the_likeliest_id_always_stays(logits: list[float], temperature: float, top_k: int, top_p: float) -> None:
    """Fails: nothing is left to be played, and the tune breaks off."""
    kept = filtered(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    assert kept[logits.index(max(logits))] > -math.inf


@pytest.mark.parametrize(
    "settings", [{}, {"top_k": RANKED}, {"top_k": 7}, {"top_p": 0.99}, {"top_p": 0.3}, {"min_p": 0.2}]
)
@pytest.mark.parametrize("size", [RANKED - 1, RANKED, RANKED + 1, 300])
def test_of_many_ids_the_likeliest_are_ranked(settings: dict[str, float], size: int) -> None:
    """Fails: a field with hundreds of ids loses its tail where nothing was to be left out, or keeps it where it was."""
    logits = (torch.randperm(size, generator=torch.Generator().manual_seed(size)) / 100).tolist()
    kept = filtered(logits, **settings)
    assert kept == pytest.approx(naive_filter(logits, **settings))
    if not settings:
        assert min(kept) > -math.inf


def test_temperature_comes_before_top_p() -> None:
    """Fails: the nucleus is measured on other probabilities than those drawn from."""
    logits = [math.log(p) for p in (0.5, 0.3, 0.2)]
    kept = [value > -math.inf for value in filtered(logits, temperature=2.0, top_p=0.45)]
    assert kept == [True, True, False], "0.5 alone would do, were it not for the temperature"


def test_top_k_comes_before_top_p() -> None:
    """Fails: as above, for the two filters."""
    logits = [math.log(p) for p in (0.4, 0.3, 0.2, 0.1)]
    kept = [value > -math.inf for value in filtered(logits, top_k=2, top_p=0.5)]
    assert kept == [True, False, False, False], "0.4 is 0.57 of the two that are left"


def test_ids_that_cannot_be_drawn_stay_out_and_take_no_share() -> None:
    """Fails: a masked id comes back through a filter."""
    logits = [math.log(0.5), -math.inf, math.log(0.3), math.log(0.2), -math.inf]
    for settings in ({"top_k": 4}, {"top_p": 0.99}, {"top_k": 1}, {"temperature": 3.0}):
        kept = filtered(logits, **settings)
        assert kept[1] == kept[4] == -math.inf
        assert kept[0] > -math.inf


@given(rows_of_logits, st.integers(0, 2**32))
def test_top_k_of_one_is_greedy_whatever_the_noise(logits: list[float], seed: int) -> None:
    """Fails: `sampler=greedy` is not the likeliest note every time."""
    noise = torch.randn(1, len(logits), generator=torch.Generator().manual_seed(seed)).double() * 10
    sampling = Sampling.of(SamplerConfig(top_k=1), like=noise)
    assert draw(torch.tensor([logits], dtype=torch.float64), noise, sampling, STEP) == logits.index(max(logits))


def test_without_noise_the_likeliest_is_drawn() -> None:
    """Fails: the draw adds something of its own."""
    logits = torch.tensor([[0.1, 2.0, 1.9], [3.0, 0.0, -1.0]])
    assert draw(logits, torch.zeros_like(logits), Sampling.of(SamplerConfig(), 2), STEP).tolist() == [1, 0]


def test_each_row_is_filtered_by_itself() -> None:
    """Fails: the tunes of a batch share one nucleus."""
    logits = torch.randn(5, 20, generator=torch.Generator().manual_seed(1))
    config = SamplerConfig(temperature=0.8, top_k=7, top_p=0.7)
    logits = logits.double()
    assert torch.equal(filter_with(logits, config), torch.cat([filter_with(row[None], config) for row in logits]))


def test_tunes_that_are_drawn_together_are_each_filtered_as_asked_for() -> None:
    """Fails: of two players who are drawn for in one call, one gets the other's temperature or nucleus."""
    logits = torch.randn(3, 20, generator=torch.Generator().manual_seed(2)).double()
    configs = [SamplerConfig(0.5, top_p=0.6), SamplerConfig(2.0, top_p=0.9), SamplerConfig(min_p=0.2, top_p=0.99)]
    alone = [Sampling.of(config, like=logits) for config in configs]
    ranks = alone[0].ranks
    temperature, _, *filters = (torch.cat(column) for column in zip(*alone, strict=True))
    together = filter_logits(logits, temperature[:, :1], ranks, *filters)
    assert torch.equal(together, torch.cat([filter_with(row[None], c) for row, c in zip(logits, configs, strict=True)]))


def test_a_field_has_its_own_temperature_where_one_is_named() -> None:
    """Fails: who wants a steady rhythm under free pitches gets one temperature for all."""
    config = SamplerConfig(temperature=2.0, temperatures={"pitch": 0.5})
    logits, noise = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    sampling = Sampling.of(config)
    assert draw(logits, noise, sampling, STEP) == 0, "1 / 2 is less than the noise"
    assert draw(logits, noise, sampling, PITCH) == 1, "1 / 0.5 is more"


class Operations(TorchDispatchMode):
    """Writes down the name of every operation that torch carries out."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None) -> Tensor:
        self.names.append(str(function))
        return function(*args, **(kwargs or {}))


def test_sampling_never_sorts() -> None:
    """Fails: the step cannot be exported to a phone, whose runtime has no sort."""
    logits = torch.randn(2, 12)
    with Operations() as operations:
        draw(logits, torch.zeros_like(logits), Sampling.of(SamplerConfig(0.5, top_k=5, top_p=0.5), 2), STEP)
    assert any("topk" in name for name in operations.names)
    assert not [name for name in operations.names if "sort" in name]
    for name in ("sampling.py", "step.py"):
        assert "sort(" not in (Path(phin.generation.__path__[0]) / name).read_text(encoding="utf-8"), name


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": 0.0},
        {"temperature": -1.0},
        {"temperature": math.nan},
        {"temperature": 1e-46},
        {"temperature": 1e4},
        {"top_k": -1},
        {"top_k": RANKED + 1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"min_p": -0.1},
        {"min_p": 1.0},
    ],
)
def test_settings_that_can_draw_nothing_are_refused_by_name(settings: dict[str, float]) -> None:
    """Fails: a temperature of 0 divides by zero in the middle of a tune."""
    (name,) = settings
    with pytest.raises(InvalidConfig, match=f"sampler.{name}="):
        SamplerConfig(**settings)


@pytest.mark.parametrize(
    ("temperatures", "named"),
    [
        ({"pitch": 0.0}, r"sampler\.temperatures\.pitch=0"),
        ({"loudness": 1.0}, r"sampler\.temperatures\.loudness: there"),
    ],
)
def test_temperatures_of_fields_are_refused_by_name(temperatures: dict[str, float], named: str) -> None:
    """Fails: a mistyped field keeps the temperature of all, and nobody is told."""
    with pytest.raises(InvalidConfig, match=named):
        SamplerConfig(temperatures=temperatures)
