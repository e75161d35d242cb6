"""The rules of conf/param_groups: which parameters form a group, and what multiplies its settings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from difflib import get_close_matches

from tuneformer.config.ranges import NOT_NEGATIVE, POSITIVE, Number
from tuneformer.config.shown import shown
from tuneformer.errors import UserError

NOT_IN_NAMES = ',"'


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Parameters whose name `pattern` finds (re.search) train as the group `name`.

    The optimizer's learning rate and weight decay are multiplied by the two multipliers. With
    `hidden_matrices` an optimizer for matrices trains the group, where the run has one. `row_parts`: the
    weights are several matrices stored one below the other, with rows in these proportions (fused query,
    key and value: [1, 1, 1]), and each is a matrix of its own to such an optimizer. With `optional` the
    rule may match nothing.
    """

    name: str
    pattern: str
    lr_multiplier: Number
    weight_decay_multiplier: Number
    hidden_matrices: bool = False
    row_parts: tuple[int, ...] = (1,)
    optional: bool = False

    def covers(self, parameter: str) -> bool:
        """Whether the pattern is found in the parameter's name."""
        return re.search(self.pattern, parameter) is not None


def read_rules(rules: Sequence[object]) -> list[Rule]:
    """The rules as they stand in the configuration, in their order, checked.

    Raises UserError naming the entry: a key that is missing or unknown, a pattern that is no regular
    expression, a multiplier that is not allowed, a group's name that is empty or given twice, no rule.
    """
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


def _read_rule(where: str, rule: object) -> Rule:
    if not isinstance(rule, Mapping):
        raise UserError(f"{where}={shown(rule)} must be a mapping with the keys {', '.join(_KEYS)}")
    for key in rule:
        if key not in _KEYS:
            close = get_close_matches(str(key), _KEYS, n=1)
            meant = f"did you mean {close[0]}?" if close else f"a rule has the keys {', '.join(_KEYS)}"
            raise UserError(f"{where}.{key}={shown(rule[key])} is unknown: {meant}")
    for key in _NEEDED:
        if key not in rule:
            raise UserError(f"{where}.{key} is missing: a rule has the keys {', '.join(_NEEDED)}")
    name, pattern, lr, decay = (rule[key] for key in _NEEDED)
    if not isinstance(name, str) or not name:
        raise UserError(f"{where}.name={shown(name)} must be a name for the group")
    if not name.isprintable() or set(name) & set(NOT_IN_NAMES):
        raise UserError(
            f"{where}.name={name!r} must be without commas, quotation marks and control characters: it heads"
            " a column of metrics.csv"
        )
    POSITIVE.check(f"{where}.lr_multiplier", lr)
    NOT_NEGATIVE.check(f"{where}.weight_decay_multiplier", decay)
    assert isinstance(lr, int | float)
    assert isinstance(decay, int | float)
    for key in ("hidden_matrices", "optional"):
        if not isinstance(rule.get(key, False), bool):
            raise UserError(f"{where}.{key}={shown(rule[key])} must be true or false")
    return Rule(
        name=name,
        pattern=_read_pattern(f"{where}.pattern", pattern),
        lr_multiplier=lr,
        weight_decay_multiplier=decay,
        hidden_matrices=rule.get("hidden_matrices", False),
        row_parts=_read_row_parts(f"{where}.row_parts", rule.get("row_parts", [1])),
        optional=rule.get("optional", False),
    )


def _read_row_parts(setting: str, parts: object) -> tuple[int, ...]:
    if isinstance(parts, Sequence) and parts and all(isinstance(part, int) and part > 0 for part in parts):
        return tuple(parts)
    raise UserError(f"{setting}={shown(parts)} must be a list of whole numbers from 1, as [1, 1, 1]")


def _read_pattern(setting: str, pattern: object) -> str:
    if not isinstance(pattern, str):
        raise UserError(f"{setting}={shown(pattern)} must be a regular expression")
    try:
        re.compile(pattern)
    except re.error as error:
        raise UserError(f"{setting}={pattern} is no regular expression: {error}") from error
    return pattern


_KEYS = tuple(field.name for field in fields(Rule))
_NEEDED = tuple(field.name for field in fields(Rule) if field.default is MISSING)
