"""The report: sums by source, intervals by family that say how little is known, and a table a person can read."""

import json
import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from phin.batch import collate
from phin.corpus.store import Store, Tune, write_store
from phin.data.dataset import EvaluationTunes
from phin.evaluation.bits_table import ALL, BitsRow, as_dicts, table
from phin.evaluation.intervals import interval_by_family
from phin.evaluation.markov import MarkovModel
from phin.evaluation.split_bits import model_bits, rows_of, split_bits
from phin.model.transformer import PhinTransformer
from phin.music.lai import LaiLabel
from phin.music.phrase import UNKNOWN, Inferred, LabelSource
from phin.tokenizer import DURATION, STEP, TECHNIQUE, VELOCITY, Tokenizer
from tests.tiny import PHRASE, batch_of, tiny_model
from tests.tunes import wander

SOURCES = ["essen", "han", "oneill"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Eight tunes to train on; nine to test, of two sources, two of them of one family; none of the third source."""
    tunes = []
    for number in range(17):
        source = SOURCES[number % 2] if number >= 8 else SOURCES[number % 3]
        phrase = replace(wander(number, num_notes=6 + number), source=source, title=f"tune {number}")
        tunes.append(Tune(f"{number}", phrase, LaiLabel(), max(number, 9), "train" if number < 8 else "test"))
    return write_store(tmp_path_factory.mktemp("cache") / "s", tunes, SOURCES, "nobody's", {})


@pytest.fixture(scope="module")
def rows(store: Store) -> list[BitsRow]:
    return rows_of(split_bits(tiny_model(), loader(store), store, progress=False), store)


def loader(store: Store) -> list:
    items = EvaluationTunes(store, Tokenizer(sources=("essen", "han")), store.split("test").tolist())
    return [collate([items[k] for k in range(start, min(start + 4, len(items)))]) for start in range(0, len(items), 4)]


def test_each_source_that_has_tunes_gets_a_row_and_all_together_one(store: Store, rows: list[BitsRow]) -> None:
    """Fails: a source is left out of the report, or counted under another name."""
    assert [row.source for row in rows] == ["essen", "han", ALL]
    tunes = store.split("test").tolist()
    for row in rows:
        mine = [k for k in tunes if row.source in (ALL, store.sources[store.source_of[k]])]
        assert row.tunes == len(mine)
        assert row.notes == sum(int(store.lengths[k]) for k in mine)
        assert row.families == len({int(store.families[k]) for k in mine})


def test_rows_are_sums_over_their_tunes(store: Store, rows: list[BitsRow]) -> None:
    """Fails: a mean of means lets short tunes decide."""
    ours = model_bits(tiny_model(), loader(store), progress=False)
    train = [store.phrase(k) for k in store.split("train").tolist()]
    markov = MarkovModel.fit(train).bits([store.phrase(int(k)) for k in ours.tune], ours.tune.tolist())
    for row in rows:
        chosen = [row.source in (ALL, store.sources[store.source_of[int(k)]]) for k in ours.tune]
        assert row.bits == pytest.approx(ours.headline[chosen].sum() / row.notes)
        assert row.bits == pytest.approx(row.step + row.pitch + row.duration)
        assert row.markov == pytest.approx(markov.headline[chosen].sum() / row.notes)
        assert row.difference == pytest.approx(row.bits - row.markov)


def test_every_interval_holds_its_estimate(rows: list[BitsRow]) -> None:
    """Fails: the interval is of another number than the one beside it."""
    for row in rows:
        for low, estimate, high in (
            (row.interval[0], row.bits, row.interval[1]),
            (row.markov_interval[0], row.markov, row.markov_interval[1]),
            (row.difference_interval[0], row.difference, row.difference_interval[1]),
        ):
            assert low <= estimate <= high
            assert low < high


def test_the_interval_is_the_same_every_time() -> None:
    """Fails: two reports of one checkpoint disagree."""
    rng = np.random.default_rng(0)
    bits, notes, family = rng.uniform(50, 200, 40), rng.integers(20, 60, 40), np.arange(40)
    assert interval_by_family(bits, notes, family) == interval_by_family(bits, notes, family)


def test_fewer_families_give_a_wider_interval() -> None:
    """Fails: ten versions of one tune are taken for ten tunes, and the lead looks certain."""
    rng = np.random.default_rng(1)
    of_family = rng.uniform(2, 5, 8)
    family = np.repeat(np.arange(8), 10)
    notes = np.full(80, 40)
    bits = of_family[family] * notes + rng.normal(0, 1, 80)
    alone, kin = (interval_by_family(bits, notes, kind) for kind in (np.arange(80), family))
    assert kin[1] - kin[0] > 2 * (alone[1] - alone[0])


def test_names_of_families_mean_nothing() -> None:
    """Fails: numbering families anew changes the interval."""
    bits, notes = np.array([10.0, 30.0, 20.0, 25.0]), np.array([5, 9, 8, 6])
    assert interval_by_family(bits, notes, np.array([0, 1, 1, 2])) == interval_by_family(
        bits, notes, np.array([4, 70, 70, 900])
    )


def test_the_interval_is_that_of_resampled_families() -> None:
    """Fails: the bootstrap is not a bootstrap."""
    rng = np.random.default_rng(5)
    bits, notes, family = rng.uniform(50, 200, 30), rng.integers(20, 60, 30), np.arange(30) // 2
    means = []
    for _ in range(4000):
        drawn = np.concatenate([np.flatnonzero(family == k) for k in rng.integers(0, 15, 15)])
        means.append(bits[drawn].sum() / notes[drawn].sum())
    np.testing.assert_allclose(interval_by_family(bits, notes, family), np.percentile(means, [2.5, 97.5]), rtol=0.02)


def test_the_table_says_each_row_and_the_json_all_of_it(rows: list[BitsRow], tmp_path: Path) -> None:
    """Fails: the person at the terminal reads another number than the file holds."""
    text = table(rows, "test")
    for row, line in zip(rows, text.splitlines()[-len(rows) :], strict=True):
        assert line.startswith(row.source)
        for number in (row.bits, row.markov, row.interval[0], row.interval[1]):
            assert f"{number:.3f}" in line
    stored = json.loads(json.dumps(as_dicts(rows)))
    assert [row.keys() for row in stored] == [{field.name for field in fields(BitsRow)}] * len(rows)
    assert [row["bits"] for row in stored] == [row.bits for row in rows]


def test_of_one_family_no_interval_is_shown(rows: list[BitsRow]) -> None:
    """Fails: a table says 3.419-3.419, as if a source of one family were known for certain."""
    alone = replace(rows[0], families=1, interval=(3.419, 3.419), markov_interval=(4.0, 4.0))
    line = table([alone], "test").splitlines()[3]
    assert line.count("one family") == 2
    assert "3.419-3.419" not in line


def test_what_phin_made_itself_is_said_to_say_nothing(rows: list[BitsRow]) -> None:
    """Fails: somebody reports how well a model reads our own rules, as if it were music."""
    made = [
        replace(row, source=source) for row, source in zip(rows, ("composer", "lao-accent classical"), strict=False)
    ]
    text = table(made, "test")
    assert "composer: made by phin's own rules" in text
    assert "own rules" not in table(rows, "test")
    head, *lines = text.splitlines()[2 : 3 + len(made)]
    assert [line.index(f"{row.tunes}") + len(f"{row.tunes}") for row, line in zip(made, lines, strict=True)] == [
        head.index("tunes") + len("tunes")
    ] * len(made)


def test_technique_and_velocity_are_reported_beside_the_headline_where_they_were_written_down(tmp_path: Path) -> None:
    """Fails: what a note is worth in technique is averaged over notes whose technique nobody knows, or is not told."""
    tunes = [replace(PHRASE, source="essen"), replace(wander(1, 8), source="han"), replace(PHRASE, source="essen")]
    splits = ("train", "test", "test")
    stored = [Tune(f"{k}", tune, LaiLabel(), k, splits[k]) for k, tune in enumerate(tunes)]
    store = write_store(tmp_path / "s", stored, SOURCES, "nobody's", {})
    model = tiny_model()
    played, plain, together = rows_of(split_bits(model, loader(store), store, progress=False), store)
    (batch,) = loader(store)
    mine = batch.tune.tolist().index(2)
    logits = [field.detach() for field in model(batch)[0].fields]
    for name, field, known in (
        ("technique", TECHNIQUE, PHRASE.melody.technique),
        ("velocity", VELOCITY, PHRASE.melody.velocity),
    ):
        worth = [
            -math.log2(float(logits[field][mine, time].softmax(dim=-1)[batch.targets[mine, time, field]]))
            for time in np.flatnonzero(known != UNKNOWN).tolist()
        ]
        assert played.beside[name] == pytest.approx(np.mean(worth))
        assert together.beside[name] == played.beside[name]
    assert plain.beside == {}
    assert f"technique {played.beside['technique']:.3f}" in table([plain, played, together], "test")
    assert "Beside" not in table([plain], "test")


def test_evaluating_leaves_no_dropout_on() -> None:
    """Fails: a score depends on luck."""
    model: PhinTransformer = tiny_model(dropout=0.5).train()
    tunes = [wander(1, 8)]
    scores = [model_bits(model, [batch_of(*tunes)], progress=False).headline.tolist() for _ in range(2)]
    assert scores[0] == scores[1]


def test_what_was_left_out_is_said_in_one_line_and_only_where_something_was(tmp_path: Path) -> None:
    """Fails: bits a note without durations are compared with bits that count them, and letters look easy."""
    kinds = [(), (), (Inferred.DURATION,), (Inferred.DURATION, Inferred.OCTAVE), (Inferred.ONSET,)]
    tunes = [replace(wander(k, 8), source=SOURCES[k > 1], inferred=frozenset(kind)) for k, kind in enumerate(kinds)]
    stored = [Tune(f"{k}", tune, LaiLabel(), k, "test" if k else "train") for k, tune in enumerate(tunes)]
    store = write_store(tmp_path / "s", stored, SOURCES, "nobody's", {})
    plain, letters, together = rows_of(split_bits(tiny_model(), loader(store), store, progress=False), store)
    assert plain.inferred == {}
    assert letters.inferred == together.inferred == {"onset": 1, "duration": 2, "octave": 1}
    said = [line for line in table([plain, letters, together], "test").splitlines() if "nobody wrote" in line]
    assert len(said) == 1
    assert "Of 4 tunes" in said[0]
    assert "onset in 1, duration in 2, octave in 1" in said[0]
    assert "nobody wrote" not in table([plain], "test")
    ours = model_bits(tiny_model(), loader(store), progress=False)
    assert (ours.bits[1:3, DURATION] == 0).all()
    assert ours.bits[3, STEP] == 0
    assert (ours.bits[[0, 1, 2], STEP] > 0).all()


def test_techniques_that_a_rule_or_a_program_said_are_not_reported_as_written(tmp_path: Path) -> None:
    """Fails: agreement with our own rules is read as knowledge of how players play."""
    sources = [None, None, LabelSource.RULE, LabelSource.DETECTED, LabelSource.WRITTEN]
    tunes = [replace(PHRASE, source=SOURCES[k in (2, 3)], techniques_from=said) for k, said in enumerate(sources)]
    stored = [Tune(f"{k}", tune, LaiLabel(), k, "test" if k else "train") for k, tune in enumerate(tunes)]
    store = write_store(tmp_path / "s", stored, SOURCES, "nobody's", {})
    written, made_up, together = rows_of(split_bits(tiny_model(), loader(store), store, progress=False), store)
    assert made_up.beside == {}
    assert written.beside.keys() == {"technique", "velocity"}
    assert together.beside == written.beside
