"""What `phin-train` does unless told otherwise, for studies that train by their own loops. A test holds it to conf/."""

from phin.model.loss import TERMS, LossConfig, Weighing

LOSS = LossConfig(weighing=Weighing.FIXED, weights=dict(zip(TERMS, (1.0, 1.0, 1.0, 0.1, 0.1), strict=True)))
"""conf/loss/fixed.yaml."""
