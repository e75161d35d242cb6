"""What our checkpoints hold beside what Lightning puts into them."""

EVALUATION_WEIGHTS = "evaluation_weights"
"""Parameter name in the model -> the weights that were evaluated, where they differ from those that train."""

ORIGIN = "tuneformer_run"
"""Which run a checkpoint is of: configuration's hash, fingerprint of the data, attempts, rows written."""
