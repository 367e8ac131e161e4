"""Tablature ⇄ Phrase: a line of text a string, the fret in the slot where it is struck.

```
tuning: E-A-E

         1         2         3
1 E4  | - - - - | - - - 3 | - - - - |
2 A3  | - - - 7 | - 5 - - | - 5 - 7 |
3 E3  | - - - (0) | - - - - | - - - (0) |
```

Strings are numbered from the highest, which stands above, as on the measured instrument (Hamdan et al. 2025); the
tuning is written low string first. 0 is the open string. A fret in round brackets is accompaniment: a drone, or a
lower note of a chord. Strokes that share a slot stand in it with commas between, `5,7` or `-,7`. As in letters, a
stroke rings until the next of its voice, so durations are inferred.
"""
