"""A compiled model (compile=true, trainer=gpu) is the same model."""

import subprocess
import sys

import pytest

COMPARED = """
import torch
from phin.batch import collate
from phin.model.loss import LossConfig, PhinLoss
from tests.tiny import item, melodies, tiny_model

def said(model, loss):
    model.zero_grad()
    out = loss(model(batch)[0], batch)
    out.total.backward()
    return [out.total.detach(), out.parts.detach(), *(weight.grad.clone() for weight in model.parameters())]

torch.set_num_threads(1)
batch = collate([item(tune) for tune in melodies(3, num_notes=6)])
model, loss = tiny_model().train(), PhinLoss(LossConfig()).double()
plain, names = said(model, loss), list(model.state_dict())
model.compile(backend="aot_eager")
for one, other in zip(said(model, loss), plain, strict=True):
    torch.testing.assert_close(one, other, rtol=0, atol=1e-10)
assert list(model.state_dict()) == names
assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0, "it was compiled"
"""


@pytest.mark.long
def test_a_compiled_model_says_and_learns_the_same_and_keeps_its_names() -> None:
    """Fails: a model trained on a GPU is another one, or no checkpoint of it can be read.

    In a process of its own, without the checks of shapes, which would be compiled too.
    """
    command = [sys.executable, "-c", COMPARED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
