"""From batches to checkpoints: steps, optimiser, logs, and how a run that was killed goes on bit for bit."""
