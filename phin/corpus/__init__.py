"""Many tunes: where they come from, what is refused by name, which of them are one tune, and the store on disk."""
