"""From a request to new tunes: the step that draws notes, the wishes that bind them, the loop, and the exports.

The loop takes any engine: torch is in `torch_engine`, what runs an exported model in `phin.runtime`.
"""
