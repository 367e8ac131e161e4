"""PhinBatch: the one thing that crosses from data to model. Letters: B tunes, R rows (START, notes, END, padding)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from phin.motif import COLUMNS, motif_ids
from phin.music.phrase import LABEL_SOURCES, STEPS_PER_QUARTER, Inferred, LabelSource
from phin.tokenizer import (
    DURATION,
    END_ID,
    LAI_CONDITION,
    NUM_FIELDS,
    NUM_SYMBOLS,
    PAD_ID,
    PITCH,
    STEP,
    TECHNIQUE,
    UNKNOWN_CONDITION,
    UNKNOWN_ID,
    VELOCITY,
    VOICE,
    Encoded,
    melody_ids,
)

PARTS = ("pitch", "voice", "step", "duration", "quarter", "technique", "velocity", "mode", "pentatonic")
"""What a loss can be taken of: fields, the coming quarter's onsets, the lai, the pentatonic set."""


@dataclass(frozen=True)
class Item:
    """One tune, or a window of it, ready for a batch."""

    encoded: Encoded
    conditions: Int[np.ndarray, " condition"]
    lai: int = -1
    root: int = -1
    tune: int = 0
    inferred: frozenset[Inferred] = frozenset()
    techniques_from: LabelSource | None = None


@dataclass(frozen=True)
class PhinBatch:
    """Tunes side by side, padded at the end with PAD rows.

    Row t of `ids[:, :-1]` is what the model reads, row t of `ids[:, 1:]` what it should say next. `onset` is in steps.
    `melody` is the pitch id of the last melody note up to and including each row, 0 before the first, `motif` what the
    row recalls (`phin.motif`). `bar` is its length in steps, 0 where the metre is hidden. `closing` is the step of the
    last stroke, NO_CLOSING where it is not told. `lai` (index into LAI) and `root` (of the pentatonic set) are labels,
    -1 where there is none. `tune` is the tune's number in its store.
    `onset_inferred` and `octave_inferred` say that nobody wrote down when its notes begin, or in which octaves they
    lie; `techniques_from` is an index into LABEL_SOURCES. What the first `given` rows would say next is no label.
    """

    ids: Int[Tensor, "batch row 6"]
    onset: Int[Tensor, "batch row"]
    melody: Int[Tensor, "batch row"]
    motif: Int[Tensor, "batch row 4"]
    bar: Int[Tensor, " batch"]
    closing: Int[Tensor, " batch"]
    conditions: Int[Tensor, "batch 5"]
    lai: Int[Tensor, " batch"]
    root: Int[Tensor, " batch"]
    tune: Int[Tensor, " batch"]
    onset_inferred: Bool[Tensor, " batch"]
    octave_inferred: Bool[Tensor, " batch"]
    techniques_from: Int[Tensor, " batch"]
    given: Int[Tensor, " batch"]
    step_counts: Float[Tensor, "part source"] | None = None
    """`label_counts` of all batches of the optimiser step that this one belongs to; None: this one is all of it."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def targets(self) -> Int[Tensor, "batch time 6"]:
        return self.ids[:, 1:]

    @property
    def is_note(self) -> Bool[Tensor, "batch time"]:
        """Where the target is a note: neither the end nor padding."""
        return self.targets[..., PITCH] != PAD_ID

    @property
    def is_row(self) -> Bool[Tensor, "batch time"]:
        """Where there is a target at all: a note or the end."""
        return self.targets[..., STEP] != PAD_ID

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "PhinBatch":
        """The same batch on another device; where it is there already, itself.

        (Fifteen calls that move nothing would each give up Python's lock, to the thread that makes the next batch.)
        """
        if self.ids.device == torch.device(device):
            return self
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def without_labels(self) -> "PhinBatch":
        """The same rows to read, and nothing to say: what a process does that has no batch of its own left."""
        return replace(self, given=torch.full_like(self.given, self.ids.shape[1]))

    def pin_memory(self) -> "PhinBatch":
        """The same batch in page-locked memory (DataLoader calls this when a GPU trains)."""
        return self._mapped(Tensor.pin_memory)

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> "PhinBatch":
        tensors = {f.name: getattr(self, f.name) for f in fields(self)}
        return replace(self, **{name: change(tensor) for name, tensor in tensors.items() if tensor is not None})


def collate(items: Sequence[Item]) -> PhinBatch:
    """Items padded to the longest, as one batch."""
    rows = max(len(item.encoded.ids) for item in items)
    ids = np.full((len(items), rows, NUM_FIELDS), PAD_ID, dtype=np.int64)
    onset = np.zeros((len(items), rows), dtype=np.int64)
    melody = np.zeros((len(items), rows), dtype=np.int64)
    motif = np.zeros((len(items), rows, len(COLUMNS)), dtype=np.int64)
    for place, item in enumerate(items):
        length = len(item.encoded.ids)
        ids[place, :length] = item.encoded.ids
        onset[place, :length] = item.encoded.onset
        onset[place, length:] = item.encoded.onset[-1]
        melody[place, :length] = melody_ids(item.encoded.ids)
        motif[place, :length] = motif_ids(item.encoded.ids, item.encoded.onset)

    def column(values: list[int]) -> Int[Tensor, " batch"]:
        return torch.tensor(values, dtype=torch.int64)

    return PhinBatch(
        ids=torch.from_numpy(ids),
        onset=torch.from_numpy(onset),
        melody=torch.from_numpy(melody),
        motif=torch.from_numpy(motif),
        bar=column([item.encoded.bar for item in items]),
        closing=column([item.encoded.closing for item in items]),
        conditions=torch.from_numpy(np.stack([item.conditions for item in items]).astype(np.int64)),
        lai=column([item.lai for item in items]),
        root=column([item.root for item in items]),
        tune=column([item.tune for item in items]),
        onset_inferred=torch.tensor([Inferred.ONSET in item.inferred for item in items]),
        octave_inferred=torch.tensor([Inferred.OCTAVE in item.inferred for item in items]),
        techniques_from=column([LABEL_SOURCES.index(item.techniques_from) for item in items]),
        given=column([item.encoded.given for item in items]),
    )


def label_masks(batch: PhinBatch) -> dict[str, Bool[Tensor, "batch time"]]:
    """Where each of PARTS has a label: somebody knows it, and the model was not told it.

    A pitch is a label also where its octave is inferred: of its class (`field_nll`).
    """
    targets = batch.targets
    ended = (targets[..., STEP] == END_ID).any(dim=1)
    said = torch.arange(targets.shape[1], device=targets.device) >= batch.given[:, None]
    last_onset = torch.where(batch.is_note & said, batch.onset[:, 1:], batch.onset[:, :1]).amax(dim=1)
    whole_quarter = ended[:, None] | (batch.onset[:, :-1] + STEPS_PER_QUARTER <= last_onset[:, None])
    rhythm_known = ~batch.onset_inferred[:, None]
    lai_hidden = (batch.lai >= 0) & (batch.conditions[:, LAI_CONDITION] == UNKNOWN_CONDITION)
    masks = {
        "pitch": batch.is_note,
        "voice": targets[..., VOICE] >= NUM_SYMBOLS,
        "step": batch.is_row & rhythm_known,
        "duration": batch.is_note & (targets[..., DURATION] != UNKNOWN_ID),
        "quarter": batch.is_row & whole_quarter & rhythm_known,
        "technique": targets[..., TECHNIQUE] >= NUM_SYMBOLS,
        "velocity": targets[..., VELOCITY] >= NUM_SYMBOLS,
        "mode": batch.is_row & lai_hidden[:, None],
        "pentatonic": batch.is_note & (batch.root >= 0)[:, None],
    }
    return {part: mask & said for part, mask in masks.items()}


def label_counts(batch: PhinBatch) -> Float[Tensor, "part source"]:
    """How many labels of each of PARTS a batch holds, by where its tunes' techniques come from (LABEL_SOURCES)."""
    masks = label_masks(batch)
    by_tune = torch.stack([masks[part].sum(dim=1) for part in PARTS])  # (part, B)
    is_from = batch.techniques_from[:, None] == torch.arange(len(LABEL_SOURCES), device=by_tune.device)  # (B, source)
    return (by_tune[..., None] * is_from).sum(dim=1).to(torch.get_default_dtype())


def coming_onsets(batch: PhinBatch) -> Float[Tensor, "batch time 24"]:
    """1 where a note begins 1 to 24 steps after the onset of the row read, else 0."""
    B, R = batch.onset.shape
    onsets = torch.zeros(B, R - 1, STEPS_PER_QUARTER, device=batch.onset.device)
    for ahead in range(1, R):
        lag = batch.onset[:, ahead:] - batch.onset[:, :-ahead]  # (B, R - ahead)
        within = (lag <= STEPS_PER_QUARTER) & batch.is_note[:, ahead - 1 :]
        if not within.any():
            break
        begins = within & (lag >= 1)
        place = (lag - 1).clamp(0, STEPS_PER_QUARTER - 1)[..., None]
        here = onsets[:, : R - ahead]
        here.scatter_(2, place, torch.maximum(here.gather(2, place), begins[..., None].to(here.dtype)))
    return onsets
