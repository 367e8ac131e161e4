"""A small model to export, in fp32, with every kind of head and input that the default has, and one by index."""

from phin.generation.torch_engine import TorchEngine
from phin.tokenizer import TECHNIQUE, VELOCITY
from tests.tiny import identity_for, tiny_model

MODEL = tiny_model(num_heads=4, time_heads=1, pitch_heads=1, countdown=True).float()
IDENTITY = identity_for(MODEL, unlearned=[TECHNIQUE, VELOCITY])
ENGINE = TorchEngine(MODEL, IDENTITY)
