"""How long a step of each arm takes, beside one of the default's. From the repository:

    python -m experiments.rhythm_attention.speed [--rounds 5] [--steps 5]

The arms train in turn, on the same batches, one thread each, by the clock of the processor. Writes speed.csv: each
round's ratio to `motifs`, as its median, lowest and highest; and how many steps are as long as 600 of the default's.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch

from experiments.recipe import WARM_UP, Loop, settings
from phin.cli.train import TrainConfig
from phin.corpus.intake import prepare
from phin.whole_file import write_csv

HERE = Path(__file__).parent
REFERENCE = "motifs"
STEPS = 600
COLUMNS = ("arm", "ratio", "lowest", "highest", "equal_steps")


def settings_of(arm: str) -> TrainConfig:
    """What the sweep trains an arm with."""
    pinned = "loss=learned", "optimizer=adamw"
    return settings(f"hydra.searchpath=[file://{HERE.resolve()}]", f"model={arm}", *pinned, "run=unused")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    arms = sorted(path.stem for path in (HERE / "model").glob("*.yaml"))
    configs = {arm: settings_of(arm) for arm in arms}
    store = prepare(configs[REFERENCE].data)
    training = {arm: Loop(config, store) for arm, config in configs.items()}
    for trained in training.values():
        trained.train(WARM_UP)
    seconds = {arm: list[float]() for arm in arms}
    for _ in range(asked.rounds):
        for arm, trained in training.items():
            began = time.process_time()
            trained.train(asked.steps)
            seconds[arm].append(time.process_time() - began)
    rows = []
    for arm in arms:
        ratios = np.array(seconds[arm]) / np.array(seconds[REFERENCE])
        median = float(np.median(ratios))
        values = [arm, f"{median:.3f}", f"{ratios.min():.3f}", f"{ratios.max():.3f}", str(round(STEPS / median))]
        rows.append(dict(zip(COLUMNS, values, strict=True)))
        print(rows[-1], flush=True)
    write_csv(HERE / "speed.csv", COLUMNS, rows)


if __name__ == "__main__":
    main()
