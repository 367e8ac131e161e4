"""REMI by MidiTok, for the two transformers that others would take: Hugging Face's GPT-2, and x-transformers.

MidiTok is given what our rows hold and no more: bars, positions, pitches, durations; no velocities, tempos or rests.
It counts beats by a time signature's denominator, so every tune goes to it in eighths (a bar of 2/4 as 4/8, of 3/8 as
3/8), twelve positions an eighth: our grid of 24 steps a quarter. The time signature token that it puts after each
bar line is left away, because the conditions tell the metre once; an arm that drew it would only pay for it.
The tune is moved one bar later, so that a pickup has room: our rows count their first step from there too.
"""

import re

import numpy as np
import symusic
from jaxtyping import Float, Int
from miditok import REMI, TokenizerConfig, TokSequence
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel
from x_transformers import Decoder, TransformerWrapper

from experiments.against_peers.arm import TokenArm
from phin.music.phrase import STEPS_PER_QUARTER, Metre, Phrase, rows_from_columns
from phin.tokenizer import HIGHEST_PITCH, LONGEST_STEP, LOWEST_PITCH, first_origin

CONTEXT = 1024
"""Tokens that GPT-2 has positions for, as it comes; a tune that is longer is left out for every arm."""

STEPS_PER_EIGHTH = STEPS_PER_QUARTER // 2
LONGEST = LONGEST_STEP // STEPS_PER_EIGHTH
"""Eighths in the longest note, and in the longest bar."""
_VELOCITY = 80
_NEVER = re.compile("PAD|TimeSig")


class RemiNotation:
    """Bar, Position, Pitch and Duration tokens."""

    def __init__(self) -> None:
        config = TokenizerConfig(
            pitch_range=(LOWEST_PITCH, HIGHEST_PITCH),
            beat_res={(0, LONGEST): STEPS_PER_EIGHTH},
            time_signature_range={8: list(range(1, LONGEST + 1)), 4: [4]},  # MidiTok wants its own default, 4/4, too
            use_time_signatures=True,
            use_velocities=False,
            use_pitchdrum_tokens=False,
            special_tokens=["PAD"],
        )
        self.remi = REMI(config)
        self.ids = [number for name, number in self.remi.vocab.items() if not _NEVER.match(name)]
        self.token_of = {number: token for token, number in enumerate(self.ids)}

    @property
    def size(self) -> int:
        return len(self.ids)

    def encode(self, phrase: Phrase) -> list[int]:
        """The tokens of a melody."""
        track = symusic.Track()
        track.notes = symusic.Note.from_numpy(
            (phrase.onset - first_origin(phrase.metre)).astype(np.int32),
            phrase.duration.astype(np.int32),
            phrase.pitch.astype(np.int8),
            np.full(len(phrase), _VELOCITY, np.int8),
        )
        score = symusic.Score(STEPS_PER_QUARTER)
        score.tracks.append(track)
        score.time_signatures.append(symusic.TimeSignature(0, _eighths(phrase.metre), 8))
        (sequence,) = self.remi.encode(score)
        return [self.token_of[number] for number in sequence.ids if number in self.token_of]

    def decode(self, tokens: list[int], metre: Metre | None) -> Phrase:
        """The melody, read by MidiTok; the time signatures that were left away are put back."""
        bar, signature = self.remi.vocab["Bar_None"], self.remi.vocab[f"TimeSig_{_eighths(metre)}/8"]
        ids = [number for token in tokens for number in _with(self.ids[token], bar, signature)]
        score = self.remi.decode([TokSequence(ids=ids)])
        notes = score.tracks[0].notes.numpy()
        assert score.ticks_per_quarter == STEPS_PER_QUARTER, "MidiTok's grid is ours"
        onset = notes["time"] + first_origin(metre)
        return Phrase(rows_from_columns(onset, notes["duration"], notes["pitch"]), metre=metre)


def _eighths(metre: Metre | None) -> int:
    return -first_origin(metre) // STEPS_PER_EIGHTH


def _with(number: int, bar: int, signature: int) -> tuple[int, ...]:
    return (number, signature) if number == bar else (number,)


class Gpt2(TokenArm):
    """Hugging Face's GPT-2, six layers; no dropout, as in all arms: no tune is seen twice at equal notes."""

    def __init__(self, condition_sizes: tuple[int, ...], width: int) -> None:
        super().__init__(RemiNotation(), condition_sizes)
        config = GPT2Config(
            vocab_size=self.num_ids,
            n_positions=CONTEXT,
            n_embd=width,
            n_layer=6,
            n_head=6,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=None,
            eos_token_id=None,
            use_cache=False,
        )
        self.model = GPT2LMHeadModel(config)

    def logits(self, ids: Int[Tensor, "tune token"]) -> Float[Tensor, "tune token id"]:
        return self.model(ids).logits


class XTransformer(TokenArm):
    """x-transformers' decoder with rotary positions, six layers, three heads of 64."""

    def __init__(self, condition_sizes: tuple[int, ...], width: int) -> None:
        super().__init__(RemiNotation(), condition_sizes)
        layers = Decoder(dim=width, depth=6, heads=3, rotary_pos_emb=True, attn_flash=True)
        self.model = TransformerWrapper(num_tokens=self.num_ids, max_seq_len=CONTEXT, attn_layers=layers)

    def logits(self, ids: Int[Tensor, "tune token"]) -> Float[Tensor, "tune token id"]:
        return self.model(ids)
