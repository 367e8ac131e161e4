"""The study against peers: every arm pays for the same notes, all of them, and meets the same batches."""

import csv
import json
import math
import shutil
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hydra.core.global_hydra import GlobalHydra
from hypothesis import given
from hypothesis import strategies as st

from experiments.against_peers import study, tables, training
from experiments.against_peers.ancestor import Ancestor
from experiments.against_peers.arm import END, Arm, TokenArm
from experiments.against_peers.corpus import Corpus, Example, Melodies
from experiments.against_peers.folk_rnn import BAR, FIRST_LENGTH, FIRST_PITCH, REST, AbcNotation, FolkRnn
from experiments.against_peers.ours import Ours
from experiments.against_peers.plan import PLAN, SWEEP, Plan
from experiments.against_peers.training import measure, train
from experiments.recipe import LOSS
from experiments.study import read_results
from phin.batch import collate
from phin.corpus.intake import prepare
from phin.data.datamodule import PhinDataModule
from phin.data.dataset import DataConfig
from phin.errors import MissingCorpus, PhinError
from phin.evaluation.split_bits import model_bits
from phin.model.transformer import TransformerConfig
from phin.music.phrase import Metre, Phrase, rows_from_columns
from phin.tokenizer import FIELDS, HIGHEST_PITCH, LOWEST_PITCH, METRES, PITCH, first_origin
from tests.settings import composed
from tests.tiny import PHRASE, tiny_config
from tests.tunes import wander, with_drone

TWO_FOUR = Metre(2, 4)
WITHOUT_MIDITOK = [name for name in study.ARMS if not name.startswith("remi")]
"""The others are weighed whenever the study builds them."""


@pytest.fixture(scope="module")
def melodies(corpus: DataConfig) -> Corpus:
    config = replace(corpus, window=64)
    return Corpus(Melodies(prepare(config, progress=False)), config)


@pytest.fixture(scope="module")
def sizes(melodies: Corpus) -> tuple[int, ...]:
    return melodies.tokenizer.condition_sizes


@st.composite
def lines(draw: st.DrawFn) -> Phrase:
    """One note after another: pickups, rests, notes that ring over bar lines, metres of all kinds."""
    metre = draw(st.none() | st.sampled_from(METRES))
    note = st.tuples(
        st.just(0) | st.integers(0, 100),
        st.sampled_from([6, 12, 24]) | st.integers(1, 384),
        st.integers(LOWEST_PITCH, HIGHEST_PITCH),
    )
    notes = np.array(draw(st.lists(note, min_size=1, max_size=12)))
    end = first_origin(metre) + notes[:, :2].sum(axis=1).cumsum()
    return Phrase(rows_from_columns(end - notes[:, 1], notes[:, 1], notes[:, 2]), metre=metre)


@given(lines())
def test_what_is_written_in_abc_tokens_is_read_back(phrase: Phrase) -> None:
    """Fails: the arm of folk-rnn is praised for tunes of which it has lost a rest or a length."""
    assert AbcNotation().decode(AbcNotation().encode(phrase), phrase.metre) == phrase


def test_abc_tokens_are_those_that_a_hand_would_write() -> None:
    """Fails: bar lines stand elsewhere than in ABC, or eighths cost a token more than there."""
    onset, duration, pitch = np.array([-12, 0, 24, 36, 60]), np.array([12, 24, 12, 12, 24]), np.array([57] * 5)
    tune = Phrase(rows_from_columns(onset, duration, pitch), metre=TWO_FOUR)
    a = FIRST_PITCH + 57 - LOWEST_PITCH
    length = {steps: FIRST_LENGTH + steps - 1 for steps in (24, 36)}
    z3, a2 = [REST, length[36]], [a, length[24]]
    assert AbcNotation().encode(tune) == [*z3, a, BAR, *a2, a, a, BAR, REST, *a2]


class Bigrams(TokenArm):
    """The logits of what follows a token are a row of a table, whatever came before it."""

    def __init__(self, sizes: tuple[int, ...], spread: float) -> None:
        super().__init__(AbcNotation(), sizes)
        generator = torch.Generator().manual_seed(0)
        self.table = torch.randn(self.num_ids, self.num_ids, generator=generator, dtype=torch.float64) * spread

    def logits(self, ids: torch.Tensor) -> torch.Tensor:
        return self.table[ids]


def test_an_arm_that_knows_nothing_pays_alike_for_every_token(melodies: Corpus, sizes: tuple[int, ...]) -> None:
    """Fails: the bits of an arm leave out a token or the end, or count the conditions, which every arm is given."""
    arm, examples = Bigrams(sizes, spread=0), melodies.held_out("test")
    bits = measure(arm, examples)
    tokens = {e.item.tune: len(AbcNotation().encode(e.phrase)) for e in examples}
    assert bits.tune.tolist() == sorted(tokens)
    assert bits.bits == pytest.approx([(tokens[t] + 1) * math.log2(1 + AbcNotation.size) for t in sorted(tokens)])
    assert bits.notes.tolist() == [len(melodies.melodies.phrase(t)) for t in sorted(tokens)]


def test_bits_are_those_worked_out_by_hand(melodies: Corpus, sizes: tuple[int, ...]) -> None:
    """Fails: an arm is charged for padding, for another tune of its batch, or for symbols that it never draws."""
    arm, examples = Bigrams(sizes, spread=2), melodies.held_out("test")
    by_tune = {example.item.tune: example for example in examples}
    bits = measure(arm, examples)
    for tune, found in zip(bits.tune, bits.bits, strict=True):
        tokens = [1 + token for token in AbcNotation().encode(by_tune[tune].phrase)]
        last_condition = arm.first_condition[-1] + int(by_tune[tune].item.conditions[-1])
        total = 0.0
        for before, token in zip([last_condition, *tokens], [*tokens, END], strict=True):
            weights = np.exp(arm.table[before].numpy()[: 1 + AbcNotation.size])
            total -= np.log2(weights[token] / weights.sum())
        assert found == pytest.approx(total)


def arms(sizes: tuple[int, ...]) -> dict[str, Arm]:
    return {
        "folk-rnn": FolkRnn(sizes, width=16),
        "ancestor": Ancestor(sizes, width=16),
        "ours": Ours(sizes, tiny_config()),
    }


@pytest.mark.parametrize("name", ["folk-rnn", "ancestor", "ours"])
def test_a_tune_costs_the_same_alone_and_beside_others(melodies: Corpus, sizes: tuple[int, ...], name: str) -> None:
    """Fails: an arm reads padding or its neighbours, and its bits depend on how tunes are batched."""
    arm = arms(sizes)[name].double()
    examples = melodies.held_out("test")
    together = arm.scores(examples)
    for place, example in enumerate(examples):
        alone = arm.scores([example])
        torch.testing.assert_close(alone.nats[0], together.nats[place])
        assert alone.draws[0] == together.draws[place]


def test_the_ancestor_no_longer_sees_what_it_is_asked(melodies: Corpus, sizes: tuple[int, ...]) -> None:
    """Fails: the ancestor reads the note that it should draw, as it did when it was written."""
    arm = Ancestor(sizes, width=16).double()
    batch = collate([example.item for example in melodies.held_out("test")[:2]])
    spoilt = replace(batch, ids=batch.ids.clone())
    spoilt.ids[:, 5:, PITCH] = FIELDS[PITCH].size - 1
    before, after = arm.hidden(batch), arm.hidden(spoilt)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.allclose(before[:, 5:], after[:, 5:])


def test_our_arm_costs_what_phin_reports(melodies: Corpus, sizes: tuple[int, ...]) -> None:
    """Fails: our column of the table is not the bits per note that phin-train prints."""
    arm = Ours(sizes, tiny_config())
    data = PhinDataModule(melodies.config, 0, melodies.melodies)
    theirs = model_bits(arm.model, data.test_dataloader(), progress=False)
    ours = measure(arm, melodies.held_out("test"))
    assert ours.tune.tolist() == theirs.tune.tolist()
    assert ours.bits == pytest.approx(theirs.headline, rel=1e-6)
    assert ours.notes.tolist() == theirs.notes.tolist()


def test_arms_meet_what_phin_itself_trains_on(melodies: Corpus) -> None:
    """Fails: at the same step two arms have seen other tunes, or the same in other keys, or been told other things."""
    loader = PhinDataModule(melodies.config, 7, melodies.melodies).train_dataloader()
    batches = melodies.training_batches(7)
    for epoch in range(2):
        seen: list[int] = []
        for theirs, ours in zip(loader, islice(batches, len(loader)), strict=True):
            assert torch.equal(theirs.ids, collate([example.item for example in ours]).ids)
            assert torch.equal(theirs.conditions, collate([example.item for example in ours]).conditions)
            for example in ours:
                ids = example.item.encoded.ids[1:-1]
                assert (ids[:, PITCH] - 4 + LOWEST_PITCH).tolist() == example.phrase.pitch.tolist()
                assert example.phrase.metre == melodies.melodies.phrase(example.item.tune).metre, "never hidden here"
            seen += [example.item.tune for example in ours]
        assert sorted(seen) == melodies.melodies.split("train").tolist(), f"every tune once in epoch {epoch}"


def test_no_arm_meets_a_tune_that_another_cannot_hold(corpus: DataConfig) -> None:
    """Fails: an arm is compared on tunes, or learns from tunes, that the others never saw."""
    store = prepare(corpus, progress=False)
    names = [store.id(int(store.split(split)[0])) for split in ("train", "validation", "test")]
    kept = Melodies(store, names)
    for split in ("train", "validation", "test"):
        assert kept.split(split).tolist() == store.split(split).tolist()[1:]


def test_a_corpus_of_tunes_that_would_be_cut_is_refused(corpus: DataConfig) -> None:
    """Fails: one arm reads a window of a tune and another the whole of it."""
    with pytest.raises(MissingCorpus, match="no arm cuts tunes"):
        Corpus(Melodies(prepare(corpus, progress=False)), corpus)


def test_melodies_have_no_drone() -> None:
    """Fails: a tune is kept for its melody, and left out for the drone that nobody measures."""
    drone = with_drone(wander(1))
    notations = {"ABC": AbcNotation()}
    assert study.why_left_out(drone, notations, 1024) == "two notes sound at once"
    assert study.why_left_out(drone.melody, notations, 1024) is None


def test_why_a_tune_is_left_out_is_said() -> None:
    """Fails: tunes are missing from the comparison, and nobody can say why."""
    notations = {"ABC": AbcNotation()}
    tune = wander(1, num_notes=20)
    assert "metre 9/4" in str(study.why_left_out(replace(tune, metre=Metre(9, 4)), notations, 1024))
    assert "tokens of ABC" in str(study.why_left_out(tune, notations, 20))
    assert study.why_left_out(PHRASE.melody, notations, 1024) is None


class Hasty(AbcNotation):
    """Forgets the last note, and its bar line."""

    def encode(self, phrase: Phrase) -> list[int]:
        return super().encode(phrase)[:-2]


def test_a_tune_that_a_notation_loses_is_left_out() -> None:
    """Fails: an arm pays less because its notation has dropped a note."""
    assert study.why_left_out(wander(1), {"ABC": Hasty()}, 1024) == "ABC reads back another tune"


@pytest.mark.parametrize("name", WITHOUT_MIDITOK)
def test_arms_are_of_one_size(name: str) -> None:
    """Fails: an arm wins because it is larger."""
    sizes = (8, 12, 20, 7, 11)  # of the folk corpus
    assert abs(study.ARMS[name](sizes).num_parameters / PLAN.parameters - 1) <= PLAN.tolerance


def test_the_committed_tables_are_of_what_the_sweep_declares() -> None:
    """Fails: sweep.yaml says other seeds, rates, arms or steps than those that the tables are of."""
    rows, trials = read_results(tables.RESULTS), read_results(tables.TRIALS)
    networks = [name for name, settings in PLAN.arms.items() if settings is not None]
    seeds = [*map(str, PLAN.seeds), tables.MEAN]
    expected = {(table, arm, seed) for table in tables.TITLES for arm in PLAN.arms for seed in seeds}
    assert {(row["table"], row["arm"], row["seed"]) for row in rows} == expected
    assert {row["steps"] for row in rows if row["table"] == tables.NOTES} == {str(PLAN.steps)}
    assert {row["arm"] for row in rows if not row["rate"]} == PLAN.arms.keys() - networks
    assert {(row["arm"], float(row["rate"])) for row in trials} == {(arm, r) for arm in networks for r in PLAN.rates}
    assert {row["steps"] for row in trials} == {str(PLAN.trial_steps)}
    for arm in networks:
        tried = {row["rate"]: float(row["bits_per_note"]) for row in trials if row["arm"] == arm}
        assert {row["rate"] for row in rows if row["arm"] == arm} == {min(tried, key=lambda rate: tried[rate])}
    ours = next(row for row in rows if row["arm"] == tables.OURS)
    assert ours["parameters"] == str(PLAN.parameters)


def test_a_key_of_the_sweep_that_nobody_reads_is_refused() -> None:
    """Fails: a budget is changed under a mistyped name, and the study runs as it did."""
    declared = yaml.safe_load(SWEEP.read_text(encoding="utf-8"))
    assert Plan(**declared) == PLAN
    with pytest.raises(TypeError, match="seed"):
        Plan(**declared, seed=[0])


def test_an_arm_of_another_size_is_refused(melodies: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: somebody widens an arm, and the table goes on to say that all are alike."""
    monkeypatch.setitem(study.ARMS, "wide", lambda sizes: FolkRnn(sizes, width=400))
    with pytest.raises(PhinError, match=r"wide: has [\d,]+ parameters\. Bring it within 5 %"):
        study.build("wide", melodies, 0)


def test_our_arms_are_those_of_the_configuration() -> None:
    """Fails: model=small, model=index_rotary or loss=fixed has changed, and the study compares with what they were."""
    index_rotary, small = (study.ARMS[name]((8, 12, 20, 7, 11)).model.config for name in ("index_rotary", "ours"))
    as_wide = replace(index_rotary, mlp_ratio=TransformerConfig.mlp_ratio)
    for name, config in (("small", small), ("index_rotary", as_wide)):
        try:
            found = composed("train", f"model={name}")
        finally:
            GlobalHydra.instance().clear()
        # no arm is told when the last stroke comes, so none counts down to it
        assert replace(found.model, countdown=False) == config
        assert found.loss == LOSS


def test_so_many_steps_are_taken_to_the_note(melodies: Corpus, sizes: tuple[int, ...]) -> None:
    """Fails: at equal notes one arm has seen a batch more."""
    batches = list(islice(melodies.training_batches(0), 3))
    spent = train(FolkRnn(sizes, width=8), iter(batches), 1e-3, 3)
    assert spent.steps == 3
    assert spent.notes == sum(example.notes for batch in batches for example in batch)


class Watched(FolkRnn):
    def loss(self, examples: list[Example]) -> torch.Tensor:
        self.rates.append(self.optimizer.param_groups[0]["lr"])
        return super().loss(examples)


def test_the_rate_rises_and_falls_over_the_steps(
    melodies: Corpus, sizes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: a slow arm at equal time is stopped in the middle of its schedule, at a high rate."""
    arm = Watched(sizes, width=8)
    arm.rates = []
    arm.optimizer = training.optimizer_for(arm)
    monkeypatch.setattr(training, "optimizer_for", lambda arm: arm.optimizer)
    train(arm, melodies.training_batches(0), 1e-3, 40)
    assert arm.rates[0] < 1e-4
    assert max(arm.rates) == pytest.approx(1e-3, rel=0.02)
    assert arm.rates.index(max(arm.rates)) == 2, "a twentieth of the steps"
    assert arm.rates[-1] < 5e-5


def with_small_arms(patch: pytest.MonkeyPatch) -> None:
    small = {"folk-rnn": lambda sizes: FolkRnn(sizes, width=8), "ours": lambda sizes: Ours(sizes, tiny_config())}
    patch.setattr(study, "ARMS", small)
    patch.setattr(study, "PLAN", replace(PLAN, tolerance=1.0))


@pytest.fixture(scope="module")
def made(melodies: Corpus, tmp_path_factory: pytest.TempPathFactory) -> study.Runs:
    """Two arms of little width and the Markov model, two seeds, run to the end."""
    runs = study.Runs(tmp_path_factory.mktemp("runs"))
    with pytest.MonkeyPatch.context() as patch:
        with_small_arms(patch)
        patch.setattr(study, "read_speed", lambda _: {"folk-rnn": 2.0, "ours": 1.0})
        study.run(runs, melodies, ["folk-rnn", "markov", "ours"], [0, 1], steps=4, trial_steps=2)
    return runs


def test_the_table_says_what_the_runs_say(made: study.Runs, melodies: Corpus) -> None:
    """Fails: the table has an arm's bits under another's name, or a mean of other seeds."""
    rows = tables.results(made.folder, melodies.melodies)
    assert [(row["table"], row["arm"], row["seed"]) for row in rows] == [
        (table, arm, seed)
        for table in ("notes", "clock")
        for arm in ("folk-rnn", "markov", "ours")
        for seed in ("0", "1", "mean")
    ]
    bits = {(row["table"], row["arm"], row["seed"]): float(row["bits_per_note"]) for row in rows}
    for table in ("notes", "clock"):
        for arm in ("folk-rnn", "markov", "ours"):
            said = [json.loads((made.folder / table / f"{arm}-{s}.json").read_text())["bits_per_note"] for s in (0, 1)]
            of_seeds = [bits[table, arm, str(s)] for s in (0, 1)]
            assert of_seeds == pytest.approx(said, abs=1e-4)
            assert bits[table, arm, "mean"] == pytest.approx(np.mean(said), abs=1e-4)
    for row in rows:
        more = bits[row["table"], row["arm"], row["seed"]] - bits[row["table"], "ours", row["seed"]]
        assert float(row["more_than_ours"]) == pytest.approx(more, abs=2e-4)
        assert (row["rate"] == "") == (row["arm"] == "markov")
    seen = {row["arm"]: row["notes_seen"] for row in rows if row["table"] == "notes" and row["seed"] == "0"}
    assert seen["folk-rnn"] == seen["ours"] != "", "they saw the same notes"


def test_an_arm_that_is_not_finished_is_named(made: study.Runs, melodies: Corpus, tmp_path: Path) -> None:
    """Fails: the mean of one seed stands beside means of three, and nobody sees it."""
    half = shutil.copytree(made.folder, tmp_path / "runs")
    (half / "clock" / "folk-rnn-1.json").unlink()
    with pytest.raises(PhinError, match="clock: holds folk-rnn and ours of unlike seeds"):
        tables.results(half, melodies.melodies)


def test_the_rate_is_chosen_by_validation_alone(made: study.Runs, melodies: Corpus) -> None:
    """Fails: the rate of an arm is the one that happened to suit the test tunes."""
    trials = {rate: json.loads((made.folder / f"trial/folk-rnn-{rate:g}.json").read_text()) for rate in PLAN.rates}
    best = min(trials, key=lambda rate: trials[rate]["bits_per_note"])
    assert {tuple(trial["tune_of"]) for trial in trials.values()} == {
        tuple(melodies.melodies.split("validation").tolist())
    }
    final = json.loads((made.folder / "notes" / "folk-rnn-0.json").read_text())
    assert final["rate"] == best
    assert final["tune_of"] == melodies.melodies.split("test").tolist()


def test_a_run_is_made_once_and_never_taken_for_another(
    made: study.Runs, melodies: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: a table mixes runs of 30 steps with runs of 600."""
    with_small_arms(monkeypatch)
    monkeypatch.setattr(study, "read_speed", lambda _: {"ours": 1.0})
    file = made.folder / "notes" / "ours-0.json"
    before = file.read_text()
    study.run(made, melodies, ["markov", "ours"], [0], steps=4, trial_steps=2)
    assert file.read_text() == before
    with pytest.raises(PhinError, match=r"ours-0\.json: was made with steps=4"):
        study.run(made, melodies, ["ours"], [0], steps=5, trial_steps=2)


def test_at_equal_time_a_slower_arm_takes_fewer_steps(made: study.Runs) -> None:
    """Fails: the second table gives every arm as many steps as the first, or a slow arm more of the clock."""
    steps = {
        (table, arm): json.loads((made.folder / table / f"{arm}-0.json").read_text())["steps"]
        for table in ("notes", "clock")
        for arm in ("folk-rnn", "ours")
    }
    assert steps == {("notes", "folk-rnn"): 4, ("notes", "ours"): 4, ("clock", "folk-rnn"): 2, ("clock", "ours"): 4}
    ours = [(made.folder / table / "ours-0.json").read_text() for table in ("notes", "clock")]
    assert ours[0] == ours[1], "which is trained once"


def test_the_figure_is_drawn_of_the_table(
    made: study.Runs, melodies: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails: the figure beside the table shows other arms, or drawing it needs the runs, which are not kept."""
    monkeypatch.setattr(tables, "RESULTS", tmp_path / "results.csv")
    monkeypatch.setattr(tables, "FIGURE", tmp_path / "figure.svg")
    monkeypatch.setattr(tables, "TRIALS", tmp_path / "trials.csv")
    rows = tables.draw(made.folder, melodies.melodies)
    drawn = (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert all(f"<!-- {words} -->" in drawn for words in ("folk-rnn", "markov", "ours", "equal time"))
    assert tables.draw(tmp_path / "gone", melodies.melodies) == rows
    assert (tmp_path / "figure.svg").read_text(encoding="utf-8") == drawn


def test_speed_is_measured_on_the_same_batches(melodies: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: the faster arm is the one that was given the shorter tunes."""
    seen: dict[int, list[list[int]]] = {}

    class Listening(FolkRnn):
        def loss(self, examples: list[Example]) -> torch.Tensor:
            seen.setdefault(id(self), []).append([example.item.tune for example in examples])
            return super().loss(examples)

    monkeypatch.setattr(study, "ARMS", dict.fromkeys(("one", "other"), lambda sizes: Listening(sizes, width=8)))
    monkeypatch.setattr(study, "PLAN", replace(PLAN, tolerance=1.0))
    rates = study.speed(melodies, ["one", "other"], steps=2, rounds=2)
    one, other = seen.values()
    assert one == other
    assert len(one) == 6, "and a round to warm up"
    assert [len(values) for values in rates.values()] == [2, 2]


def test_what_is_left_out_is_listed_once_and_with_a_reason() -> None:
    """Fails: the committed list of tunes that are left out was spoilt by hand."""
    with (Path(study.__file__).parent / "left_out.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert len({row["tune"] for row in listed}) == len(listed) > 0
    assert all(row["why"] for row in listed)


def test_speeds_of_another_model_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails: the default grows, and arms are given the time that the smaller one took."""
    monkeypatch.setattr(tables, "SPEED", tmp_path / "speed.csv")
    tables.write_speed({"ours": [100.0, 120.0], "folk-rnn": [50.0, 40.0]}, {"ours": 10, "folk-rnn": 9})
    assert tables.read_speed({"ours": 10, "folk-rnn": 9}) == {"ours": 1.0, "folk-rnn": 2.5}
    tables.write_speed({"ours": [100.0, 120.0], "folk-rnn": [98.0, 124.0]}, {"ours": 10, "folk-rnn": 9})
    assert tables.read_speed({"ours": 10})["folk-rnn"] == 1.0, "as fast, as far as can be told"
    with pytest.raises(PhinError, match="tells of another ours than that of 11 parameters"):
        tables.read_speed({"ours": 11})
    with pytest.raises(PhinError, match="tells of another ancestor"):
        tables.read_speed({"ancestor": 9})


@pytest.mark.parametrize("name", sorted(study.ARMS.keys() - set(WITHOUT_MIDITOK)))
def test_an_arm_of_midi_tokens_is_built_and_pays_for_every_token(name: str, melodies: Corpus) -> None:
    """Fails: an arm of another library is larger than ours, or reads fewer tokens than a tune has.

    MidiTok, transformers and x-transformers are the study's own; where they are not installed it is not run.
    """
    for library in ("miditok", "transformers", "x_transformers"):
        pytest.importorskip(library)
    arm = study.build(name, melodies, 0)
    example = next(iter(melodies.training_batches(0)))[0]
    (bits,) = measure(arm, [example]).bits.tolist()
    assert bits > 0
    tokens = arm.notation.encode(example.phrase)
    back = arm.notation.decode(tokens, example.phrase.metre)
    assert np.array_equal(back.rows[:, :3], example.phrase.rows[:, :3])
    assert len(tokens) > 2 * len(example.phrase)
