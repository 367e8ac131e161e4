"""phin-train in several processes, some of which are sent SIGTERM: the program that test_distributed.py starts.

    SIGNALS="0 1 training 3" python tests/cli/signalled.py SETTINGS

Here those of the first two ranks, each by itself, in the training batch that comes after three steps; `parent` instead
of ranks means whoever started the first one, as `torchrun`.
"""

import os
import signal
from typing import Any

import torch

from phin.cli.train import main
from phin.training.lit_module import PhinModule

*WHO, STAGE, AFTER = os.environ.get("SIGNALS", "none 0").split()


def signalled(method: str) -> None:
    """Makes a method of the module send the signal before it does what it does."""
    done = getattr(PhinModule, method)

    def sent(module: PhinModule, *args: Any) -> Any:
        trainer = module.trainer
        if trainer.global_step == int(AFTER):
            if str(trainer.global_rank) in WHO:
                os.kill(os.getpid(), signal.SIGTERM)
            if WHO == ["parent"] and trainer.global_rank == 0:
                os.kill(os.getppid(), signal.SIGTERM)
        return done(module, *args)

    setattr(PhinModule, method, sent)


if __name__ == "__main__":
    torch.set_num_threads(1)
    if STAGE != "none":
        signalled(f"{STAGE}_step")
    main()
