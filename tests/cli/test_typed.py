"""What is typed is taken as it is meant, or refused with what to type."""

import pytest

from phin.cli.train import TrainConfig
from phin.cli.typed import understood
from phin.errors import InvalidConfig
from tests.settings import composed


def test_places_of_several_sources_are_said_as_the_error_line_says_them() -> None:
    """Fails: `data.paths.thm=DIR`, which we tell people to type, is answered with Hydra's refusal."""
    typed = ["data=thai", "data.paths.thai_songs=/here", "data.paths.thm=/there"]
    assert composed("train", *understood(typed, TrainConfig)).data.paths == {"thai_songs": "/here", "thm": "/there"}
    whole = ["data=thai", "data.paths={thai_songs: /here, thm: /there}"]
    assert composed("train", *understood(whole, TrainConfig)).data.paths == {"thai_songs": "/here", "thm": "/there"}


@pytest.mark.parametrize(
    "typed",
    [
        "model=tiny",
        "data.sources=[essen,han]",
        "data.sources=[essen],[han]",
        "data.sources=${other}",
        "+trainer.limit_val_batches=3",
        "+callbacks.samples.extra=1",
        "~callbacks.progress",
        "-m",
        "model.dims=3",
        "+hydra.verbose=true",
        "no setting",
        "model=tiny,small",
        "data.sources=null",
        "data.sources=choice([essen],[han])",
        "logger=[csv]",
        "logger=[]",
        "sampler={top_k: 1}",
        "seed=1",
        "model.dim=null",
    ],
)
def test_what_hydra_understands_is_left_to_it(typed: str) -> None:
    """Fails: a sweep, or an argument of Lightning's that has no default here, can no longer be typed."""
    assert understood([typed], TrainConfig) == [typed]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("+foo=1", "there is no such setting"),
        ("++data.foo=1", "there is no such setting"),
        ("+data.foo.bar=1", "there is no such setting"),
        ("data.sources=essen", r"write data\.sources=\[essen\]"),
        ("data.sources={essen:2}", "is no list"),
        ("data.paths=/here", r"write data\.paths\.NAME=/here"),
        ("loss.weights=[1,2]", "is no table"),
        ("model=null", "model=null: is no choice of model. Take one of absolute, index_rotary, large, small, tiny"),
        ("model=", "is no choice of model"),
        ("model=true", "is no choice of model"),
        ("model=-1", "is no choice of model"),
        ("model=1e30", "is no choice of model"),
        ("model=nan", "is no choice of model"),
        ("model=tiny,null", "is no choice of model"),
        ("data=[1]", "is no choice of data"),
        ("+logger=null", "is no choice of logger"),
    ],
)
def test_what_nobody_would_read_is_refused(typed: str, said: str) -> None:
    """Fails: a setting is taken and does nothing, or is answered in the words of a library."""
    with pytest.raises(InvalidConfig, match=f"(?i){said}"):
        understood([typed], TrainConfig)
