"""A look inside a model, on disk: each room's tables and pictures, and its reading in words."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phin.counted import counted
from phin.evaluation.inside import attention as looking
from phin.evaluation.inside import calibration as being_right
from phin.evaluation.inside.ablation import Kind, parts, worths
from phin.evaluation.inside.ablation_picture import worth_picture
from phin.evaluation.inside.attention_pictures import lag_picture, map_picture, place_picture, score_picture
from phin.evaluation.inside.calibration_pictures import place_picture as bits_picture
from phin.evaluation.inside.calibration_pictures import reliability_picture, surprise_picture
from phin.evaluation.inside.embedding_pictures import probe_picture, table_picture
from phin.evaluation.inside.embeddings import NEIGHBOURS, pitch_probes, shown, tables
from phin.evaluation.inside.held_out import HeldOut
from phin.evaluation.inside.patterns import Characteristic, characteristic
from phin.evaluation.inside.patterns_picture import motif_picture
from phin.evaluation.tunes.tune_set import Alike
from phin.model.checkpoint import Identity
from phin.model.transformer import PhinTransformer
from phin.music.augment import named
from phin.music.grid import STEPS_PER_SLOT
from phin.music.phrase import STEPS_PER_QUARTER, Phrase
from phin.music.picture import save
from phin.whole_file import write_csv, write_text

if TYPE_CHECKING:
    import matplotlib.figure

NUM_MOTIFS = 12
"""On each side of a comparison."""
NUM_NAMED = 3
"""Heads, parts and tunes that a reading names."""


@dataclass(frozen=True)
class Desk:
    """What is looked at, and where to put what is found."""

    model: PhinTransformer
    identity: Identity
    held_out: HeldOut
    tune: int
    """Number of the tune that is looked at alone."""
    out: Path
    seed: int
    progress: bool = True

    @property
    def sampled(self) -> str:
        """The held-out tunes, in words."""
        tunes, families = counted(len(self.held_out.tunes), "tune"), len(set(self.held_out.families.tolist()))
        return f"{tunes} ({families} families, {self.held_out.notes} notes) of the {self.held_out.split} split"

    @property
    def phrase(self) -> Phrase:
        """The melody that is looked at alone, its lai named."""
        store = self.held_out.store
        return named(store.phrase(self.tune), store.label(self.tune)).melody

    @property
    def name(self) -> str:
        """What that tune is called."""
        return f"{self.phrase.title or 'a tune'} ({self.held_out.store.id(self.tune)})"

    def draw(self, figure: "matplotlib.figure.Figure", name: str) -> None:
        """As .png and .svg."""
        for kind in ("png", "svg"):
            save(figure, self.out / f"{name}.{kind}")

    def table(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """As CSV, its numbers to five digits."""
        cells = [{key: _rounded(value) for key, value in row.items()} for row in rows]
        write_csv(self.out / f"{name}.csv", list(rows[0]) if rows else [], cells)


def _rounded(value: Any) -> Any:
    return f"{value:.5g}" if isinstance(value, float) else value


def attention(desk: Desk) -> list[str]:
    """Maps of one tune, profiles and scores of all; what heads look back to most."""
    model, tunes, turns_by = desk.model, desk.held_out.tunes.tolist(), looking.heads_turn_by(desk.model)
    maps = looking.attention_maps(model, desk.held_out.alone(desk.tune))[:, 0].numpy()
    label = desk.held_out.store.label(desk.tune)
    for layer, weights in enumerate(maps, start=1):
        title = f"Attention of layer {layer}: {desk.name}"
        desk.draw(map_picture(weights, desk.phrase, label, turns_by, title), f"attention-map-layer-{layer}")
    batches = [desk.held_out.alone(tune) for tune in tunes]
    found = looking.looks(batches, partial(looking.attention_maps, model), desk.held_out.families)
    rows = looking.scores(found, turns_by)
    desk.table("attention-heads", [row._asdict() for row in rows])
    desk.table("attention-lag", _profile_rows(found.by_lag, found.uniform_by_lag, 0))
    said = f"{desk.sampled}. Grey line: 1, as uniform attention over all notes in sight."
    desk.draw(lag_picture(found, turns_by, said), "attention-lag")
    if found.tunes_of_bar:
        desk.table("attention-place", _profile_rows(found.by_place, found.uniform_by_place, 1))
        of_bar = (
            f"{counted(found.tunes_of_bar, 'tune')} of {desk.sampled}, in bars of {found.bar / STEPS_PER_QUARTER:g}"
        )
        desk.draw(
            place_picture(found, turns_by, f"{of_bar} quarters. Grey line: 1, as uniform attention."), "attention-place"
        )
    desk.draw(score_picture(rows, f"{desk.sampled}."), "attention-heads")
    start = found.start.sum(axis=0) / found.rows.sum()
    layer, head = np.unravel_index(int(start.argmax()), start.shape)
    lines = [f"Attention, {desk.sampled}; 1 is no preference, intervals 95 % by family:"]
    for name in looking.RELATIONS:
        best = [row for row in rows if row.relation == name][:NUM_NAMED]
        named_heads = "; ".join(
            f"layer {row.layer} head {row.head} ({row.turns_by}) {row.over_uniform:.2f} [{row.low:.2f}-{row.high:.2f}] "
            f"times uniform, {row.over_near:.2f} times its neighbours"
            for row in best
        )
        lines.append(f"  {name}: {named_heads or 'no tune has such a place'}")
    lines.append(f"  most on START: layer {layer + 1} head {head + 1}, {start[layer, head]:.0%} of its attention")
    return lines


def _profile_rows(sums: np.ndarray, uniform: np.ndarray, first: int) -> list[dict[str, Any]]:
    """A row a place: quarters, and of each head how many times uniform attention."""
    return [
        {"quarters": first + place * STEPS_PER_SLOT / STEPS_PER_QUARTER}
        | {
            f"layer {layer + 1} head {head + 1}": float(sums[place, layer, head] / uniform[place])
            for layer, head in np.ndindex(sums.shape[1:])
        }
        for place in np.flatnonzero(uniform > 0).tolist()
    ]


def embeddings(desk: Desk) -> list[str]:
    """Tables by PCA and t-SNE; what a linear probe reads off pitches."""
    on_page = [shown(table, desk.seed) for table in tables(desk.model, desk.identity)]
    said = "Left: the two directions of most variance and their share. Right: t-SNE."
    of_pitch = [each for each in on_page if each.table.in_order]
    others = [each for each in on_page if not each.table.in_order]
    desk.draw(table_picture("Vectors of pitches", of_pitch, f"{said} Grey: semitone by semitone."), "embeddings-pitch")
    desk.draw(table_picture("Vectors of techniques, lai and places in the bar", others, said), "embeddings-others")
    points = [
        {"table": each.table.name, "point": label}
        | dict(zip(("pca_1", "pca_2", "tsne_1", "tsne_2"), map(float, (*pca_xy, *tsne_xy)), strict=True))
        for each in on_page
        for label, pca_xy, tsne_xy in zip(each.table.labels, each.components.points, each.neighbours, strict=True)
    ]
    desk.table("embeddings", points)
    found = pitch_probes(desk.model, desk.seed)
    desk.table(
        "probe", [{"table": row.table, "target": row.target, "gap": row.gap, **row.found._asdict()} for row in found]
    )
    said = (
        f"Ridge regression, a pitch left out at a time (full marks), or with it the {NEIGHBOURS} semitones on either "
        "side (hollow: a smooth curve does not help there). 1: all is read, 0: nothing."
    )
    desk.draw(probe_picture(found, said), "probe")
    lines = ["Embeddings, cross-validated R² of a linear probe (random vectors' 95th percentile, permuted pitches'):"]
    for name in dict.fromkeys(row.table for row in found):
        told = (
            f"{row.target}{' without neighbours' if row.gap else ''} {row.found.r2:.2f} "
            f"({row.found.random_high:.2f}, {row.found.permuted_high:.2f})"
            for row in found
            if row.table == name
        )
        lines.append(f"  {name}: {'; '.join(told)}")
    unlearned = [each.table.name for each in on_page if not each.table.learned]
    return lines + [f"  not learned, as nobody labelled any: {name}" for name in unlearned]


def patterns(desk: Desk, tunes: Sequence[Phrase], ours: str) -> list[str]:
    """The motifs that mark some tunes, which are called `ours`, against the training tunes that are `Alike`."""
    store = desk.held_out.store
    alike = Alike.to(tunes, store, "train")
    learned = [tune for tune in store.split("train").tolist() if alike.takes(store.phrase(tune))]
    theirs = [store.phrase(tune) for tune in learned]
    families = store.families[learned].astype(np.int64)
    found = characteristic(tunes, theirs, families, NUM_MOTIFS, desk.seed) if theirs else []
    against = f"{counted(len(theirs), 'training tune', style=',')} {alike}"
    if not any(row.log_odds > 0 for row in found):
        return [f"Patterns: {ours}, against {against}: no motif marks them; of fewer than 50 tunes few ever do."]
    holders = [[learned[place] for place in row.found_in] for row in found]
    titles = ["; ".join(_called(store.phrase(t), store.id(t)) for t in each[:NUM_NAMED]) for each in holders]
    desk.table(
        "patterns",
        [
            _motif_row(row, title, [store.id(t) for t in each])
            for row, title, each in zip(found, titles, holders, strict=True)
        ],
    )
    firsts = [_called(store.phrase(each[0]), store.id(each[0])) if each else "" for each in holders]
    said = f"{ours}, against {against}. | is between hong, whose 4th slot is the beat; motifs of four notes."
    desk.draw(motif_picture(found, firsts, "the set", "training tunes", said), "patterns")
    lines = [f"Patterns, {ours}, against {against}:"]
    for row, title in list(zip(found, titles, strict=True))[:NUM_NAMED]:
        odds = f"log-odds {row.log_odds:+.2f} [{row.low:+.2f} to {row.high:+.2f}]"
        lines.append(
            f"  {row.letters}  {odds}, in {row.our_tunes} of them and {row.their_tunes} training tunes: {title}"
        )
    more = [row for row in found if row.log_odds > 0]
    new = sum(not row.their_tunes for row in more)
    return [*lines, f"  of the {len(more)} motifs that they have more of, {new} are in no training tune"]


def _called(phrase: Phrase, id: str) -> str:
    return phrase.title or id


def _motif_row(row: Characteristic, titles: str, ids: Sequence[str]) -> dict[str, Any]:
    kept = {key: value for key, value in row._asdict().items() if key not in ("motif", "found_in")}
    return kept | {"titles": titles, "training_tunes": " ".join(ids[:NUM_NAMED])}


def ablation(desk: Desk) -> list[str]:
    """Bits per note that each part is worth."""
    rows = worths(desk.model, desk.held_out, parts(desk.model, desk.held_out), desk.progress)
    desk.table("ablation", [row._asdict() for row in rows])
    said = f"{desk.sampled}, the same with and without; nothing is trained again. Lines: 95 % by family."
    turns_by = looking.heads_turn_by(desk.model)
    desk.draw(worth_picture(rows, desk.model.config.num_heads, turns_by, said), "ablation")
    lines = [f"Ablation, bits per note more without, {desk.sampled}:"]
    for kind in Kind:
        mine = sorted((row for row in rows if row.kind == kind and not row.is_idle), key=lambda row: -row.worth)
        told = (f"{row.part} {row.worth:+.3f} [{row.low:+.3f} to {row.high:+.3f}]" for row in mine[:NUM_NAMED])
        lines.append(f"  {kind}: {'; '.join(told) or 'nothing there to hide'}")
    if idle := [row.part for row in rows if row.is_idle]:
        lines.append(f"  nothing there to hide: {', '.join(idle)}")
    return lines


def calibration(desk: Desk) -> list[str]:
    """Reliability by field, bits over the place in the tune, and the surprises of one tune."""
    families = desk.held_out.store.families
    by_field, notes = being_right.predictions(desk.model, desk.held_out.batches())
    told = {name: found for name, found in by_field.items() if len(np.unique(found.real)) > 1}
    fields = [being_right.calibration(name, found, families, desk.seed) for name, found in told.items()]
    desk.table("calibration", [{"field": field.field, **each._asdict()} for field in fields for each in field.bins])
    errors = [{key: value for key, value in field._asdict().items() if key != "bins"} for field in fields]
    write_text(desk.out / "calibration.json", json.dumps(errors, indent=1) + "\n")
    said = f"{desk.sampled}. Below: how many. Lines: 95 % by family."
    desk.draw(reliability_picture(fields, said), "calibration")
    stretches = being_right.by_place(notes, families)
    desk.table("place", [row._asdict() for row in stretches])
    desk.draw(bits_picture(stretches, f"{desk.sampled}. Lines: 95 % by family. The end of a tune is no note."), "place")
    _, alone = being_right.predictions(desk.model, [desk.held_out.alone(desk.tune)])
    hong = being_right.surprise(desk.phrase, alone.bits)
    desk.table("surprise", [row._asdict() for row in hong])
    desk.draw(surprise_picture(desk.phrase, hong, f"What surprises in {desk.name}"), "surprise")
    lines = [f"Calibration, {desk.sampled}:"]
    for field in fields:
        lines.append(
            f"  {field.field}: right {field.came:.1%}, sure {field.confidence:.1%}, "
            f"calibration error {field.error:.4f} (chance alone {field.by_chance:.4f})"
        )
    long = [row for row in stretches if row.of == "long"]
    if long:
        lines.append(
            f"  bits of note 1 {long[0].bits:.2f}, of notes {long[-1].first}-{long[-1].last} {long[-1].bits:.2f}"
        )
    worst = sorted(hong, key=lambda row: -row.bits)[:NUM_NAMED]
    most = ", ".join(f"hong {row.hong} ({row.bits:.1f} bits, {counted(row.notes, 'note')})" for row in worst)
    return [*lines, f"  {desk.name}: most surprising {most}"]


ROOMS: dict[str, Callable[..., list[str]]] = {
    "attention": attention,
    "embeddings": embeddings,
    "patterns": patterns,
    "ablation": ablation,
    "calibration": calibration,
}
"""What can be looked at. Patterns want tunes too."""
