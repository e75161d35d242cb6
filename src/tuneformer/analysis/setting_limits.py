"""The least and the greatest value that a number can have: nothing better lies beyond."""

import math
import re

# the lower limit is 0 but for these
SIGNED = frozenset({"beta2_decay", "power", "shift"})
# at least one of them
COUNTS = re.compile(
    "accumulate_grad_batches|batch_size|block|context_length|cycles|d_model|embedded_tokens|every|gate_rank|k"
    "|n_first|n_heads|n_key_value_heads|n_layers|ns_steps|patch_size|precondition_frequency|window"
)
# shares of a whole, which may be all of it
SHARES = frozenset({"floor", "rope_fraction"})


def limits_of(key: str) -> tuple[float, float]:
    """The lowest and the highest value of a setting, infinite where there is none, by its last name."""
    name = key.rpartition(".")[2]
    low = -math.inf if name in SIGNED else 1.0 if COUNTS.fullmatch(name) else 0.0
    return low, 1.0 if name in SHARES else math.inf
