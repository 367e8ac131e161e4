"""Splitting: whole families are held out, as many as were asked for, and of their ids nothing needs to be kept."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from phin.corpus.splitting import LEFT_OUT, Splitting, place_of, split_families
from phin.corpus.store import SPLITS


def split_of(id: str, held_out: float = 0.1) -> str:
    """The split of a family of many, by the hash of its first tune's id."""
    place = place_of(id)
    return "test" if place < held_out else "validation" if place < 2 * held_out else "train"


def splits_of(ids: Sequence[str], held_out: float = 0.1) -> list[str]:
    """The split of each family, whose first tunes have these ids."""
    return [SPLITS[code] for code in split_families(np.array([place_of(id) for id in ids]), held_out)]


def plain_splits(
    ids: list[str], is_made: list[bool], family: list[int], listed: Mapping[str, str] | None, held_out: float
) -> list[str | None]:
    """The rule with all ids at hand, in lists and dictionaries: what `Splitting` is held to."""
    if listed is None:
        split = {first for first, made in zip(family, is_made, strict=True) if all(is_made) or not made}
        found = {ids[first]: split_of(ids[first], held_out) for first in sorted(split)}
        for empty in ("test", "validation", "train") if len(found) >= 3 else ():
            if empty not in found.values():
                most = Counter(found.values()).most_common(1)[0][0]
                candidates = sorted((id for id, split in found.items() if split == most), key=place_of)
                found[candidates[-1 if empty == "train" else 0]] = empty
        splits = [found.get(ids[first], "train") if len(found) >= 3 else "train" for first in family]
    else:
        splits = [listed.get(id, "train") for id in ids]
    only_made = all(is_made)
    splits = ["train" if made and not only_made else split for made, split in zip(is_made, splits, strict=True)]
    held = {number for number, split in zip(family, splits, strict=True) if split != "train"}
    return [None if s == "train" and number in held else s for number, s in zip(family, splits, strict=True)]


@pytest.mark.parametrize("has_list", [False, True])
@pytest.mark.parametrize("num_tunes", [1, 3, 5, 30, 200])
def test_splits_are_those_of_the_rule_with_all_ids_at_hand(num_tunes: int, has_list: bool) -> None:
    """Other tunes would be held out than before, and no figure could be compared with an older one.

    Fails: a held-out tune is trained on, or a training tune's kin are measured.
    """
    for draw in range(40):
        rng = np.random.default_rng((draw, num_tunes))
        ids = [f"{draw}/{number}" for number in range(num_tunes)]
        is_made = (rng.random(num_tunes) < rng.choice([0, 0.3, 1])).tolist()
        family = list(range(num_tunes))
        for tune in range(num_tunes):
            kin = int(rng.integers(0, tune + 1))
            if not is_made[tune] and not is_made[kin] and rng.random() < 0.5:
                family[tune] = family[kin]
        held = rng.choice(num_tunes, max(1, num_tunes // 5), replace=False).tolist()
        listed = {ids[tune]: str(rng.choice(SPLITS[1:])) for tune in held} if has_list else None
        held_out = float(rng.choice([0.01, 0.1, 0.4]))
        splitting = Splitting(listed, held_out)
        for id, made in zip(ids, is_made, strict=True):
            splitting.add(id, made)
        found = splitting.splits(np.array(family, dtype=np.int32))
        named = [None if code == LEFT_OUT else SPLITS[code] for code in found.tolist()]
        assert named == plain_splits(ids, is_made, family, listed, held_out)
        assert not splitting.names_none


def test_a_split_follows_from_the_id_alone() -> None:
    """Two people would hold out different tunes, and their figures could not be compared."""
    known = {"lai-yai.mid": "validation", "lai-noi.mid": "train", "essen/altdeu1/6": "test"}
    assert {id: split_of(id) for id in known} == known
    assert {id: split_of(id) for id in reversed(known)} == known


@pytest.mark.parametrize("held_out", [0.02, 0.1, 0.3])
def test_as_many_families_are_held_out_as_were_asked_for(held_out: float) -> None:
    """A small corpus would have nothing to be measured on, or nothing left to learn from."""
    splits = Counter(split_of(f"tune {number}", held_out) for number in range(2000))
    for name in ("validation", "test"):
        assert abs(splits[name] / 2000 - held_out) < 0.04
    assert splits["train"] == 2000 - splits["validation"] - splits["test"]


def test_holding_out_more_keeps_what_was_held_out_for_testing() -> None:
    """A tune of the test split would be trained on by whoever asks for a larger one."""
    ids = [f"tune {number}" for number in range(500)]
    small = {id for id in ids if split_of(id, 0.1) == "test"}
    assert small < {id for id in ids if split_of(id, 0.2) == "test"}


@pytest.mark.parametrize("count", [3, 4, 5, 8, 12])
def test_of_a_few_families_every_split_gets_one(count: int) -> None:
    """A person's twenty files would train to the end, and then have nothing to be tested on."""
    for draw in range(60):
        ids = [f"{draw}/{number}" for number in range(count)]
        assert set(splits_of(ids)) == {"train", "validation", "test"}
    assert set(splits_of(ids[:2])) == {"train"}


def test_among_many_made_pieces_the_few_others_are_held_out() -> None:
    """Fails: who trains on five tunes of their own and five hundred made ones is measured on nothing at all."""
    splitting = Splitting(None, 0.001)
    for number in range(500):
        splitting.add(f"made/{number}", is_made=True)
    for number in range(5):
        splitting.add(f"mine/{number}", is_made=False)
    splits = splitting.splits(np.arange(505))
    assert Counter(splits[:500].tolist()) == {0: 500}
    assert Counter(splits[500:].tolist()) == {0: 3, 1: 1, 2: 1}
