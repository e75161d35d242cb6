"""Parameter groups by ordered rules over the parameters' names."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from torch import nn
from torch.optim import Optimizer

from tuneformer.config.ranges import Number
from tuneformer.config.shown import shown
from tuneformer.errors import UserError
from tuneformer.optim.fine_tuning import FineTuning, NamesForRules, depths_of, known_names
from tuneformer.optim.rules import ParamGroupRule, read_rules


@dataclass(frozen=True, kw_only=True)
class Group:
    """The parameters that one rule covers, by name, in the model's order."""

    rule: ParamGroupRule
    parameters: dict[str, nn.Parameter]
    row_parts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of those that the model itself says to be several matrices."""

    def settings(self, *, lr: Number, weight_decay: Number) -> dict[str, object]:
        """The group as torch.optim takes it, with what an optimizer for matrices reads.

        Keys: name, params (with their names), lr and weight decay, both multiplied, hidden_matrices and
        row_parts (`ParamGroupRule`); row_parts_of, by name, where the model says so of some.
        """
        of_the_model: dict[str, object] = {"row_parts_of": dict(self.row_parts)} if self.row_parts else {}
        return of_the_model | {
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
    `weight_decay_end`: decay at the last step over that at the first (`decay_factor`). `freeze`,
    `freeze_layers` and `layer_decay`: `FineTuning`; runs from before they were there do not have them.
    Raises UserError for a faulty rule (`read_rules`).
    """

    def __init__(
        self,
        *,
        rules: Sequence[object],
        weight_decay_kind: str,
        weight_decay_end: Number,
        freeze: Sequence[str] | None = None,
        freeze_layers: int | None = None,
        layer_decay: Number | None = None,
    ) -> None:
        self.rules = read_rules(rules)
        self.weight_decay_kind = weight_decay_kind
        self.weight_decay_end = weight_decay_end
        self.fine_tuning = FineTuning(freeze=freeze, freeze_layers=freeze_layers, layer_decay=layer_decay)

    def for_optimizer(self, model: nn.Module, factory: "partial[Optimizer]") -> list[Group]:
        """The groups that the optimizer of `factory` trains: those of `split`, whatever the optimizer."""
        return self.split(model)

    def split(self, model: nn.Module) -> list[Group]:
        """The model's trainable parameters by rule; a tied parameter is seen once, under its first name.

        Frozen parameters count as covered and stand in no group; a group of none but frozen ones is left out.
        With `layer_decay` a group is cut by depth, each part with a rate of its own.
        Raises UserError for a parameter that no rule covers, a rule that is the first match of no
        parameter, and a model without trainable parameters.
        """
        covered: dict[ParamGroupRule, dict[str, nn.Parameter]] = {rule: {} for rule in self.rules}
        known_as = known_names(model)
        parts = model.row_parts() if isinstance(model, NamesForRules) else {}
        for name, parameter in model.named_parameters():
            covered[self._first_match(name, known_as.get(name, name))][name] = parameter
        for index, (rule, parameters) in enumerate(covered.items()):
            if not parameters and not rule.optional:
                raise UserError(
                    f"param_groups.rules[{index}].pattern={rule.pattern} (group {rule.name}) matches no"
                    " parameter that earlier rules left: correct the pattern or drop the rule"
                )
        groups = [
            Group(
                rule=rule,
                parameters={name: p for name, p in parameters.items() if p.requires_grad},
                row_parts=_of_one_rule(rule, parameters, parts),
            )
            for rule, parameters in covered.items()
        ]
        groups = [group for group in groups if group.parameters]
        if not groups:
            raise UserError("model has no trainable parameter: nothing for the optimizer to do")
        decay = self.fine_tuning.layer_decay
        return groups if decay is None else _by_depth(model, groups, decay=decay)

    def _first_match(self, name: str, known_as: str) -> ParamGroupRule:
        for rule in self.rules:
            if rule.covers(name) or rule.covers(known_as):
                return rule
        patterns = ", ".join(shown(rule.pattern) for rule in self.rules)
        raise UserError(
            f"param_groups.rules cover no parameter {name}: add a rule for it (patterns: {patterns})"
        )


def _by_depth(model: nn.Module, groups: Sequence[Group], *, decay: Number) -> list[Group]:
    """The groups cut by depth (`Depths.rate`); one that lies at a single depth keeps its name."""
    depths, layered = depths_of(model, asked=f"param_groups.layer_decay={decay}"), []
    for group in groups:
        found = sorted({depths.of[name] for name in group.parameters})
        for depth in found:
            rate = group.rule.lr_multiplier * depths.rate(depth, decay=decay)
            name = group.rule.name if len(found) == 1 else f"{group.rule.name}.{depths.parts[depth]}"
            here = {each: p for each, p in group.parameters.items() if depths.of[each] == depth}
            rule = replace(group.rule, name=name, lr_multiplier=rate)
            layered.append(replace(group, rule=rule, parameters=here))
    return layered


def _of_one_rule(
    rule: ParamGroupRule, names: Collection[str], parts: Mapping[str, tuple[int, ...]]
) -> dict[str, tuple[int, ...]]:
    """What the model says of parameters of a rule for matrices that does not say it itself."""
    if not rule.hidden_matrices or rule.row_parts != (1,):
        return {}
    return {name: parts[name] for name in names if name in parts}


def parts_of(group: Mapping[str, Any], index: int) -> Sequence[int]:
    """Into which rows the parameter at an index of an optimizer's group is cut, in proportion."""
    names = group.get("param_names", ())
    return group.get("row_parts_of", {}).get(names[index] if names else None, group.get("row_parts", (1,)))


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
