"""Whether a model has numbers for weights."""

from torch import nn
from torch.distributed.tensor import DTensor

from tuneformer.errors import UserError


class NotFiniteError(UserError):
    """A model computes with NaN or infinity: what it would give is no result."""


def check_finite_weights(model: nn.Module, *, of: str) -> None:
    """Raise NotFiniteError, which names the first such parameter, where one holds NaN or infinity.

    `of`: what the model is, for the message: its run, as a rule. With NaN in its keys a model still gives
    plausible text.
    """
    for name, weight in model.named_parameters():
        values = weight.detach()
        finite = (values.full_tensor() if isinstance(values, DTensor) else values).isfinite()
        if not finite.all():
            bad = f"{int((~finite).sum())} of the {finite.numel()} numbers of {name}"
            raise NotFiniteError(f"{of} has weights that are not finite: {bad} are NaN or infinite")
