"""The networks: the rhythm-aware transformer and its losses, the technique detector, and what a checkpoint holds."""
