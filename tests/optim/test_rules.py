import pytest

from tuneformer.errors import UserError
from tuneformer.optim.rules import ParamGroupRule, read_rules

pytestmark = pytest.mark.fast

GOOD = {"name": "all", "pattern": ".", "lr_multiplier": 1.0, "weight_decay_multiplier": 0}


def test_rules_are_read_in_their_order() -> None:
    first, second = read_rules([{**GOOD, "name": "norms", "pattern": "norm"}, GOOD])
    assert first == ParamGroupRule(name="norms", pattern="norm", lr_multiplier=1.0, weight_decay_multiplier=0)
    assert second.name == "all"


def test_a_pattern_is_found_anywhere_in_a_name() -> None:
    (rule,) = read_rules([{**GOOD, "pattern": r"norm\.weight$"}])
    assert rule.covers("blocks.0.attention_norm.weight")
    assert not rule.covers("blocks.0.attention.query.weight")
    assert not rule.covers("blocks.0.attention_norm.weight_scale")


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ([], "param_groups.rules=[] covers no parameter: give at least one rule"),
        (
            [GOOD, 3],
            "param_groups.rules[1]=3 must be a mapping with the keys name, pattern, lr_multiplier,"
            " weight_decay_multiplier, hidden_matrices, row_parts, optional",
        ),
        (
            [{**GOOD, "lr_multiplyer": 2}],
            "param_groups.rules[0].lr_multiplyer is not a setting of a rule: did you mean"
            " param_groups.rules[0].lr_multiplier?",
        ),
        (
            [{**GOOD, "zzz": None}],
            "param_groups.rules[0].zzz is not a setting of a rule: there are hidden_matrices, lr_multiplier,"
            " name, optional, pattern, row_parts, weight_decay_multiplier",
        ),
        (
            [{"name": "all", "lr_multiplier": 1.0, "weight_decay_multiplier": 1.0}],
            "param_groups.rules[0].pattern is missing: a rule needs it",
        ),
        (
            [{**GOOD, "name": ""}],
            "param_groups.rules[0].name='' must be a name without commas, quotation marks and control"
            " characters: it heads a column of metrics.csv",
        ),
        (
            [{**GOOD, "name": "a,b"}],
            "param_groups.rules[0].name='a,b' must be a name without commas, quotation marks and control"
            " characters: it heads a column of metrics.csv",
        ),
        (
            [GOOD, GOOD],
            "param_groups.rules[1].name=all is taken: every group needs its own name",
        ),
        ([{**GOOD, "pattern": None}], "param_groups.rules[0].pattern=null must be text"),
        (
            [{**GOOD, "hidden_matrices": 1}],
            "param_groups.rules[0].hidden_matrices=1 must be true or false",
        ),
        (
            [{**GOOD, "row_parts": [1, 0]}],
            "param_groups.rules[0].row_parts=[1,0]: each must be at least 1",
        ),
        ([{**GOOD, "lr_multiplier": 0}], "param_groups.rules[0].lr_multiplier=0 must be positive"),
        (
            [{**GOOD, "weight_decay_multiplier": -1}],
            "param_groups.rules[0].weight_decay_multiplier=-1 must be a number, 0 or greater",
        ),
    ],
)
def test_a_faulty_rule_is_named_by_its_place(rules: list[object], message: str) -> None:
    with pytest.raises(UserError) as error:
        read_rules(rules)
    assert str(error.value) == message


def test_a_pattern_that_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(
        UserError, match=r"^param_groups\.rules\[0\]\.pattern=\(norm is no regular expression: "
    ):
        read_rules([{**GOOD, "pattern": "(norm"}])
