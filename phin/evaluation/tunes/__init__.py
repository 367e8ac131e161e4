"""Tunes that are judged: beside real ones, beside tunes that were spoiled on purpose, and by what they copy."""
