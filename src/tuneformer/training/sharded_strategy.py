"""trainer.strategy=fsdp, going on from what any number of processes wrote."""

from pathlib import Path
from typing import Any

from pytorch_lightning.strategies import ModelParallelStrategy

from tuneformer.inference.loading import read_archive
from tuneformer.optim.sharding import on_shards


class ShardedStrategy(ModelParallelStrategy):
    """Lightning's, but for how it loads weights that are tied and an optimizer's state.

    Lightning asks for every name of a tied weight, of which a checkpoint has the first. It takes parameters
    to be numbered in the order of the model, where one process numbers them in the order of their groups;
    and to have a state that it can overwrite it takes a step without gradients, which not every optimizer
    can.
    """

    def load_checkpoint(self, checkpoint_path: Any, weights_only: bool | None = None) -> dict[str, Any]:
        module = self.lightning_module
        assert module is not None
        kept = read_archive(Path(checkpoint_path), mapped=True)["state_dict"]
        if missing := module.state_dict().keys() - kept.keys():
            raise KeyError(f"it has no weights of {min(missing)}")
        optimizers, self.optimizers = self.optimizers, []
        strict, module.strict_loading = module.strict_loading, False
        try:
            checkpoint = super().load_checkpoint(checkpoint_path, weights_only)
        finally:
            self.optimizers, module.strict_loading = optimizers, strict
        for optimizer, state in zip(optimizers, checkpoint["optimizer_states"], strict=True):
            optimizer.load_state_dict(on_shards(state, optimizer))
        return checkpoint
