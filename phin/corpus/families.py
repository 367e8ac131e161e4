"""Which tunes are one tune: families, so that no tune stands on both sides of a split.

Two tunes are of one family when they have the same normalised title, or share at least half of their eight-interval
n-grams (of the one that has fewer), intervals taken modulo the octave; the same is asked of the notes that sound on the
beats, so that an ornamented version is found as well. Families are the connected components.
"""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int

from phin.music.phrase import STEPS_PER_QUARTER, Phrase

NGRAM = 8
SHARED = 0.5
COMMON = 100
"""An n-gram in more tunes than this is a commonplace (a scale, a repeated note) and links none."""
FEWEST_NGRAMS = 4
"""A tune with fewer distinct n-grams than this is too short for a share of them to mean anything."""

_VERSION_WORDS = re.compile(
    r"\b(the|a|an|der|die|das|\d+(st|nd|rd|th)|first|second|third|setting|version|variant|part|reel|jig|hornpipe|strathspey"
    r"|air|march|quick ?step|waltz|polka)\b"
)
_THAI_VERSION_WORDS = re.compile(r"(สามชั้น|สองชั้น|ชั้นเดียว|\d*\s*ชั้น|ทาง\S*|เถา|จะเข้|ขิม|ขลุ่ย|ซอ\S*|ฆ้อง\S*|อังกะลุง|ระนาด\S*)")


def families(phrases: Sequence[Phrase]) -> Int[np.ndarray, " tune"]:
    """The family of each tune, numbered by the first tune in it."""
    parent = list(range(len(phrases)))

    def root(tune: int) -> int:
        while parent[tune] != tune:
            parent[tune] = parent[parent[tune]]
            tune = parent[tune]
        return tune

    for one, other in _links(phrases):
        a, b = root(one), root(other)
        parent[max(a, b)] = min(a, b)
    return np.array([root(tune) for tune in range(len(phrases))], dtype=np.int64)


def normalised_title(title: str) -> str:
    """A title without accents, punctuation, articles, numbering, kind of dance, chan, way and instrument."""
    plain = _THAI_VERSION_WORDS.sub(" ", title)
    decomposed = unicodedata.normalize("NFKD", plain.casefold())
    letters = "".join(
        c if c.isalnum() or (unicodedata.category(c) == "Mn" and ord(c) > 0x0E00) else " "
        for c in decomposed
        if not (unicodedata.category(c) == "Mn" and ord(c) < 0x0E00)
    )
    return " ".join(_VERSION_WORDS.sub(" ", letters).split())


def largest(family: Int[np.ndarray, " tune"], titles: Sequence[str], count: int = 10) -> list[tuple[int, str]]:
    """The largest families: how many tunes, and the commonest title."""
    members: dict[int, list[str]] = defaultdict(list)
    for number, title in zip(family.tolist(), titles, strict=True):
        members[number].append(title)
    ranked = sorted(members.values(), key=len, reverse=True)[:count]
    return [(len(group), Counter(group).most_common(1)[0][0]) for group in ranked]


def split_of(family_id: str, held_out: float = 0.1) -> str:
    """The split a family falls into by a hash of its first tune's id: `held_out` each to validation and test."""
    place = _place(family_id)
    if place < held_out:
        return "test"
    return "validation" if place < 2 * held_out else "train"


def split_families(family_ids: Sequence[str], held_out: float = 0.1) -> list[str]:
    """The split of each family; of a few families, one at least is held out for validation and one for testing.

    Where a split of three or more families would be empty, the split that has most gives it the family whose hash lies
    nearest; fewer than three families all go to training.
    """
    splits = {family: split_of(family, held_out) for family in family_ids}
    if len(splits) < 3:
        return ["train"] * len(family_ids)
    for empty in ("test", "validation", "train"):
        if empty not in splits.values():
            most = Counter(splits.values()).most_common(1)[0][0]
            candidates = sorted((family for family, split in splits.items() if split == most), key=_place)
            splits[candidates[-1 if empty == "train" else 0]] = empty
    return [splits[family] for family in family_ids]


def _place(family_id: str) -> float:
    """A number from 0 to 1 that depends on the id alone."""
    return int.from_bytes(hashlib.sha256(f"phin:{family_id}".encode()).digest()[:8]) / 2**64


def _links(phrases: Sequence[Phrase]) -> Iterable[tuple[int, int]]:
    first_with: dict[str, int] = {}
    for tune, phrase in enumerate(phrases):
        if title := normalised_title(phrase.title):
            yield first_with.setdefault(title, tune), tune
    melodies = [phrase.melody for phrase in phrases]
    yield from _similar([_ngrams(melody.pitch) for melody in melodies])
    yield from _similar([_ngrams(_on_the_beat(melody)) for melody in melodies])


def _ngrams(pitch: Int[np.ndarray, " note"]) -> Int[np.ndarray, " ngram"]:
    """The distinct eight-interval n-grams of a melody, as numbers in base 12."""
    intervals = np.diff(pitch.astype(np.int64)) % 12
    if len(intervals) < NGRAM:
        return np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(intervals, NGRAM)
    return np.unique(windows @ 12 ** np.arange(NGRAM))


def _on_the_beat(melody: Phrase) -> Int[np.ndarray, " beat"]:
    """The pitch that begins on each quarter that has one."""
    return melody.pitch[melody.onset % STEPS_PER_QUARTER == 0]


def _similar(ngrams: Sequence[Int[np.ndarray, " _"]]) -> Iterable[tuple[int, int]]:
    """Pairs of tunes that share enough n-grams."""
    sizes = np.array([len(grams) for grams in ngrams])
    enough = sizes >= FEWEST_NGRAMS
    if not enough.any():
        return
    grams = np.concatenate([grams for grams, keep in zip(ngrams, enough, strict=True) if keep])
    tune = np.repeat(np.flatnonzero(enough), sizes[enough])
    order = np.argsort(grams, kind="stable")
    grams, tune = grams[order], tune[order]
    starts = np.flatnonzero(np.r_[True, grams[1:] != grams[:-1]])
    runs = np.diff(np.r_[starts, len(grams)])
    pairs = []
    for start, run in zip(starts.tolist(), runs.tolist(), strict=True):
        if 2 <= run <= COMMON:
            together = tune[start : start + run]
            one, other = np.triu_indices(run, k=1)
            pairs.append(together[one] * len(sizes) + together[other])
    if not pairs:
        return
    pair, shared = np.unique(np.concatenate(pairs), return_counts=True)
    one, other = np.divmod(pair, len(sizes))
    close = shared >= SHARED * np.minimum(sizes[one], sizes[other])
    yield from zip(one[close].tolist(), other[close].tolist(), strict=True)
