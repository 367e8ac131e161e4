"""Wishes: what a person asks for becomes constraints; what is drawn under them can be played; nonsense is refused."""

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
import torch

from phin.errors import PhinError
from phin.generation.play import play
from phin.generation.request import SamplerConfig, TuneRequest
from phin.generation.torch_engine import TorchEngine
from phin.generation.wishes import Wishes, at_pace
from phin.model.transformer import PhinTransformer
from phin.music.fingering import finger
from phin.music.fretboard import Tuning, playable
from phin.music.lai import LAI, lai_named
from phin.music.phrase import Phrase
from phin.tokenizer import NUM_SYMBOLS, PITCH, STEP, VOICE
from tests.tiny import identity_for, tiny_model

MODEL = tiny_model()
IDENTITY = identity_for(MODEL)
ENGINE = TorchEngine(MODEL, IDENTITY)


def steady_model() -> PhinTransformer:
    """A model that plays eighths on four pitches, so that motifs come again."""
    model = tiny_model()
    with torch.no_grad():
        model.heads.out[STEP].bias[NUM_SYMBOLS + 12] = 90.0
        model.heads.out[VOICE].bias[NUM_SYMBOLS] = 90.0
        model.heads.out[PITCH].bias[[12, 14, 17, 19]] = 90.0
    return model


STEADY = steady_model()


def drawn(
    wishes: Wishes, request: TuneRequest, count: int = 3, seed: int = 0, model: PhinTransformer = MODEL
) -> list[Phrase]:
    """Tunes before anything is mended: what the constraints made of them."""
    kept_to = wishes.constraints(request)
    played = play(TorchEngine(model, IDENTITY), request, count, seed, SamplerConfig(2.0), constraints=kept_to)
    return [each.phrase for each in played]


def tunes(wishes: Wishes, request: TuneRequest, count: int = 3) -> list[Phrase]:
    return [wishes.finished(each, request)[0] for each in drawn(wishes, request, count)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("lai", True), ("tonic", True), ("melody", True), ("tuning", "E-A-E"), ("drone", True)],
        *[("most_notes", 2.0), ("motif", 90.0), ("pitch", 30.0)],
    ],
)
def test_every_wish_changes_the_notes(name: str, value: object) -> None:
    """Fails: a wish is accepted and ignored, or left to what mends the tune afterwards."""
    request = TuneRequest(lines=4, lai="yai")
    model = STEADY if name == "motif" else MODEL
    assert drawn(Wishes(**{name: value}), request, model=model) != drawn(Wishes(), request, model=model)


def test_every_wish_is_tried_above() -> None:
    """Fails: a wish is added, and nobody asks whether it does anything."""
    tried = {"lai", "tonic", "melody", "tuning", "drone", "most_notes", "motif", "pitch", "hand"}
    assert {field.name for field in fields(Wishes)} == tried


def test_a_hand_that_stays_changes_the_notes() -> None:
    """Fails: as above."""
    request = TuneRequest(lines=4)
    assert drawn(Wishes(tuning="E-A-E", hand=2), request) != drawn(Wishes(tuning="E-A-E"), request)


@pytest.mark.parametrize(
    ("wishes", "lai", "reason"),
    [
        (Wishes(tonic=True, tuning="E-A-E", hand=14), "po sai", "the tonic of lai po sai does not lie under it"),
        (Wishes(lai=True, tuning="E-A-E", hand=15), "noi", "of lai noi 1 of five notes lie under it"),
    ],
)
def test_a_hand_that_cannot_play_the_lai_is_refused_by_name(wishes: Wishes, lai: str, reason: str) -> None:
    """Fails: a tune on one note; or it is said to take another seed, where none helps."""
    with pytest.raises(PhinError, match=rf"keep\.hand=\d+: {reason}\. Take another fret"):
        wishes.constraints(TuneRequest(lai=lai))


def test_a_hand_that_stays_stays_on_paper_too() -> None:
    """Fails: the pitches lie under the hand that was asked for, and the tablature has another hand play them."""
    request = TuneRequest(lines=2)
    for tune in tunes(Wishes(tuning="E-A-E", hand=9), request):
        assert set(finger(tune, Tuning.parse("E-A-E")).hand.tolist()) == {9}


@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_wished_together_is_kept_and_can_be_played(seed: int) -> None:
    """Fails: two wishes at once, and the tune cannot be fingered, is too long, or in another lai."""
    rng = np.random.default_rng(seed)
    lai = LAI[int(rng.integers(len(LAI)))]
    over_drone = bool(rng.integers(2))
    name = {"po sai": "G-C-G", "sutsanaen": "D-G-D"}.get(lai.name, str(rng.choice(["E-A-E", "A-D-A", "E-B-E"])))
    pace = [None, 1.5, 4.0, 8.0][int(rng.integers(4))]
    wishes = Wishes(
        lai=bool(rng.integers(2)),
        tonic=bool(rng.integers(2)),
        melody=bool(rng.integers(2)),
        tuning=name,
        drone=False,
        most_notes=pace,
        motif=float(rng.choice([0.0, 2.0])),
        pitch=float(rng.choice([0.0, 2.0])),
    )
    request = TuneRequest(lines=int(rng.integers(1, 5)), metre=str(rng.choice(["2/4", "3/4", "6/8"])), lai=lai.name)
    if over_drone:
        try:
            wishes = Wishes(**{**vars(wishes), "drone": True})
            wishes.constraints(request)
        except PhinError:
            wishes = Wishes(**{**vars(wishes), "drone": False})
    tuning = Tuning.parse(name)
    for made in drawn(wishes, request, seed=seed):
        assert set(made.pitch.tolist()) <= set(playable(tuning))
        tune, changes = wishes.finished(made, request)
        assert all("stops where" in change for change in changes), "nothing is moved, dropped or replaced"
        finger(tune, tuning)
        melody = tune.melody
        assert melody.rows[:, [0, 2]].tolist() == made.melody.rows[:, [0, 2]].tolist(), "onsets and pitches"
        assert max(melody.onset) == request.last_stroke
        if wishes.lai:
            assert set((melody.pitch % 12).tolist()) <= lai.pitch_classes
        if wishes.tonic:
            assert melody.pitch[-1] % 12 == lai.tonic
        if wishes.melody and not wishes.drone:
            assert tune.is_melody.all()
        if wishes.drone:
            assert not tune.is_melody.all()
            assert tune.drone
        if wishes.most_notes:
            gaps = [after - before for before, after in pairwise(np.unique(tune.onset).tolist())]
            assert all(wishes.most_notes >= 24 / gap / (tune.tempo / 1e6) - 1e-9 for gap in gaps)


def test_a_drone_is_struck_under_the_tune_on_an_open_string() -> None:
    """Fails: a tune over a drone has none."""
    request = TuneRequest(lines=2, lai="yai")
    for tune in tunes(Wishes(drone=True, lai=True), request):
        held = set(tune.pitch[~tune.is_melody].tolist())
        assert held == {57}, "the open A of E-A-E, the tonic of lai yai"
        assert tune.tuning == "E-A-E"


def test_a_drone_moved_to_a_pace_leaves_the_melody_its_own_notes() -> None:
    """Fails: a stroke of the drone falls onto the melody's own note of its pitch: the page breaks off, or loses it."""
    columns = [(0, 12, 69), (22, 2, 57), (24, 24, 71), (50, 20, 57), (72, 24, 69)]
    melody = [(onset, duration, pitch, -1, -1, 0) for onset, duration, pitch in columns]
    drone = [(onset, stop - onset, 57, 58, 1, 1) for onset, stop in ((0, 22), (24, 46), (46, 50), (76, 96))]
    rows = np.array(sorted(melody + drone), np.int64)
    made = at_pace(Phrase(rows[np.lexsort((rows[:, 2], rows[:, 0]))], drone=(57,)), 6)
    assert made.melody.rows[:, [0, 2]].tolist() == [[onset, pitch] for onset, _, pitch in columns]
    struck = made.rows[~made.is_melody]
    assert struck[:, 0].tolist() == [0, 24, 72], "with the melody's strokes, and none on its own note at 50"
    assert (struck[:, 0] + struck[:, 1]).tolist() == [22, 50, 96], "its string is struck again"


@pytest.mark.parametrize("pace", [0.7, 1.5, 3.0])
def test_a_drone_keeps_the_pace_of_the_tune_over_it(pace: float) -> None:
    """Fails: a beginner who asks for one stroke a second gets two, for the drone has its own; or gets no drone."""
    request = TuneRequest(lines=4, lai="yai")
    for tune in tunes(Wishes(drone=True, most_notes=pace), request):
        strokes, drone = np.unique(tune.onset), ~tune.is_melody
        assert (np.diff(strokes) / 24 * tune.tempo / 1e6 >= 1 / pace - 1e-6).all()
        assert drone.any()
        assert (tune.end[drone][:-1] == tune.onset[drone][1:]).all(), "it rings until it is struck again"
        assert np.diff(tune.onset[drone]).max() <= max(np.diff(np.unique(tune.melody.onset)).max(), 24) + 24


@pytest.mark.parametrize(
    ("wishes", "lai", "said"),
    [
        ({"lai": True}, None, "keep.lai=true: means nothing without a lai. Say which, as lai=yai."),
        ({"tonic": True}, "none", "keep.tonic=true: means nothing without a lai."),
        ({"drone": True, "tuning": "E-A-E"}, "po sai", "keep.drone=true: no open string of E-A-E has the tonic"),
        ({"lai": True, "tuning": "C#-G#"}, "yai", "keep.tuning=C#-G#: lai yai has"),
    ],
)
def test_wishes_that_no_tune_can_keep_are_refused_in_one_line(
    wishes: dict[str, object], lai: str | None, said: str
) -> None:
    """Fails: nonsense is forced, or ends in a traceback."""
    with pytest.raises(PhinError) as refused:
        Wishes(**wishes).constraints(TuneRequest(lai=lai))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"hand": 3}, "keep.hand=3: means nothing without a tuning"),
        ({"tuning": "E-A-E", "hand": 99}, "keep.hand=99: there is no such fret"),
        ({"tuning": "H-H"}, "keep.tuning=H-H: "),
        ({"most_notes": 0.0}, "keep.most_notes=0.0: is no pace"),
        ({"motif": -1.0}, "keep.motif=-1.0: is no cost"),
        ({"pitch": float("nan")}, "keep.pitch=nan: is no cost"),
    ],
)
def test_wishes_that_mean_nothing_are_refused(wishes: dict[str, object], said: str) -> None:
    """Fails: a wish is typed and nothing comes of it."""
    with pytest.raises(PhinError) as refused:
        Wishes(**wishes)
    assert said in str(refused.value)


def test_the_lai_of_a_tune_that_was_bound_to_it_is_the_one_asked_for() -> None:
    """Fails: a tune that keeps to a lai and comes home is called by another."""
    request = TuneRequest(lines=4, lai="noi")
    bound = tunes(Wishes(lai=True, tonic=True), request, count=6)
    assert {tune.lai for tune in bound} <= {"noi", "none"}
    assert sum(tune.lai == "noi" for tune in bound) >= 4
    assert lai_named("noi") is not None
