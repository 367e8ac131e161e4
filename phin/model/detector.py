"""The technique detector: a small network that says of each stroke of a performance how it was played.

From what is heard of each stroke (`phin.music.gesture`) to a probability of each technique, and of whether the stroke
begins a note or belongs to the one before (the strokes of a tremolo are one note). What is unusual about it:
- It has learned from rules, not from players: its examples are synthetic pieces, played by `perform` in styles drawn
  wide (`experiments/technique_detector`). No labelled recording of a phin is public.
- Slide, bend and vibrato are bends of the wheel, so a stroke under a wheel at rest is none of them, whatever the
  network thinks: their logits are masked.
- Probabilities are calibrated: logits are divided by a temperature that was fitted on renderings it had not learned
  from. Where the likeliest technique has less than `threshold`, the answer is unknown. In music unlike the composer's
  neither figure holds.

Letters: B batch, T time (strokes), N features, W width, H hidden.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from phin.errors import InvalidCheckpoint, InvalidConfig
from phin.music.gesture import FEATURES, NUM_FEATURES, Gestures, hear
from phin.music.midi import MidiReading
from phin.music.phrase import UNKNOWN, Column
from phin.music.technique import Technique
from phin.whole_file import whole_file

OF_THE_WHEEL = (Technique.SLIDE, Technique.BEND, Technique.VIBRATO)
"""Techniques that are a bend: a stroke that is not bent is none of them."""

SHIPPED = Path(__file__).with_name("detector.safetensors")
KEY = "phin_detector"
FORMAT = 1


@dataclass(frozen=True)
class DetectorConfig:
    """Sizes."""

    width: int = 48
    """Of what becomes of a stroke's features before any other stroke is seen."""
    hidden: int = 40
    """Of the recurrent state, in each direction."""
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if self.width < 1 or self.hidden < 1:
            raise InvalidConfig("detector", "width and hidden must be at least 1", "raise the one that is not")
        if not 0 <= self.dropout < 1:
            raise InvalidConfig(f"detector.dropout={self.dropout}", "is not a probability below 1", "take 0 to 0.5")


class DetectorBatch(NamedTuple):
    """Performances side by side, padded at their ends with zeros; no padding changes anything."""

    features: Float[Tensor, "batch time feature"]
    bent: Bool[Tensor, "batch time"]
    length: Int[Tensor, " batch"]

    @classmethod
    def of(cls, heard: Sequence[Gestures]) -> "DetectorBatch":
        longest = max(len(each) for each in heard)
        features = torch.zeros(len(heard), longest, NUM_FEATURES)
        bent = torch.zeros(len(heard), longest, dtype=torch.bool)
        for place, each in enumerate(heard):
            features[place, : len(each)] = torch.from_numpy(each.scaled)
            bent[place, : len(each)] = torch.from_numpy(each.bent)
        return cls(features, bent, torch.tensor([len(each) for each in heard]))


class DetectorLogits(NamedTuple):
    """Of each stroke: its technique, and whether a note begins with it (above 0: it does)."""

    technique: Float[Tensor, "batch time technique"]
    begins: Float[Tensor, "batch time"]


class Detector(nn.Module):
    """Each stroke by itself, then in its company, once in each direction; then the answers."""

    temperature: Tensor
    threshold: Tensor

    def __init__(self, config: DetectorConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or DetectorConfig()
        self.alone = nn.Sequential(nn.Linear(NUM_FEATURES, config.width), nn.GELU(), nn.Dropout(config.dropout))
        self.company = nn.GRU(config.width, config.hidden, batch_first=True, bidirectional=True)
        self.answer = nn.Sequential(
            nn.Linear(config.width + 2 * config.hidden, config.width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.width, len(Technique) + 1),
        )
        self.register_buffer("temperature", torch.tensor(1.0))
        self.register_buffer("threshold", torch.tensor(0.0))
        self.register_buffer("of_the_wheel", _of_the_wheel(), persistent=False)

    def forward(self, batch: DetectorBatch) -> DetectorLogits:
        alone = self.alone(batch.features)  # (B, T, W)
        packed = pack_padded_sequence(alone, batch.length.cpu(), batch_first=True, enforce_sorted=False)
        company, _ = pad_packed_sequence(
            self.company(packed)[0], batch_first=True, total_length=alone.shape[1]
        )  # (B, T, 2 H)
        logits = self.answer(torch.cat([alone, company], dim=-1))  # (B, T, techniques + 1)
        impossible = ~batch.bent[..., None] & self.get_buffer("of_the_wheel")
        return DetectorLogits(logits[..., :-1].masked_fill(impossible, float("-inf")), logits[..., -1])

    def probability(self, logits: DetectorLogits) -> Float[Tensor, "batch time technique"]:
        """The calibrated probability of each technique."""
        return (logits.technique / self.temperature).softmax(dim=-1)


def _of_the_wheel() -> Bool[Tensor, " technique"]:
    return torch.tensor([technique in OF_THE_WHEEL for technique in Technique])


def detector_loss(
    logits: DetectorLogits, technique: Int[Tensor, "batch time"], begins: Bool[Tensor, "batch time"]
) -> Float[Tensor, ""]:
    """Nats a stroke, of its technique and of whether it begins a note; strokes of unknown technique do not count."""
    known = technique != UNKNOWN
    by_technique = F.cross_entropy(logits.technique[known], technique[known].long())
    return by_technique + F.binary_cross_entropy_with_logits(logits.begins[known], begins[known].float())


@dataclass(frozen=True, eq=False)
class Detection:
    """What was detected in a reading, row by row.

    `probability` has every technique's, `technique` the likeliest, UNKNOWN where that has less than the detector's
    threshold. `begins` says whether a note begins with the row.
    """

    heard: Gestures
    probability: Float[np.ndarray, "note technique"]
    begins: Bool[np.ndarray, " note"]
    threshold: float

    @property
    def technique(self) -> Column:
        return answers(self.probability, self.threshold)


def answers(probability: Float[np.ndarray, "note technique"], threshold: float) -> Column:
    """The likeliest technique of each note, UNKNOWN where its probability is below the threshold."""
    likeliest = probability.argmax(axis=1)
    return np.where(probability.max(axis=1, initial=0) >= threshold, likeliest, UNKNOWN)


@torch.no_grad()
def detect(reading: MidiReading, detector: Detector) -> Detection:
    """How each row of a reading was played, as far as the detector can tell."""
    heard = hear(reading)
    probability, begins = np.zeros((len(heard), len(Technique))), np.ones(len(heard), dtype=bool)
    if len(heard):
        detector.eval()
        batch = DetectorBatch.of([heard])
        logits = detector(batch)
        probability[heard.row] = detector.probability(logits)[0].double().numpy()
        begins[heard.row] = logits.begins[0].numpy() > 0
    return Detection(heard, probability, begins, float(detector.threshold))


def save(detector: Detector, path: str | Path) -> None:
    """Writes a detector whole: its weights, and beside them what they are for."""
    about = {
        "format": FORMAT,
        "config": asdict(detector.config),
        "features": list(FEATURES),
        "techniques": [technique.name for technique in Technique],
    }
    tensors = {name: tensor.contiguous() for name, tensor in detector.state_dict().items()}
    with whole_file(path) as partial:
        partial.write_bytes(to_bytes(tensors, {KEY: json.dumps(about, separators=(",", ":"))}))


def load(path: str | Path = SHIPPED) -> Detector:
    """The detector in a file, ready to detect; the package's own unless named. Raises InvalidCheckpoint."""
    remedy = "use the version of phin that made it, or train anew: experiments/technique_detector"
    try:
        with safe_open(path, "pt") as file:
            about = json.loads((file.metadata() or {}).get(KEY, "{}"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (OSError, SafetensorError, ValueError):
        reason = "cannot be read: it is missing, torn, or no safetensors file"
        raise InvalidCheckpoint(path, reason, remedy) from None
    if about.get("format") != FORMAT:
        raise InvalidCheckpoint(path, f"is no detector of format {FORMAT}", remedy)
    if about["features"] != list(FEATURES) or about["techniques"] != [technique.name for technique in Technique]:
        raise InvalidCheckpoint(path, "hears other features, or knows other techniques", remedy)
    if set(about["config"]) != {field.name for field in fields(DetectorConfig)}:
        raise InvalidCheckpoint(path, "has other settings", remedy)
    detector = Detector(DetectorConfig(**about["config"]))
    try:
        detector.load_state_dict(tensors)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise InvalidCheckpoint(path, f"its weights do not fit its settings ({reason})", remedy) from None
    return detector.eval()
