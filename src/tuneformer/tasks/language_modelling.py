"""Language modelling: the next token from those before it."""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from tuneformer.data.batches import TokenBatch
from tuneformer.data.tokenizers import Tokenizer
from tuneformer.optim.build import Schedule
from tuneformer.optim.param_groups import ParamGroups
from tuneformer.tasks.base import Task
from tuneformer.tasks.text_loss import TextLoss


class LanguageModelling(Task):
    """Minimises the mean over tokens of -log p(token | the tokens before it in its window), in nats.

    Validation and test score every token of their split but the first, and give `loss` (nats per
    token), `perplexity` = exp(loss) and `bits_per_byte` = nats / (bytes ln 2), which alone compares
    runs with different tokenizers.
    """

    byte_lengths: Tensor

    def __init__(
        self,
        *,
        model: nn.Module,
        optimizer: partial[Optimizer],
        param_groups: ParamGroups,
        schedule: Schedule,
        seed: int,
        tokenizer: Tokenizer,
    ) -> None:
        super().__init__(
            model=model, optimizer=optimizer, param_groups=param_groups, schedule=schedule, seed=seed
        )
        self.tokenizer = tokenizer
        self.register_buffer(
            "byte_lengths", torch.from_numpy(tokenizer.byte_lengths.copy()).long(), persistent=False
        )
        self.validation_loss = TextLoss()
        self.test_loss = TextLoss()

    def loss(self, batch: TokenBatch) -> Tensor:
        logits = self.model(batch.inputs)
        if logits.dtype != torch.float64:
            logits = logits.float()
        return F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten())

    def validation_step(self, batch: TokenBatch, batch_idx: int) -> None:
        self.validation_loss.update(self.model(batch.inputs), batch.targets, self.byte_lengths)

    def on_validation_epoch_end(self) -> None:
        self._publish("val", self.validation_loss)

    def test_step(self, batch: TokenBatch, batch_idx: int) -> None:
        self.test_loss.update(self.model(batch.inputs), batch.targets, self.byte_lengths)

    def on_test_epoch_end(self) -> None:
        self._publish("test", self.test_loss)

    @torch.no_grad()
    def evaluate_again(self, split: str) -> float:
        metric = self.validation_loss if split == "val" else self.test_loss
        loaders = self.trainer.val_dataloaders if split == "val" else self.trainer.test_dataloaders
        was_training = self.training
        self.eval()
        assert loaders is not None
        for batch in loaders:
            here = self.trainer.strategy.batch_to_device(batch)
            with self.trainer.precision_plugin.forward_context():
                metric.update(self.model(here.inputs), here.targets, self.byte_lengths)
        self.train(was_training)
        loss = float(metric.compute()["loss"])
        metric.reset()
        return loss

    def _publish(self, split: str, metric: TextLoss) -> None:
        values = {f"{split}/{name}": value for name, value in metric.compute().items()}
        # callback_metrics only: RunMetrics writes them, with the number of the step they belong to
        self.log_dict(values, logger=False)
        metric.reset()
