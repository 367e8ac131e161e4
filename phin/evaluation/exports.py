"""What is found of an exported model before it is handed on: that it is the model, and what eight bits cost.

The graph in fp32 must say what the whole forward says, and draw what torch draws but for ties. The one in eight bits
must not read held-out tunes by more than `MOST_COST` bits a note worse: where it does, the matrices that cost most stay
in fp32, as many as it takes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from phin.batch import Item
from phin.corpus.copies import store_of
from phin.corpus.store import Store
from phin.counted import counted
from phin.data.dataset import EvaluationTunes
from phin.errors import PhinError
from phin.evaluation.equalities import (
    NUM_TUNES,
    Agreement,
    DrawnAlike,
    Trial,
    agreement,
    known,
    replayed,
    said,
    unequal,
)
from phin.generation.constraints import MostNotes
from phin.generation.eight_bits import write_eight_bits
from phin.generation.export import write_eight_bits_but, write_export
from phin.generation.exported import GRAPHS, Manifest, Precision
from phin.generation.play import play
from phin.generation.request import SamplerConfig, TuneRequest
from phin.generation.torch_engine import TorchEngine
from phin.model.checkpoint import Identity, find, load
from phin.music.grid import STEPS_PER_SLOT
from phin.runtime.onnx_engine import OnnxEngine
from phin.whole_file import whole_folder

MOST_COST = 0.02
"""Bits a melody note."""
NUM_COSTED = 64
"""Tunes that the cost of eight bits is read on: the same for both graphs, so that few are enough."""


@dataclass(frozen=True)
class Proof:
    """What was found of a folder."""

    found: list[Agreement | DrawnAlike]
    tunes: str
    """What was read."""
    cost: float
    """Of eight bits: bits a melody note more."""
    in_fp32: tuple[str, ...]
    """Matrices that stay as they are in the graph in eight bits."""

    @property
    def same(self) -> float:
        """The share of rows that eight bits draw as torch does, after the same past with the same random numbers."""
        drawn = [each for each in self.found if isinstance(each, DrawnAlike) and Precision.INT8.value in each.path]
        return 1 - sum(each.other for each in drawn) / sum(each.rows for each in drawn)

    @property
    def largest(self) -> float:
        """The largest difference of a log-probability in fp32."""
        return max(
            each.largest for each in self.found if isinstance(each, Agreement) and Precision.FP32.value in each.path
        )

    def refuse_unequal(self) -> None:
        """Raises PhinError where the graph in fp32 is not the model."""
        if strange := unequal(self.found):
            raise PhinError(strange[0], "is not what the whole forward says", "do not use it, and tell us of it")

    def __str__(self) -> str:
        dear = counted(len(self.in_fp32), "matrix", "matrices")
        kept = f"; in fp32 for their cost: {dear}" if self.in_fp32 else ""
        eight = f"In eight bits: {self.cost:+.4f} bits a note, {self.same:.2%} of rows drawn the same{kept}."
        return f"{said(self.found)}\n\nOn {self.tunes}. {eight}"


def export_proven(checkpoint: str, cache: str, out: Path, say: Callable[[str], None]) -> Identity:
    """Writes a new folder, tried on tunes of a corpus in `cache`, or on drawn ones; says what was found, and returns
    what it was made of. Raises PhinError where the graph is not the model.
    """
    torch.set_num_threads(1)  # with more, a step is slower
    model, identity = load(find(checkpoint))
    store = store_of(identity.corpus_fingerprint, cache)
    with whole_folder(out) as desk:
        write_export(model, identity, desk)
        engine = TorchEngine(model, identity)
        proof = prove(engine, *held_out_or_drawn(engine, store), desk)
        say(str(proof))
        proof.refuse_unequal()
    return identity


def held_out_or_drawn(engine: TorchEngine, store: Store | None) -> tuple[list[Item], str]:
    """Tunes to try an export on, and what they are: validation tunes of the corpus that the model learned from, and
    where it is not there tunes that the model draws itself.
    """
    tokenizer = engine.about.tokenizer
    if store is not None and len(chosen := store.split("validation")[:NUM_COSTED].tolist()):
        tunes = EvaluationTunes(store, tokenizer, chosen)
        return [tunes[place] for place in range(len(tunes))], f"{len(tunes)} validation tunes of {engine.about.corpus}"
    request = TuneRequest(lines=4)
    pace = MostNotes(STEPS_PER_SLOT, fixed=(request.last_stroke,))  # with it every model comes to an end
    drawn = [each.phrase for each in play(engine, request, NUM_COSTED, seed=0, constraints=[pace])]
    items = [Item(tokenizer.encode(tune), tokenizer.conditions(tune)) for tune in drawn]
    return items, f"{len(items)} tunes that the model drew itself (of its corpus no held-out tune is here)"


def prove(engine: TorchEngine, items: Sequence[Item], tunes: str, folder: Path) -> Proof:
    """Tries a folder of `write_export`, mends its eight bits if need be, and tells its manifest what was found."""
    items = known(items, engine.about.learned_fields)
    cost, in_fp32 = _mended(items, folder, _cost(items, folder))
    proof = Proof(Trial(engine, items[:NUM_TUNES]).of_exported(folder), tunes, cost, in_fp32)
    told = {"tunes": tunes, "largest_fp32": proof.largest, "int8_cost_bits": cost, "int8_same": proof.same}
    replace(Manifest.read(folder), proof=told).write(folder)
    return proof


def _cost(items: Sequence[Item], folder: Path) -> float:
    """Bits a melody note that the graph in eight bits takes more than the one in fp32, over whole tunes."""
    starts = [1] * len(items)
    engines = {precision: OnnxEngine(folder, precision) for precision in Precision}
    fp32, int8 = (
        replayed(engines[each].step(len(items), SamplerConfig(), ()), items, starts)
        for each in (Precision.FP32, Precision.INT8)
    )
    found = agreement("", items, fp32, int8, engines[Precision.FP32].about.learned_fields)
    return found.bits - found.reference_bits


def _mended(items: Sequence[Item], folder: Path, cost: float) -> tuple[float, tuple[str, ...]]:
    """The cost, and the matrices left in fp32: none, or those whose eight bits cost most, until it is borne."""
    if cost <= MOST_COST:
        return cost, ()
    fp32, int8 = (folder / GRAPHS[precision] for precision in (Precision.FP32, Precision.INT8))

    def cost_without(but: Sequence[str]) -> float:
        write_eight_bits_but(folder, but)
        return _cost(items, folder)

    names = write_eight_bits(fp32, int8)
    dearest = sorted(names, key=lambda name: cost_without([name]))
    for count in range(1, len(names)):
        if (cost := cost_without(dearest[:count])) <= MOST_COST:
            return cost, tuple(dearest[:count])
    return cost_without(dearest), tuple(dearest)
