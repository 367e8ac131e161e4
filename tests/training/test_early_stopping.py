"""A run that goes on stops by what is set, from where it was."""

import torch

from phin.training.early_stopping import EarlyStopping


def test_the_patience_that_is_typed_holds_in_a_run_that_goes_on() -> None:
    """Fails: who gives a run more patience sees it stop as if nothing had been typed; or it forgets its best score."""
    before = EarlyStopping("val/bits_per_note", patience=2)
    before.wait_count, before.best_score = 1, torch.tensor(2.5)
    after = EarlyStopping("val/bits_per_note", patience=9)
    assert after.state_key == before.state_key
    after.load_state_dict(before.state_dict())
    assert (after.patience, after.wait_count, float(after.best_score)) == (9, 1, 2.5)
