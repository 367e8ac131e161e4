"""What is typed is taken as it is meant, or refused with what to type."""

import re

import pytest

from phin.cli.train import TrainConfig
from phin.cli.typed import nearest, understood
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
    "typed",
    [
        ["~callbacks.progress", "+callbacks.progress._target_=mine"],
        ["+trainer.limit_val_batches=3", "++trainer.limit_val_batches=4"],
        ["hydra.run.dir=one", "hydra.run.dir=two"],
    ],
)
def test_what_is_said_twice_and_differently_is_left_to_hydra(typed: list[str]) -> None:
    """Fails: nothing can be taken out and put in anew; or the second of two processes is refused what it is given."""
    assert understood(typed, TrainConfig) == typed


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["seed=1", "model=tiny", "seed=2"], "seed=2: stands beside seed=1"),
        (["model=tiny", "model=small"], "model=small: stands beside model=tiny"),
        (["-m", "seed=1,2", "seed=3"], "seed=3: stands beside seed=1,2"),
        (["seed=1", "-m", "seed=2"], "seed=2: stands after an option that stands among settings"),
        (["--seed", "3"], "--seed: is no option. Write seed=VALUE"),
        (["--hepl"], "--hepl: is no option. Write settings as key=value"),
        (["-count=3"], "invalid choice: 'ount=3'"),
        (["+model.dmi=3"], "there is no such setting. Take model.dim if you mean that"),
    ],
)
def test_what_contradicts_itself_is_refused(typed: list[str], said: str) -> None:
    """Fails: the second of two seeds is taken in silence, or an option of nobody's is answered by a page of Hydra's."""
    with pytest.raises(InvalidConfig, match=re.escape(said)):
        understood(typed, TrainConfig)


@pytest.mark.parametrize(
    ("key", "meant"),
    [("mdoel.dim", "model.dim"), ("trainer.max_step", "trainer.max_steps"), ("xyz.dim", ""), ("seed", "seed")],
)
def test_a_mistyped_key_is_answered_with_the_one_that_is_meant(key: str, meant: str) -> None:
    """Fails: who has two letters the wrong way round searches a page of settings."""
    assert nearest(key, TrainConfig) == meant


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
