"""What a ladder says of a larger model, for the terminal and for programs."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tuneformer.analysis.laws.ladder_prediction import HeldOutPoint, MethodPrediction, MethodRatio
from tuneformer.analysis.laws.loss_law import LossLaw
from tuneformer.analysis.laws.prediction import Predicted

SETTINGS = {
    "learning_rate": "optimizer.lr",
    "weight_decay": "optimizer.weight_decay",
    "batch_size": "data.batch_size",
}
"""What a predicted value is called as a setting."""


def law_told(law: LossLaw) -> str:
    """The law of losses as a formula."""
    of_parameters = f"(parameters / {law.units[0]:.3g})^-{law.a:.3g}"
    of_tokens = f"(tokens / {law.units[1]:.3g})^-{law.b:.3g}"
    joint = f" {law.joint:+.3g} {of_parameters} {of_tokens}" if law.joint else ""
    return (
        f"loss = {law.floor:.4g} + {law.of_parameters:.3g} {of_parameters}"
        f" + {law.of_tokens:.3g} {of_tokens}{joint}"
    )


def interval_told(value: Predicted, unit: str = "") -> str:
    """A value with its interval."""
    return f"{value.value:.4g}{unit}, 95 % interval {value.low:.4g} to {value.high:.4g}{unit}"


def method_told(found: MethodPrediction, *, metric: str) -> list[str]:
    """Lines about a method; the last is what trains it, where that is known."""
    lines = [f"{found.method}: at parameters={found.wanted.parameters:.6g} (without embeddings)"]
    lines[0] += f" tokens={found.wanted.tokens:.6g}"
    for name, value in found.prediction.values.items():
        lines.append(f"  {name} {interval_told(value)}" + (f" ({metric})" if name == "loss" else ""))
    lines.append(f"  cost {found.wanted.flops:.3g} operations")
    if found.seconds is not None:
        lines.append(f"  training {interval_told(found.seconds, ' s')}, as fast as the ladder's machine")
    lines.append(f"  {law_told(found.prediction.law)}")
    lines += [f"  left out: {held_out_told(each)}" for each in found.held_out]
    lines += [f"  note: {note}" for note in found.notes]
    return [*lines, *([f"  {command}"] if (command := command_of(found)) else [])]


def held_out_told(point: HeldOutPoint) -> str:
    """A point predicted from the other sizes, against what was measured."""
    where = "inside" if point.inside else "outside"
    predicted = interval_told(point.predicted)
    return f"{point.size} at {point.steps} steps: {predicted}; measured {point.measured:.4f} lies {where}"


def command_of(found: MethodPrediction) -> str:
    """The command that trains what is predicted; empty where its settings are not known."""
    if not found.wanted.overrides:
        return ""
    predicted = {SETTINGS[name]: value for name, value in found.prediction.values.items() if name in SETTINGS}
    given = [each for each in found.wanted.overrides if each.partition("=")[0] not in predicted]
    values = [
        f"{setting}={round(value.value) if setting == SETTINGS['batch_size'] else f'{value.value:.3g}'}"
        for setting, value in predicted.items()
    ]
    return shlex.join(["python", "train.py", *given, *values])


def as_json(
    methods: Sequence[MethodPrediction], ratios: Sequence[MethodRatio], refused: dict[str, str]
) -> dict[str, Any]:
    """Everything, for programs."""
    return {
        "methods": {found.method: _method_as_json(found) for found in methods},
        "ratios": [
            {
                "first": each.first,
                "second": each.second,
                "ratio": asdict(each.at),
                "chance_that_first_is_lower": each.chance,
                "exponents": {
                    name: {**asdict(exponent), "told_from_zero": exponent.excludes_zero}
                    for name, exponent in each.exponents.items()
                },
            }
            for each in ratios
        ],
        "refused": refused,
    }


def _method_as_json(found: MethodPrediction) -> dict[str, Any]:
    law = found.prediction.law
    return {
        **{name: asdict(value) for name, value in found.prediction.values.items()},
        "parameters": found.wanted.parameters,
        "tokens": found.wanted.tokens,
        "cost": {
            "flops": found.wanted.flops,
            "seconds": None if found.seconds is None else asdict(found.seconds),
        },
        "law": {**asdict(law), "units": {"parameters": law.units[0], "tokens": law.units[1]}},
        "left_out": [{**asdict(each), "inside": each.inside} for each in found.held_out],
        "notes": list(found.notes),
        "command": command_of(found) or None,
    }
