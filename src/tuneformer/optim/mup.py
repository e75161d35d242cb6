"""Rates that transfer across widths (muP)."""

from dataclasses import replace
from functools import partial

from torch import nn
from torch.optim import Optimizer

from tuneformer.errors import UserError
from tuneformer.optim.facts import facts_of
from tuneformer.optim.param_groups import Group, ParamGroups


class MuP(ParamGroups):
    """The rules of ParamGroups, hidden matrices trained at a rate that follows the width.

    With r = d_model / base_width, of the model: lr <- lr / r^e and weight_decay <- weight_decay r^e, so that
    lr weight_decay stays; e is a fact of the optimizer (`tuneformer.optim.facts`). Everything else trains as
    it is. Tensor Programs V (2203.03466, table 8); for matrices orthogonalised, the spectral condition
    (2310.17813).
    """

    def for_optimizer(self, model: nn.Module, factory: "partial[Optimizer]") -> list[Group]:
        """The groups of `split`, those of hidden matrices scaled.

        Raises:
            UserError: the model has no base_width, or the optimizer is of no kind that is known.
        """
        base_width = getattr(model, "base_width", None)
        if base_width is None:
            raise UserError(
                "param_groups=mup scales rates from model.base_width, which is null: choose model=decoder_mup"
            )
        d_model = getattr(model, "d_model")  # noqa: B009 - torch declares no such attribute of a module
        scale = (d_model / base_width) ** _exponent(factory)
        return [_scaled(group, scale) if group.rule.hidden_matrices else group for group in self.split(model)]


def _scaled(group: Group, scale: float) -> Group:
    rule = replace(
        group.rule,
        lr_multiplier=group.rule.lr_multiplier / scale,
        weight_decay_multiplier=group.rule.weight_decay_multiplier * scale,
    )
    return replace(group, rule=rule)


def _exponent(factory: "partial[Optimizer]") -> float:
    matrices = factory.keywords.get("matrices", factory)
    exponent = facts_of(matrices.func).exponent(matrices.keywords)
    if exponent is None:
        raise UserError(
            f"param_groups=mup does not know how the update of {matrices.func.__name__} grows with the width:"
            " choose another optimizer, such as adamw, lion, muon or normuon; a class of your own says it"
            " itself (facts = Facts(width_exponent=...))"
        )
    return exponent
