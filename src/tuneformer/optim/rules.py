"""The rules of conf/param_groups: which parameters form a group, and what multiplies its settings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from tuneformer.config.ranges import AT_LEAST_ONE, NOT_NEGATIVE, POSITIVE, Number
from tuneformer.config.setting import Setting, arguments_of
from tuneformer.config.setting_check import check_values
from tuneformer.config.shown import shown
from tuneformer.errors import UserError

NOT_IN_NAMES = ',"'
OWN = "own"
KINDS = (OWN, "l2", "decoupled", "independent", "cautious")
"""How weights may decay: as the optimizer does by itself, or as `optim.weight_decay` has it."""


@dataclass(frozen=True, kw_only=True)
class ParamGroupRule:
    """Parameters whose name `pattern` finds (re.search) train as the group `name`."""

    name: Annotated[str, Setting("of the group, as metrics.csv has it")]
    pattern: Annotated[str, Setting("regular expression, looked for in the names of parameters")]
    lr_multiplier: Annotated[Number, Setting("times optimizer.lr", POSITIVE)]
    weight_decay_multiplier: Annotated[Number, Setting("times optimizer.weight_decay", NOT_NEGATIVE)]
    hidden_matrices: Annotated[
        bool, Setting("an optimizer for matrices trains the group, where the run has one")
    ] = False
    row_parts: Annotated[
        tuple[int, ...],
        Setting(
            "a weight is several matrices to such an optimizer, one below the other, with rows in these"
            " proportions: [1, 1, 1] for query, key and value in one",
            AT_LEAST_ONE,
        ),
    ] = (1,)
    optional: Annotated[bool, Setting("the rule may match nothing")] = False

    def covers(self, parameter: str) -> bool:
        """Whether the pattern is found in the parameter's name."""
        return re.search(self.pattern, parameter) is not None


def read_rules(rules: object) -> list[ParamGroupRule]:
    """The rules as they stand in the configuration, in their order, checked.

    Raises UserError naming the entry: a key that is missing or unknown, a pattern that is no regular
    expression, a multiplier that is not allowed, a group's name that is empty or given twice, no rule.
    """
    if not isinstance(rules, Sequence) or isinstance(rules, str):
        raise UserError(f"param_groups.rules={shown(rules)} must be a list of rules")
    if not rules:
        raise UserError("param_groups.rules=[] covers no parameter: give at least one rule")
    read = [_read_rule(f"param_groups.rules[{index}]", rule) for index, rule in enumerate(rules)]
    names = [rule.name for rule in read]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise UserError(
                f"param_groups.rules[{index}].name={name} is taken: every group needs its own name"
            )
    return read


def _read_rule(where: str, rule: object) -> ParamGroupRule:
    keys = arguments_of(ParamGroupRule)
    if not isinstance(rule, Mapping):
        raise UserError(f"{where}={shown(rule)} must be a mapping with the keys {', '.join(keys)}")
    values: dict[str, Any] = {str(key): value for key, value in rule.items()}
    check_values(keys, values, group=where, option="a rule")
    name, pattern = values["name"], values["pattern"]
    if not name or not name.isprintable() or set(name) & set(NOT_IN_NAMES):
        raise UserError(
            f"{where}.name={name!r} must be a name without commas, quotation marks and control characters: it"
            " heads a column of metrics.csv"
        )
    try:
        re.compile(pattern)
    except re.error as error:
        raise UserError(f"{where}.pattern={pattern} is no regular expression: {error}") from error
    if "row_parts" in values:
        values["row_parts"] = tuple(values["row_parts"])
    return ParamGroupRule(**values)
