"""A small model to export, in fp32."""

from phin.generation.torch_engine import TorchEngine
from phin.tokenizer import TECHNIQUE, VELOCITY
from tests.tiny import identity_for, tiny_model

MODEL = tiny_model(time_heads=0, pitch_heads=1).float()
IDENTITY = identity_for(MODEL, unlearned=[TECHNIQUE, VELOCITY])
ENGINE = TorchEngine(MODEL, IDENTITY)
