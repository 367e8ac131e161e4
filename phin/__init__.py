"""Learns from symbolic music, and plays new music for the phin (พิณ), the plucked lute of Isan and Laos.

One straight path: a tune in a file becomes a phrase (`phin.music`), then rows of fields (`phin.tokenizer`), then
batches of a corpus (`phin.corpus`, `phin.data`); a model learns from these (`phin.model`, `phin.training`), and draws
new tunes (`phin.generation`).
"""
