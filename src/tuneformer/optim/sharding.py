"""Which optimizers step on parameters that are spread over devices."""

from functools import partial
from typing import Any

from torch.optim import SGD, Optimizer

from tuneformer.errors import UserError

# By class name. Each trains over two processes as in one (tests/training/test_distributed_optimizers.py).
SHARDABLE = frozenset(
    {
        "ADOPT",
        "AdEMAMix",
        "AdaBelief",
        "Adam",
        "AdamMini",
        "AdamW",
        "CautiousAdamW",
        "LAMB",
        "Lion",
        "MARS",
        "NAdam",
        "RAdam",
        "SAM",
        "SGD",
        "SignSGD",
    }
)


def check_shardable(factory: "partial[Optimizer]") -> None:
    """Raises UserError unless the optimizer, and each inside it, is known to work on shards."""
    for target in _targets(factory):
        if target.__name__ not in SHARDABLE:
            raise UserError(
                f"trainer.strategy=fsdp does not go with {target.__name__}, which needs whole tensors:"
                " choose trainer.strategy=ddp or another optimizer"
            )


def changed_for_shards(factory: "partial[Optimizer]") -> dict[str, Any]:
    """The settings that an optimizer needs otherwise on shards: torch has no fused SGD for them."""
    return {"fused": False} if factory.func is SGD else {}


def _targets(factory: Any) -> list[Any]:
    nested = [value for value in factory.keywords.values() if isinstance(value, partial)]
    return [*(target for value in nested for target in _targets(value)), factory.func]
