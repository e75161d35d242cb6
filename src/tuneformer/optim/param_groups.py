"""Parameter groups by ordered rules over the parameters' names."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn
from torch.optim import Optimizer

from tuneformer.config.ranges import Number
from tuneformer.config.shown import shown
from tuneformer.errors import UserError
from tuneformer.optim.rules import ParamGroupRule, read_rules


@dataclass(frozen=True, kw_only=True)
class Group:
    """The parameters that one rule covers, by name, in the model's order."""

    rule: ParamGroupRule
    parameters: dict[str, nn.Parameter]

    def settings(self, *, lr: Number, weight_decay: Number) -> dict[str, object]:
        """The group as torch.optim takes it, with what an optimizer for matrices reads.

        Keys: name, params (with their names), lr and weight decay, both multiplied, hidden_matrices and
        row_parts (`ParamGroupRule`).
        """
        return {
            "name": self.rule.name,
            "params": list(self.parameters.items()),
            "lr": lr * self.rule.lr_multiplier,
            "weight_decay": weight_decay * self.rule.weight_decay_multiplier,
            "hidden_matrices": self.rule.hidden_matrices,
            "row_parts": self.rule.row_parts,
        }


class ParamGroups:
    """Ordered rules; a parameter belongs to the first rule whose pattern is found in its name.

    `rules`: mappings with the keys of `tuneformer.optim.rules.ParamGroupRule`. `weight_decay_kind`: own
    (what the optimizer does by itself), or a kind of `tuneformer.optim.weight_decay.DecayedApart` instead.
    `weight_decay_end`: decay at the last step over that at the first (`decay_factor`).
    Raises UserError for a faulty rule (`read_rules`).
    """

    def __init__(
        self,
        *,
        rules: Sequence[object],
        weight_decay_kind: str,
        weight_decay_end: Number,
    ) -> None:
        self.rules = read_rules(rules)
        self.weight_decay_kind = weight_decay_kind
        self.weight_decay_end = weight_decay_end

    def for_optimizer(self, model: nn.Module, factory: "partial[Optimizer]") -> list[Group]:
        """The groups that the optimizer of `factory` trains: those of `split`, whatever the optimizer."""
        return self.split(model)

    def split(self, model: nn.Module) -> list[Group]:
        """The model's trainable parameters by rule; a tied parameter is seen once, under its first name.

        Frozen parameters count as covered and stand in no group; a group of none but frozen ones is left out.
        Raises UserError for a parameter that no rule covers, a rule that is the first match of no
        parameter, and a model without trainable parameters.
        """
        covered: dict[ParamGroupRule, dict[str, nn.Parameter]] = {rule: {} for rule in self.rules}
        for name, parameter in model.named_parameters():
            covered[self._first_match(name)][name] = parameter
        for index, (rule, parameters) in enumerate(covered.items()):
            if not parameters and not rule.optional:
                raise UserError(
                    f"param_groups.rules[{index}].pattern={rule.pattern} (group {rule.name}) matches no"
                    " parameter that earlier rules left: correct the pattern or drop the rule"
                )
        groups = [
            Group(rule=rule, parameters={name: p for name, p in parameters.items() if p.requires_grad})
            for rule, parameters in covered.items()
        ]
        groups = [group for group in groups if group.parameters]
        if not groups:
            raise UserError("model has no trainable parameter: nothing for the optimizer to do")
        return groups

    def _first_match(self, name: str) -> ParamGroupRule:
        for rule in self.rules:
            if rule.covers(name):
                return rule
        patterns = ", ".join(shown(rule.pattern) for rule in self.rules)
        raise UserError(
            f"param_groups.rules cover no parameter {name}: add a rule for it (patterns: {patterns})"
        )


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """One group as people read it: how much it holds and what multiplies its settings."""

    name: str
    tensors: int
    parameters: int
    lr_multiplier: Number
    weight_decay_multiplier: Number


def group_table(groups: Sequence[Group]) -> list[GroupRow]:
    """A row for each group, in order."""
    return [
        GroupRow(
            name=group.rule.name,
            tensors=len(group.parameters),
            parameters=sum(parameter.numel() for parameter in group.parameters.values()),
            lr_multiplier=group.rule.lr_multiplier,
            weight_decay_multiplier=group.rule.weight_decay_multiplier,
        )
        for group in groups
    ]
