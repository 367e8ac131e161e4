"""The techniques: each with its grade, none invented, none too many for the vocabulary."""

from phin.music.phrase import UNKNOWN
from phin.music.technique import FACTS, Evidence, Technique
from phin.tokenizer import NUM_TECHNIQUES

ANCESTORS = {"harmonic", "mordent", "turn", "appoggiatura", "acciaccatura"}
"""What the only earlier phin model lists, a keyboard's and a violin's."""


def test_every_technique_fits_into_the_vocabulary_and_none_is_the_unknown_one() -> None:
    """Fails: a technique that is written down can never be drawn."""
    assert sorted(Technique) == list(range(len(Technique)))
    assert len(Technique) <= NUM_TECHNIQUES
    assert UNKNOWN not in list(Technique)


def test_every_technique_says_who_documents_it() -> None:
    """Fails: what nobody ever saw a phin player do is presented as the phin's."""
    assert set(FACTS) == set(Technique)
    for technique, facts in FACTS.items():
        assert facts.signature
        assert (facts.source == "none") == (facts.evidence is Evidence.EXPERIMENTAL), technique
        assert bool(facts.thai) == bool(facts.romanised)
    documented = {technique for technique, facts in FACTS.items() if facts.evidence is Evidence.PHIN}
    assert documented == {Technique.PLAIN, Technique.DRONE, Technique.DYAD, Technique.STRUM, Technique.ACCENT}


def test_an_experimental_technique_has_no_thai_word_of_ours() -> None:
    """Fails: a word is put into players' mouths."""
    assert not [name for name, facts in FACTS.items() if facts.evidence is Evidence.EXPERIMENTAL and facts.thai]


def test_the_ancestors_ornaments_are_gone() -> None:
    """Fails: a Western violin's ornaments are taught as Isan playing, as in the only earlier model."""
    assert not ANCESTORS & {technique.name.lower() for technique in Technique}
