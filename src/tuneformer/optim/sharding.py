"""Which optimizers step on parameters that are spread over devices."""

from functools import partial
from typing import Any

from torch.optim import SGD, Adam, AdamW, NAdam, Optimizer, RAdam

from tuneformer.errors import UserError

# Their update of an element depends on that element alone, and tests show them equal to one process.
SHARDABLE: frozenset[type[Optimizer]] = frozenset({Adam, AdamW, NAdam, RAdam, SGD})


def check_shardable(factory: "partial[Optimizer]") -> None:
    """Raises UserError unless the optimizer, and each inside it, is known to work on shards."""
    for target in _targets(factory):
        if target not in SHARDABLE:
            raise UserError(
                f"trainer.strategy=fsdp does not go with {target.__name__}, which needs whole tensors:"
                " choose trainer.strategy=ddp or another optimizer"
            )


def _targets(factory: Any) -> list[Any]:
    nested = [value for value in factory.keywords.values() if isinstance(value, partial)]
    return [factory.func, *(target for value in nested for target in _targets(value))]
