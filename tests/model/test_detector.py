"""The technique detector: padding says nothing, probabilities add up, and the shipped one knows what it was taught."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from phin.errors import InvalidCheckpoint, InvalidConfig
from phin.model.annotation import annotate, reason
from phin.model.detector import (
    KEY,
    OF_THE_WHEEL,
    SHIPPED,
    Detector,
    DetectorBatch,
    DetectorConfig,
    answers,
    detect,
    detector_loss,
    load,
    save,
)
from phin.music.composer import compose
from phin.music.gesture import hear
from phin.music.labelled import LabelledReading, Told, read_performed
from phin.music.midi import MidiReading
from phin.music.perform import PerformanceStyle
from phin.music.phrase import UNKNOWN, Phrase, rows_from_columns
from phin.music.technique import Technique

SHA256 = "8c9f2d4d65e5ca6815faa394ddb50e962e69b5e8f01e2944ec24fa63243674da"
"""Of the shipped weights: those of seed 0 of experiments/technique_detector."""


def tiny() -> Detector:
    """A double-precision detector of random weights."""
    torch.manual_seed(0)
    return Detector(DetectorConfig(width=8, hidden=6)).double().eval()


def performed(seed: int, told: Told | None = None) -> LabelledReading:
    rng = np.random.default_rng(seed)
    return read_performed(compose(rng), PerformanceStyle.random(rng), rng, told or Told())


def a_trill() -> MidiReading:
    """Four plain notes and a trill of nine strokes; of two of the five nobody can tell how they are played."""
    onset, technique = np.arange(5) * 24, np.array([Technique.PLAIN] * 4 + [Technique.TRILL])
    rows = rows_from_columns(onset, onset * 0 + 24, np.array([69, 72, 74, 72, 69]), 80, technique)
    return read_performed(Phrase(rows, tempo=600_000), PerformanceStyle(), np.random.default_rng(0)).reading


def batch_of(*seeds: int) -> DetectorBatch:
    batch = DetectorBatch.of([hear(performed(seed).reading) for seed in seeds])
    return batch._replace(features=batch.features.double())


def test_padding_is_inert_and_a_batch_equals_singles() -> None:
    """Fails: what is said of a tune depends on which other tune is asked about beside it."""
    detector, batch = tiny(), batch_of(1, 2, 3)
    assert len(set(batch.length.tolist())) == 3
    logits = detector(batch)
    noisy = batch.features.clone()
    for place, length in enumerate(batch.length.tolist()):
        noisy[place, length:] = 9.0
    assert not torch.equal(noisy, batch.features)
    other = detector(batch._replace(features=noisy))
    for place, length in enumerate(batch.length.tolist()):
        cut = DetectorBatch(*(each[place : place + 1, :length] for each in batch[:2]), batch.length[place : place + 1])
        alone = detector(cut)
        for one, two in ((logits, alone), (logits, other)):
            at = 0 if two is alone else place
            torch.testing.assert_close(
                one.technique[place, :length], two.technique[at, :length], atol=1e-12, rtol=0, equal_nan=False
            )
            torch.testing.assert_close(one.begins[place, :length], two.begins[at, :length], atol=1e-12, rtol=0)


def test_each_answer_hears_strokes_on_both_sides() -> None:
    """Fails: a flick is known only when it is over, or its last note knows nothing of the first."""
    detector, batch = tiny(), batch_of(4)
    features = batch.features.clone().requires_grad_()
    logits = detector(batch._replace(features=features))
    logits.technique[0, 50, : Technique.SLIDE].sum().backward()
    assert features.grad is not None
    assert features.grad[0, 48].abs().sum() > 0
    assert features.grad[0, 52].abs().sum() > 0


def test_the_loss_is_that_of_strokes_whose_technique_is_known() -> None:
    """Fails: padding, or a bend that the file does not tell, is learned from."""
    detector, batch = tiny(), batch_of(5)
    logits = detector(batch)
    size = batch.features.shape[1]
    technique = torch.full((1, size), int(UNKNOWN))
    technique[0, :2] = torch.tensor([int(Technique.PLAIN), int(Technique.MUTE)])
    begins = torch.ones(1, size, dtype=torch.bool)
    share = logits.technique[0].log_softmax(dim=-1)
    by_hand = -(share[0, Technique.PLAIN] + share[1, Technique.MUTE]) / 2
    by_hand = by_hand - logits.begins[0, :2].sigmoid().log().mean()
    torch.testing.assert_close(detector_loss(logits, technique, begins), by_hand)


def test_probabilities_add_up_and_unknown_is_below_the_threshold() -> None:
    """Fails: a guess is given as an answer, or a sure answer is held back."""
    found = detect(performed(6).reading, load())
    assert found.probability.sum(axis=1) == pytest.approx(1)
    sure = found.probability.max(axis=1)
    assert 0.5 < found.threshold < 1
    assert ((found.technique == UNKNOWN) == (sure < found.threshold)).all()
    assert (found.technique == UNKNOWN).any()
    assert (found.technique[sure >= found.threshold] == found.probability.argmax(axis=1)[sure >= found.threshold]).all()
    assert answers(np.array([[0.6, 0.4], [0.5, 0.5]]), 0.55).tolist() == [0, UNKNOWN]


def test_the_temperature_divides_the_logits() -> None:
    """Fails: the calibration is stored and never used."""
    detector, batch = tiny(), batch_of(7)
    logits = detector(batch)
    detector.temperature.fill_(2.0)
    torch.testing.assert_close(detector.probability(logits), (logits.technique / 2).softmax(dim=-1))


@pytest.mark.parametrize("make", [tiny, load], ids=["random weights", "shipped"])
def test_without_bends_nothing_is_called_a_bend(make: object) -> None:
    """Fails: a file whose wheel never moves is said to be full of bends."""
    detector = load() if make is load else tiny().float()
    reading = performed(8, Told(bends=False)).reading
    found = detect(reading, detector)
    assert not found.probability[:, OF_THE_WHEEL].any()
    assert not set(found.technique.tolist()) & set(OF_THE_WHEEL)


def test_one_bent_note_makes_no_other_a_bend() -> None:
    """Fails: one pitch bend anywhere makes every note 'bend' (the ancestor's rule)."""
    onset = np.arange(32) * 12
    technique = np.zeros(32, dtype=np.int64)
    technique[16] = Technique.BEND
    pitch = np.array([69, 72, 74, 76] * 8)
    phrase = Phrase(rows_from_columns(onset, onset * 0 + 12, pitch, 80, technique), tempo=500_000)
    labelled = read_performed(phrase, PerformanceStyle(), np.random.default_rng(0))
    found = detect(labelled.reading, load())
    assert np.flatnonzero(found.probability.argmax(axis=1) == Technique.BEND).tolist() == [16]


def macro_f1(said: np.ndarray, truth: np.ndarray) -> float:
    scores = []
    for technique in np.unique(truth):
        called, played = said == technique, truth == technique
        scores.append(2 * (called & played).sum() / (called.sum() + played.sum()))
    return float(np.mean(scores))


def test_the_shipped_detector_beats_the_majority_on_performances_nobody_has_heard() -> None:
    """Fails: the weights in the package are not those of the study, or hear other features."""
    detector = load()
    fresh = [performed(20_261_124 + number) for number in range(6)]
    truth = np.concatenate([each.technique for each in fresh])
    found = [detect(each.reading, detector) for each in fresh]
    likeliest = np.concatenate([each.probability.argmax(axis=1) for each in found])
    majority = np.full(len(truth), Technique.PLAIN)
    assert (likeliest == truth).mean() > 0.9 > (majority == truth).mean() + 0.3
    assert macro_f1(likeliest, truth) > 0.75 > macro_f1(majority, truth) + 0.5
    begins = np.concatenate([each.begins for each in found])
    assert (begins == np.concatenate([each.begins for each in fresh])).mean() > 0.97


def test_a_note_of_which_nobody_can_tell_has_no_technique_in_the_phrase_either() -> None:
    """Fails: what was only guessed is written into the MIDI file, and learned from or played as if it were known."""
    reading, wary = a_trill(), load()
    least, next_least, *_ = sorted({note.probability for note in annotate(reading, wary).notes})
    wary.threshold.fill_((least + next_least) / 2)
    annotation = annotate(reading, wary)
    told = [UNKNOWN if note.technique is None else note.technique for note in annotation.notes]
    assert annotation.phrase.technique.tolist() == told
    assert UNKNOWN in told
    assert {note.technique is None for note in annotation.notes if note.probability < float(wary.threshold)} == {True}
    never = load()
    never.threshold.fill_(1.1)
    assert set(annotate(reading, never).phrase.technique.tolist()) == {int(UNKNOWN)}


def test_how_sure_a_note_is_told_is_the_mean_of_all_its_strokes() -> None:
    """Fails: of a trill the first stroke alone decides, which is the one that sounds like any other note."""
    last, strokes = annotate(a_trill(), load()).notes[-1], detect(a_trill(), load()).probability[-9:, Technique.TRILL]
    assert (last.technique, last.num_strokes) == (Technique.TRILL, len(strokes))
    assert last.probability == pytest.approx(strokes.mean(), abs=1e-6)
    assert abs(strokes.mean() - strokes[0]) > 1e-3


def test_a_hammer_on_is_called_softer_only_where_it_is() -> None:
    """Fails: the reason says of the louder note that it is the softer one."""
    rows = rows_from_columns(np.arange(3) * 12, np.array([12, 14, 12]), np.array([69, 72, 69]), np.array([80, 56, 70]))
    heard = hear(MidiReading(Phrase(rows, tempo=600_000)))
    said = [reason(heard, Technique.HAMMER_ON, np.array([row])) for row in range(3)]
    assert said == [
        "no stroke before it on its part",
        "rises 3 semitones from the stroke before and follows it after 0 ms, 24 softer in velocity",
        "falls 3 semitones from the stroke before and overlaps it by 50 ms",
    ]


def test_detecting_twice_says_the_same() -> None:
    """Fails: the same file is annotated differently each time."""
    reading = performed(9).reading
    one, two = detect(reading, load()), detect(reading, load())
    assert np.array_equal(one.probability, two.probability)


def test_an_empty_reading_has_no_answers() -> None:
    """Fails: a file without notes ends in a traceback."""
    nothing = MidiReading(Phrase(rows_from_columns(*[np.empty(0, dtype=np.int64)] * 3)))
    found = detect(nothing, load())
    assert found.probability.shape == (0, len(Technique))
    assert annotate(nothing, load()).notes == []


def test_the_shipped_weights_are_small_and_those_that_were_measured() -> None:
    """Fails: the package has weights whose figures nobody has printed, or a file that is too large for it."""
    data = SHIPPED.read_bytes()
    assert len(data) < 300_000
    assert hashlib.sha256(data).hexdigest() == SHA256
    assert sum(weight.numel() for weight in load().parameters()) < 50_000


def test_saved_and_loaded_is_the_same_detector(tmp_path: Path) -> None:
    """Fails: a detector that was trained says something else when it is used."""
    detector = tiny().float()
    detector.temperature.fill_(1.5)
    detector.threshold.fill_(0.7)
    save(detector, tmp_path / "detector.safetensors")
    loaded, reading = load(tmp_path / "detector.safetensors"), performed(10).reading
    assert loaded.config == detector.config
    assert np.array_equal(detect(reading, loaded).probability, detect(reading, detector).probability)
    assert detect(reading, loaded).threshold == pytest.approx(0.7)


def test_a_file_that_is_no_detector_is_refused_in_one_line(tmp_path: Path) -> None:
    """Fails: a torn or foreign file ends in a traceback, or in nonsense."""
    about = {"format": 1, "config": {}, "features": [], "techniques": []}
    path = tmp_path / "detector.safetensors"
    tensors = load_file(SHIPPED)
    fitting = json.loads(_metadata(SHIPPED))
    narrow = {**fitting, "config": {**fitting["config"], "width": 8}}
    cases = {
        "cannot be read": lambda: path.write_bytes(SHIPPED.read_bytes()[:500]),
        "is no detector": lambda: save_file({"x": torch.zeros(1)}, path),
        "hears other features": lambda: save_file(tensors, path, {KEY: json.dumps({**about})}),
        "has other settings": lambda: save_file(tensors, path, {KEY: json.dumps({**fitting, "config": {}})}),
        "do not fit": lambda: save_file(tensors, path, {KEY: json.dumps(narrow)}),
    }
    with pytest.raises(InvalidCheckpoint, match="cannot be read"):
        load(tmp_path / "nowhere")
    for words, write in cases.items():
        write()
        with pytest.raises(InvalidCheckpoint, match=words) as error:
            load(path)
        assert "\n" not in str(error.value)


def _metadata(path: Path) -> str:
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return header["__metadata__"][KEY]


def test_sizes_that_cannot_be_are_refused() -> None:
    """Fails: a network of no width is built and fails far away."""
    for wrong in ({"width": 0}, {"hidden": 0}, {"dropout": 1.0}):
        with pytest.raises(InvalidConfig):
            DetectorConfig(**wrong)
