"""From a store of tunes to batches: the same for any number of workers, and no family of tunes in two splits."""
