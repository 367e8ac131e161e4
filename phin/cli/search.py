"""A search with Optuna that goes on where it was interrupted, as if it had not been; needs the extra `sweep`."""

import logging
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import optuna
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep
from omegaconf import DictConfig, open_dict, read_write
from optuna.distributions import BaseDistribution
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from phin.difference import is_below, key_of
from phin.errors import InvalidConfig
from phin.evaluation.runs.run_folder import OUTSIDE

_FREE = ("sweep", *OUTSIDE)
"""Settings under which trials stay comparable."""
_SETTINGS = "settings"


class TPE(TPESampler):
    """Optuna's sampler, whose draw for a trial depends on the seed, the trial's number and the trials that are done.

    Its own goes on from draw to draw, and a search that goes on would draw its first trials once more.
    """

    def __init__(self, seed: int, **settings: Any) -> None:
        super().__init__(seed=seed, **settings)
        self._seed, self._settings = seed, settings

    def _of(self, trial: FrozenTrial, name: str) -> TPESampler:
        return TPESampler(seed=zlib.crc32(f"{self._seed} {trial.number} {name}".encode()), **self._settings)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        return self._of(trial, param_name).sample_independent(study, trial, param_name, param_distribution)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return self._of(trial, "").sample_relative(study, trial, search_space)


def go_on(config: DictConfig) -> None:
    """Sets how many trials are left, from which number; trials that were interrupted are drawn again as they were.

    Raises InvalidConfig where the study's trials were drawn with other settings, or where it cannot be kept.
    """
    sweeper = config.hydra.sweeper
    if (direction := _direction(sweeper)) != "minimize":
        reason = "is not what is looked for: the fewest bits per note"
        raise InvalidConfig(f"hydra.sweeper.direction={direction}", reason, "leave it out")
    settings = _settings(sweeper.params or {}, config.hydra.overrides.task)
    optuna.logging.set_verbosity(logging.WARNING)
    try:
        storage = RDBStorage(sweeper.storage)
        study = optuna.create_study(storage, study_name=sweeper.study_name, direction=direction, load_if_exists=True)
    except (SQLAlchemyError, ImportError, AttributeError) as error:
        reason = f"cannot be opened ({str(error).splitlines()[0]})"
        remedy = "take sqlite:///FILE; one that is torn can only be removed, and the search begun anew"
        raise InvalidConfig(f"hydra.sweeper.storage={sweeper.storage}", reason, remedy) from None
    _refuse_other(study, settings)
    interrupted = [trial for trial in study.trials if not trial.state.is_finished()]
    for trial in interrupted:
        storage.set_trial_state(trial._trial_id, TrialState.WAITING)  # which is drawn before any new one
    done = sum(trial.state == TrialState.COMPLETE for trial in study.trials)
    first = min((trial.number for trial in interrupted), default=len(study.trials))
    with read_write(config), open_dict(config):
        sweeper.n_trials = max(0, sweeper.n_trials - done)
        # Hydra counts jobs from 0 each time: a trial's folder is named by the trial
        config.hydra.overrides.hydra.append(f"hydra.sweep.subdir='${{plus:{first},${{hydra.job.num}}}}'")


def _direction(sweeper: DictConfig) -> str:
    return getattr(sweeper.direction, "name", sweeper.direction)


def _settings(params: Mapping[str, str], overrides: Iterable[str]) -> list[str]:
    """What is searched and what stays, as the sweeper reads it: a typed setting stands for the one in the file.

    Raises InvalidConfig for an interval that is none.
    """
    texts = [*(f"{key}={value}" for key, value in params.items()), *overrides]
    parsed = OverridesParser.create().parse_overrides([text for text in texts if not is_below(key_of(text), _FREE)])
    for override in parsed:
        _refuse_interval(str(override.input_line), override.value())
    by_key = {override.get_key_element(): str(override.input_line) for override in parsed}
    return sorted(by_key.values())


def _refuse_interval(text: str, value: Any) -> None:
    """Raises InvalidConfig for what was typed, where it is an interval of no numbers."""
    if not isinstance(value, IntervalSweep):
        return
    start, end = float(value.start or 0), float(value.end or 0)
    if start > end:
        raise InvalidConfig(text, "ends below where it begins", "write the lower end first")
    if "log" in value.tags and start <= 0:
        raise InvalidConfig(text, "has no logarithm where it begins", "begin above 0, as at 0.001")


def _refuse_other(study: Study, settings: list[str]) -> None:
    """Raises InvalidConfig where a study holds trials that were drawn with other settings, else keeps these with it.

    Trials that failed hold nothing: who mistyped a path types it again.
    """
    kept = study.user_attrs.get(_SETTINGS)
    if kept is None or all(trial.state == TrialState.FAIL for trial in study.trials):
        study.set_user_attr(_SETTINGS, settings)
    elif kept != settings:
        then = ", ".join(text for text in kept if text not in settings) or "without"
        now = ", ".join(text for text in settings if text not in kept) or "without"
        raise InvalidConfig(
            f"hydra.sweeper.study_name={study.study_name}",
            f"its trials are of another search (then: {then}; now: {now})",
            "go on with the same settings, or name the new search: hydra.sweeper.study_name=NAME",
        )
