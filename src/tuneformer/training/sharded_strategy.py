"""trainer.strategy=fsdp, going on from what any number of processes wrote."""

from typing import Any

from pytorch_lightning.strategies import ModelParallelStrategy

from tuneformer.optim.sharding import on_shards


class ShardedStrategy(ModelParallelStrategy):
    """Lightning's, but for how it loads an optimizer's state.

    Lightning takes parameters to be numbered in the order of the model, where one process numbers them
    in the order of their groups; and to have a state that it can overwrite it takes a step without
    gradients, which not every optimizer can.
    """

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        optimizers, self.optimizers = self.optimizers, []
        try:
            checkpoint = super().load_checkpoint(checkpoint_path, weights_only)
        finally:
            self.optimizers = optimizers
        for optimizer, state in zip(optimizers, checkpoint["optimizer_states"], strict=True):
            optimizer.load_state_dict(on_shards(state, optimizer))
        return checkpoint
