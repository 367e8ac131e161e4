"""The loss: each term is its formula, what nobody knows weighs nothing, and a step may be cut into batches."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from phin.batch import PARTS, PhinBatch, collate, label_counts
from phin.errors import InvalidConfig
from phin.model.loss import PARTS_OF_TERM, TERMS, LossConfig, PhinLoss, Weighing, field_nll
from phin.model.transformer import PhinLogits
from phin.music.lai import LAI, Family, LaiLabel, pentatonic_set
from phin.music.phrase import UNKNOWN, Inferred, LabelSource
from phin.tokenizer import (
    DURATION,
    END_ID,
    FIELDS,
    NUM_FIELDS,
    NUM_SYMBOLS,
    PITCH,
    STEP,
    TECHNIQUE,
    UNKNOWN_ID,
    VELOCITY,
)
from tests.tiny import PHRASE, item, melodies, tiny_model

NOI = LaiLabel(5, Family.YAO)
TERM = {name: place for place, name in enumerate(TERMS)}
FIXED = {"note": 1.0, "rhythm": 0.5, "technique": 2.0, "mode": 0.25, "pentatonic": 3.0}


def a_batch() -> PhinBatch:
    """A tune with everything, one whose lai is shown, one with a set and no lai, one with nothing, and a window."""
    folk = melodies(4)
    whole = item(folk[1], LaiLabel(2, None))
    window = replace(whole, encoded=whole.encoded.window(2, 6))
    items = [item(PHRASE, NOI), item(PHRASE, NOI, hide_lai=False), whole, item(folk[2]), window]
    return collate(items)


def random_logits(batch: PhinBatch, seed: int = 0) -> PhinLogits:
    generator = torch.Generator().manual_seed(seed)
    B, T = batch.targets.shape[:2]

    def table(size: int) -> Tensor:
        return torch.randn(B, T, size, generator=generator, dtype=torch.float64).requires_grad_()

    fields = tuple(table(field.size) for field in FIELDS)
    return PhinLogits(fields, table(len(LAI)), table(24))


def weighing(kind: Weighing = Weighing.UNIFORM, **settings: object) -> PhinLoss:
    return PhinLoss(LossConfig(kind, **settings)).double()


def log_softmax(logits: Tensor) -> list[float]:
    values = logits.tolist()
    total = math.log(sum(math.exp(value) for value in values))
    return [value - total for value in values]


def naive_parts(logits: PhinLogits, batch: PhinBatch) -> tuple[dict[str, float], dict[str, int]]:
    """Sums and counts of every part, row by row, as the contract says them in words."""
    sums, counts = dict.fromkeys(PARTS, 0.0), dict.fromkeys(PARTS, 0)

    def add(part: str, log_probability: float) -> None:
        sums[part] -= log_probability
        counts[part] += 1

    for b, t in [(b, t) for b in range(len(batch)) for t in range(batch.targets.shape[1])]:
        target = batch.targets[b, t].tolist()
        if target[STEP] == 0:
            continue  # padding
        is_note = target[STEP] != END_ID
        for place, field in enumerate(FIELDS):
            if (is_note or place == STEP) and target[place] != UNKNOWN_ID:
                add(field.name, log_softmax(logits.fields[place][b, t])[target[place]])
        notes = [row for row in range(batch.targets.shape[1]) if batch.targets[b, row, PITCH] != 0]
        onsets = {int(batch.onset[b, row + 1]) for row in notes}
        now = int(batch.onset[b, t])
        known = (batch.targets[b, :, STEP] == END_ID).any() or now + 24 <= max(onsets)
        if known:
            bits = []
            for ahead in range(24):
                logit = float(logits.quarter[b, t, ahead].detach())
                p = 1 / (1 + math.exp(-logit))
                bits.append(math.log(p if now + 1 + ahead in onsets else 1 - p))
            add("quarter", sum(bits) / 24)
        if batch.lai[b] >= 0 and batch.conditions[b, 0] == 0:
            add("mode", log_softmax(logits.lai[b, t])[int(batch.lai[b])])
        if batch.root[b] >= 0 and is_note:
            classes = pentatonic_set(int(batch.root[b]))
            pitches = range(FIELDS[PITCH].lowest, FIELDS[PITCH].highest + 1)
            p = [math.exp(value) for value in log_softmax(logits.fields[PITCH][b, t, NUM_SYMBOLS:])]
            real = FIELDS[PITCH].lowest + target[PITCH] - NUM_SYMBOLS
            inside = sum(p for p, pitch in zip(p, pitches, strict=True) if pitch % 12 in classes)
            add("pentatonic", math.log(inside if real % 12 in classes else 1 - inside))
    return sums, counts


def never_drawn(logits: PhinLogits) -> PhinLogits:
    """Logits as the model gives them: -inf for symbols that are never drawn."""
    fields = []
    for place, table in enumerate(logits.fields):
        mask = torch.ones(table.shape[-1], dtype=torch.bool)
        mask[:NUM_SYMBOLS] = False
        mask[END_ID] = place == STEP
        fields.append(table.masked_fill(~mask, -torch.inf))
    return logits._replace(fields=tuple(fields))


# --- the formulas


def test_every_part_is_its_formula_summed_row_by_row() -> None:
    """Fails: training minimises something other than what the contract says."""
    batch = a_batch()
    logits = never_drawn(random_logits(batch))
    sums, counts = naive_parts(logits, batch)
    assert label_counts(batch).sum(dim=1).tolist() == list(counts.values())
    assert min(counts.values()) > 0, "the batch shows every part"
    expected = torch.tensor(list(sums.values()), dtype=torch.float64)
    torch.testing.assert_close(weighing().part_sums(logits, batch), expected)
    means = expected / torch.tensor(list(counts.values()))
    torch.testing.assert_close(weighing()(logits, batch).parts, means)


def test_a_term_is_the_sum_of_the_means_of_its_parts() -> None:
    """Fails: a term of the log is not what its name says, and a study weighs the wrong thing."""
    batch = a_batch()
    out = weighing()(never_drawn(random_logits(batch)), batch)
    for term, parts in PARTS_OF_TERM.items():
        expected = sum(out.parts[PARTS.index(part)] for part in parts)
        torch.testing.assert_close(out.terms[TERM[term]], expected)
    assert sorted(part for parts in PARTS_OF_TERM.values() for part in parts) == sorted(PARTS)


def test_nll_of_fields_is_zero_where_nobody_knows_the_answer() -> None:
    """Fails: bits a note counts rows that are not there."""
    batch = a_batch()
    nll = field_nll(never_drawn(random_logits(batch)), batch)
    assert nll.shape == (*batch.targets.shape[:2], NUM_FIELDS)
    assert (nll[~batch.is_row] == 0).all()
    unknown = batch.targets == UNKNOWN_ID
    assert unknown.any()
    assert (nll[unknown] == 0).all()


@pytest.mark.parametrize("weights", [FIXED, dict.fromkeys(TERMS, 0.0) | {"mode": 1.0}])
def test_fixed_weights_multiply_their_terms(weights: dict[str, float]) -> None:
    """Fails: the control run of the study is not the one its name says."""
    batch = a_batch()
    out = weighing(Weighing.FIXED, weights=weights)(never_drawn(random_logits(batch)), batch)
    torch.testing.assert_close(out.total, sum(weights[name] * out.terms[TERM[name]] for name in TERMS))


def test_uniform_weights_are_all_one() -> None:
    """Fails: the uniform control is not uniform."""
    batch = a_batch()
    out = weighing()(never_drawn(random_logits(batch)), batch)
    torch.testing.assert_close(out.total, out.terms.sum())


# --- the pentatonic term


def test_the_pentatonic_term_is_minus_log_p_of_the_side_the_real_note_lies_on() -> None:
    """Fails: the ancestor's fault, a mean of logits, which can push the tune out of its scale."""
    batch = collate([item(PHRASE, NOI)])
    logits = random_logits(batch)
    p = logits.fields[PITCH][0].softmax(dim=-1)
    classes = pentatonic_set(NOI.root)
    inside = torch.tensor([i >= NUM_SYMBOLS and (i - NUM_SYMBOLS + 52) % 12 in classes for i in range(p.shape[-1])])
    expected = torch.zeros((), dtype=torch.float64)
    sides = set()
    for time in range(len(PHRASE)):
        real = int(batch.targets[0, time, PITCH])
        sides.add(bool(inside[real]))
        expected = expected - p[time, inside == inside[real]].sum().log()
    assert sides == {True, False}, "the phrase has notes in and out of its set"
    sums = weighing().part_sums(logits, batch)
    torch.testing.assert_close(sums[PARTS.index("pentatonic")], expected)


def test_the_pentatonic_term_pulls_towards_the_side_of_the_real_note() -> None:
    """Fails: training on a pentatonic tune makes its scale less likely."""
    batch = collate([item(PHRASE, NOI)])
    logits = random_logits(batch)
    loss = weighing()
    before = loss.part_sums(logits, batch)[PARTS.index("pentatonic")]
    (gradient,) = torch.autograd.grad(before, logits.fields[PITCH])
    same_side = loss.in_set[NOI.root] == loss.in_set[NOI.root][batch.targets[0, :, PITCH]][:, None]
    notes = len(PHRASE)
    assert (gradient[0, :notes][same_side[:notes]] < 0).all(), "every pitch of the real side becomes likelier"
    assert (gradient[0, :notes][~same_side[:notes]] > 0).all()
    assert (gradient[0, notes:] == 0).all(), "the end of the tune has no pitch"
    stepped = list(logits.fields)
    stepped[PITCH] = logits.fields[PITCH] - 0.1 * gradient
    after = loss.part_sums(logits._replace(fields=tuple(stepped)), batch)[PARTS.index("pentatonic")]
    assert after < before


# --- what nobody knows


@pytest.mark.parametrize(
    ("missing", "table"),
    [("velocity", 5), ("technique", 2), ("duration", 4)],
)
def test_a_field_that_nobody_wrote_down_weighs_nothing(missing: str, table: int) -> None:
    """Fails: the model learns to invent how hard folk tunes are struck."""
    batch = collate([item(PHRASE)])
    ids = batch.ids.clone()
    ids[:, 1:-1, table] = UNKNOWN_ID
    batch = replace(batch, ids=ids)
    logits = random_logits(batch)
    out = weighing()(logits, batch)
    out.total.backward()
    assert out.parts[PARTS.index(missing)] == 0
    assert (logits.fields[table].grad == 0).all()
    assert (logits.fields[PITCH].grad[0, : len(PHRASE)] != 0).any()


def test_a_lai_that_was_shown_is_not_asked_for() -> None:
    """Fails: the mode head copies its input and its accuracy means nothing."""
    batch = collate([item(PHRASE, NOI, hide_lai=False)])
    logits = random_logits(batch)
    weighing()(logits, batch).total.backward()
    assert batch.conditions[0, 0] != 0
    assert (logits.lai.grad == 0).all()


def test_a_tune_in_no_set_has_no_pentatonic_term() -> None:
    """Fails: chromatic tunes are bent into a scale that is not theirs."""
    batch = collate([item(PHRASE)])
    out = weighing()(random_logits(batch), batch)
    assert out.terms[TERM["pentatonic"]] == 0
    assert out.terms[TERM["mode"]] == 0


def test_padding_weighs_nothing() -> None:
    """Fails: short tunes train the model to play padding."""
    short, long = item(PHRASE, NOI), item(melodies(1, num_notes=30)[0])
    batch = collate([short, long])
    logits = random_logits(batch)
    weighing()(logits, batch).total.backward()
    beyond = len(PHRASE) + 1
    for table in (*logits.fields, logits.lai, logits.quarter):
        assert (table.grad[0, beyond:] == 0).all()
        assert not table.grad.isnan().any()


@pytest.mark.parametrize(
    ("kind", "masked", "tables"),
    [(Inferred.ONSET, ("step", "quarter"), (STEP, -1)), (Inferred.DURATION, ("duration",), (DURATION,))],
)
def test_what_is_inferred_weighs_nothing(kind: Inferred, masked: tuple[str, ...], tables: tuple[int, ...]) -> None:
    """Fails: a rhythm or a length that we made up is learned as if a player had written it."""
    known, inferred = item(PHRASE), item(replace(PHRASE, inferred=frozenset({kind})))
    batch = collate([known, inferred])
    logits = random_logits(batch)
    out = weighing()(logits, batch)
    out.total.backward()
    for place in range(-1, NUM_FIELDS):
        gradient = (logits.quarter if place < 0 else logits.fields[place]).grad
        assert (gradient[0] != 0).any()
        assert (gradient[1] == 0).all() == (place in tables)
    alone = weighing()(random_logits_of(logits, 0), collate([known]))
    for part in masked:
        torch.testing.assert_close(out.parts[PARTS.index(part)], alone.parts[PARTS.index(part)])


def random_logits_of(logits: PhinLogits, tune: int) -> PhinLogits:
    """The logits of one tune of a batch."""
    one = slice(tune, tune + 1)
    return PhinLogits(tuple(table[one] for table in logits.fields), logits.lai[one], logits.quarter[one])


def test_a_pitch_of_unknown_octave_is_worth_its_class_summed_pitch_by_pitch() -> None:
    """Fails: octaves that the page did not say are learned, or the octaves of other tunes are not."""
    tunes = [PHRASE, replace(PHRASE, inferred=frozenset({Inferred.OCTAVE})), melodies(1, num_notes=30)[0]]
    batch = collate([item(tune) for tune in tunes])
    logits = never_drawn(random_logits(batch))
    nll = field_nll(logits, batch)[..., PITCH]
    for b, tune in enumerate(tunes):
        for t in range(batch.targets.shape[1]):
            if t >= len(tune):
                assert nll[b, t] == 0
                continue
            p = [math.exp(value) for value in log_softmax(logits.fields[PITCH][b, t])]
            real, pitches = int(tune.pitch[t]), range(52, 89)
            chosen = [pitch for pitch in pitches if pitch == real or (b == 1 and pitch % 12 == real % 12)]
            assert len(chosen) in ((1,) if b != 1 else (3, 4))
            expected = -math.log(sum(p[NUM_SYMBOLS + pitch - 52] for pitch in chosen))
            assert float(nll[b, t].detach()) == pytest.approx(expected, rel=1e-12)
    (gradient,) = torch.autograd.grad(nll.sum(), logits.fields[PITCH])
    assert not gradient.isnan().any()


def test_an_octave_that_nobody_wrote_pulls_no_octave_before_another() -> None:
    """Fails: the model is taught the octaves that we made up."""
    batch = collate([item(replace(PHRASE, inferred=frozenset({Inferred.OCTAVE})))])
    logits = random_logits(batch)
    same = [table.detach().clone() for table in logits.fields]
    same[PITCH] = torch.zeros_like(same[PITCH]).requires_grad_()
    field_nll(logits._replace(fields=tuple(same)), batch)[..., PITCH].sum().backward()
    for t, pitch in enumerate(PHRASE.pitch.tolist()):
        octaves = [NUM_SYMBOLS + other - 52 for other in range(52, 89) if other % 12 == pitch % 12]
        pulls = same[PITCH].grad[0, t, octaves]
        assert (pulls < 0).all()
        torch.testing.assert_close(pulls, pulls[:1].expand_as(pulls))
    assert (same[PITCH].grad[0, len(PHRASE) :] == 0).all()


# --- where technique labels come from

WEIGHTS = {"written": 2.0, "rule": 0.5, "detected": 0.25}


def of_sources() -> tuple[PhinBatch, list[float]]:
    """A tune of each source, one of which nobody has said, and one without techniques; and their weights."""
    sources = [LabelSource.WRITTEN, LabelSource.RULE, LabelSource.DETECTED, None]
    tunes = [replace(PHRASE, techniques_from=source) for source in sources]
    return collate([*map(item, tunes), item(melodies(2)[1])]), [2.0, 0.5, 0.25, 2.0, 2.0]


@pytest.mark.parametrize("name", ["technique", "velocity"])
def test_technique_labels_weigh_what_their_source_does(name: str) -> None:
    """Fails: what a rule made up, or a program thought it heard, is learned like what a player wrote down."""
    batch, weights = of_sources()
    logits = never_drawn(random_logits(batch))
    field = [field.name for field in FIELDS].index(name)
    worth = count = 0.0
    for b, weight in enumerate(weights):
        for t in range(batch.targets.shape[1]):
            if (target := int(batch.targets[b, t, field])) >= NUM_SYMBOLS:
                worth -= weight * log_softmax(logits.fields[field][b, t])[target]
                count += weight
    parts = weighing(technique_weights=WEIGHTS)(logits, batch).parts.detach()
    assert float(parts[PARTS.index(name)]) == pytest.approx(worth / count, rel=1e-12)
    even = weighing(technique_weights=dict.fromkeys(WEIGHTS, 1.0))(logits, batch).parts
    for part in PARTS:
        assert bool(parts[PARTS.index(part)] == even[PARTS.index(part)]) == (part not in ("technique", "velocity"))


def test_labels_of_one_source_alone_are_a_plain_mean_however_little_they_weigh() -> None:
    """Fails: a step with one detected note divides its loss by one instead of by a quarter."""
    rows = PHRASE.rows.copy()
    rows[1:, 4] = UNKNOWN
    batch = collate([item(replace(PHRASE, rows=rows, techniques_from=LabelSource.DETECTED))])
    logits = never_drawn(random_logits(batch))
    light, even = (
        weighing(technique_weights=weights)(logits, batch) for weights in (WEIGHTS, dict.fromkeys(WEIGHTS, 1.0))
    )
    torch.testing.assert_close(light.total, even.total)


def test_a_source_of_weight_zero_is_not_learned_from() -> None:
    """Fails: whoever turns detected labels off still trains on them, or gets no number at all."""
    batch = collate([item(replace(PHRASE, techniques_from=LabelSource.DETECTED))])
    logits = random_logits(batch)
    out = weighing(technique_weights={**WEIGHTS, "detected": 0.0})(logits, batch)
    out.total.backward()
    assert out.terms[TERM["technique"]] == 0
    assert all((logits.fields[field].grad == 0).all() for field in (TECHNIQUE, VELOCITY))


# --- learned weights


@pytest.mark.parametrize("unsure", [frozenset(), frozenset(Inferred)], ids=["written", "inferred"])
def test_the_learned_total_is_the_sum_of_exp_minus_s_l_plus_half_s(unsure: frozenset[Inferred]) -> None:
    """Fails: the five weights are not those of Kendall, Gal and Cipolla, and the log's exp(-s) misleads.

    Tunes of unknown rhythm have no labels of step, and a batch's share of the sum of s must not be counted by those.
    """
    batch = a_batch()
    if unsure:
        batch = collate([item(PHRASE, NOI), item(replace(PHRASE, inferred=unsure), NOI), item(melodies(2)[1])])
    loss = weighing(Weighing.LEARNED)
    s = [0.5, -1.0, 0.0, 1.5, -0.25]
    with torch.no_grad():
        loss.log_variances.copy_(torch.tensor(s))
    out = loss(never_drawn(random_logits(batch)), batch)
    expected = sum(math.exp(-s[i]) * out.terms[i] + s[i] / 2 for i in range(len(TERMS)))
    torch.testing.assert_close(out.total, expected)
    torch.testing.assert_close(loss.weights, torch.tensor([math.exp(-value) for value in s], dtype=torch.float64))


def test_a_learned_weight_rests_where_it_is_half_the_inverse_of_its_term() -> None:
    """Fails: weights have no resting place, and one of them runs away with the training."""
    batch = a_batch()
    logits = never_drawn(random_logits(batch))
    loss = weighing(Weighing.LEARNED)
    with torch.no_grad():
        loss.log_variances.copy_(torch.log(2 * loss(logits, batch).terms))
    (gradient,) = torch.autograd.grad(loss(logits, batch).total, loss.log_variances)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), rtol=0, atol=1e-12)


def test_learned_weights_are_brought_back_within_their_bounds() -> None:
    """Fails: a term that is easy to learn gets a weight without end, and the others stop counting."""
    loss = weighing(Weighing.LEARNED)
    smallest, largest = loss.config.smallest_log_variance, loss.config.largest_log_variance
    with torch.no_grad():
        loss.log_variances.copy_(torch.tensor([50.0, -50.0, 0.0, largest, smallest]))
    loss.after_step(torch.zeros(len(TERMS), dtype=torch.float64))
    assert loss.log_variances.tolist() == pytest.approx([largest, smallest, 0.0, largest, smallest])
    assert loss.weights.tolist() == pytest.approx([math.exp(-s) for s in (largest, smallest, 0.0, largest, smallest)])


def test_a_weight_at_its_bound_can_come_back() -> None:
    """Fails: once at its bound a weight stays there, for nothing pulls at it any more."""
    batch = a_batch()
    loss = weighing(Weighing.LEARNED)
    with torch.no_grad():
        loss.log_variances.fill_(loss.config.smallest_log_variance)
    loss(never_drawn(random_logits(batch)), batch).total.backward()
    assert (loss.log_variances.grad < 0).all(), "terms this large ask for smaller weights"


def test_a_term_without_labels_leaves_its_weight_alone() -> None:
    """Fails: the weight of technique drifts on a corpus where nobody wrote a technique down."""
    bare = melodies(3)[2]
    batch = collate([item(bare), item(bare)])
    loss = weighing(Weighing.LEARNED)
    out = loss(never_drawn(random_logits(batch)), batch)
    out.total.backward()
    present = {"note": True, "rhythm": True, "technique": False, "mode": False, "pentatonic": False}
    assert (loss.log_variances.grad != 0).tolist() == list(present.values())
    torch.testing.assert_close(out.total, out.terms[:2].sum())


def inverse_by_hand(means: dict[int, float], temperature: float) -> list[float]:
    """The weights of `weighing: inverse`, from the running means of the terms that have had labels."""
    raised = {place: math.exp(1 / (temperature * mean)) for place, mean in means.items()}
    return [len(means) * raised.get(place, 0.0) / sum(raised.values()) for place in range(len(TERMS))]


def test_inverse_weights_are_the_softmax_of_what_the_steps_before_came_to() -> None:
    """Fails: the arm that weighs by inverse losses weighs by something else, or one batch by its own losses."""
    loss = weighing(Weighing.INVERSE, temperature=2.0)
    assert loss.weights.tolist() == [1.0] * len(TERMS), "nothing is known before the first step"
    loss.after_step(torch.tensor([2.0, 1.0, 0.0, 1.5, 0.5], dtype=torch.float64))
    means = {0: 2.0, 1: 1.0, 3: 1.5, 4: 0.5}
    assert loss.weights.tolist() == pytest.approx(inverse_by_hand(means, 2.0))
    assert loss.weights.sum() == pytest.approx(4)
    loss.after_step(torch.tensor([1.0, 1.0, 3.0, 0.0, 0.5], dtype=torch.float64))
    means = {0: 0.9 * 2.0 + 0.1 * 1.0, 1: 1.0, 2: 3.0, 3: 1.5, 4: 0.5}
    assert loss.weights.tolist() == pytest.approx(inverse_by_hand(means, 2.0)), "a step without labels changes no mean"
    batch = a_batch()
    out = loss(never_drawn(random_logits(batch)), batch)
    torch.testing.assert_close(out.total, (loss.weights * out.terms).sum())
    assert "running_terms" in loss.state_dict(), "a run that goes on weighs as it did"
    alike = weighing(Weighing.INVERSE, temperature=1e6)
    alike.after_step(torch.tensor([2.0, 1.0, 1.0, 1.5, 0.5], dtype=torch.float64))
    assert alike.weights.tolist() == pytest.approx([1.0] * len(TERMS), abs=1e-5)


@pytest.mark.parametrize("kind", list(Weighing))
@pytest.mark.parametrize("mixed", [False, True], ids=["folk", "of mixed sources"])
def test_four_batches_of_two_are_one_batch_of_eight(kind: Weighing, mixed: bool) -> None:
    """Fails: accumulating gradients, to train on a small machine, trains another model."""
    settings = {"weights": FIXED} if kind is Weighing.FIXED else {}
    found = [NOI, LaiLabel(), LaiLabel(2, None), LaiLabel(0, Family.SAN)]
    folk = melodies(7)
    items = [item(PHRASE, NOI), *(item(tune, found[place % 4]) for place, tune in enumerate(folk))]
    if mixed:
        facts = [(Inferred.ONSET, LabelSource.RULE), (Inferred.OCTAVE, LabelSource.DETECTED), (Inferred.DURATION, None)]
        unsure = [replace(PHRASE, inferred=frozenset({kind}), techniques_from=source) for kind, source in facts]
        items = [items[0], item(unsure[0]), item(unsure[0]), *map(item, unsure), *items[1:3]]
    groups = [collate(items[start : start + 2]) for start in range(0, 8, 2)]
    results = []
    for batches in ([collate(items)], groups):
        counts = sum(label_counts(batch) for batch in batches).double()
        model, loss = tiny_model(), weighing(kind, **settings)
        outputs = [loss(model(batch)[0], replace(batch, step_counts=counts)) for batch in batches]
        total = sum(out.total for out in outputs)
        total.backward()
        terms = sum(out.terms for out in outputs)
        gradients = [weight.grad for weight in (*model.parameters(), *loss.parameters()) if weight.grad is not None]
        results.append([total, terms, *gradients])
    assert len(results[0]) == len(results[1]) > 50
    for whole, pieces in zip(*results, strict=True):
        torch.testing.assert_close(pieces, whole, rtol=0, atol=1e-10)


# --- settings


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"weighing": Weighing.FIXED}, "loss.weights"),
        ({"weighing": Weighing.FIXED, "weights": {"note": 1.0}}, "loss.weights"),
        ({"weighing": Weighing.LEARNED, "weights": FIXED}, "loss.weights"),
        ({"weighing": Weighing.FIXED, "weights": FIXED | {"mode": -1.0}}, r"loss\.weights\.mode=-1: is no weight"),
        (
            {"weighing": Weighing.UNIFORM, "smallest_log_variance": -1.0},
            r"loss\.smallest_log_variance=-1: means nothing",
        ),
        ({"weighing": Weighing.UNIFORM, "largest_log_variance": 3.0}, r"loss\.largest_log_variance=3: means nothing"),
        (
            {"weighing": Weighing.FIXED, "weights": FIXED, "largest_log_variance": 3.0},
            "means nothing with weighing=fixed",
        ),
        ({"temperature": 2.0}, r"loss\.temperature=2: means nothing with weighing=learned"),
        ({"weighing": Weighing.INVERSE, "temperature": 0.0}, r"loss\.temperature=0: is no temperature"),
        ({"weighing": Weighing.INVERSE, "temperature": math.inf}, r"loss\.temperature=inf: is no temperature"),
        ({"smallest_log_variance": 1.0}, "bounds of log-variances"),
        ({"largest_log_variance": -1.0}, "bounds of log-variances"),
        ({"technique_weights": WEIGHTS | {"heard": 1.0}}, "must name each of written, rule, detected"),
        ({"technique_weights": {"written": 1.0}}, "must name each of written, rule, detected"),
        ({"technique_weights": WEIGHTS | {"rule": -0.5}}, r"loss\.technique_weights\.rule=-0\.5: is no weight"),
        ({"technique_weights": WEIGHTS | {"rule": math.nan}}, r"loss\.technique_weights\.rule=nan: is no weight"),
    ],
)
def test_weights_that_contradict_the_weighing_are_refused(settings: dict[str, object], named: str) -> None:
    """Fails: a person sets weights by hand, and they are silently ignored."""
    with pytest.raises(InvalidConfig, match=named):
        LossConfig(**settings)
