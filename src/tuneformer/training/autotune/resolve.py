"""From a trainer with `auto` in it to one with values, and to what record.json says of the choice."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tuneformer.config.plain import Config
from tuneformer.data.contract import Data, PreparedData
from tuneformer.process.terminal import say
from tuneformer.runs.record import RunRecord
from tuneformer.training.autotune.candidate import Candidate, is_asked_for
from tuneformer.training.autotune.measure import Measurer
from tuneformer.training.autotune.measured import Measured, as_record, choose
from tuneformer.training.autotune.remembered import RememberedTimings
from tuneformer.training.core_share import told_cores
from tuneformer.training.settings import available_cores
from tuneformer.training.threads import wished_threads
from tuneformer.training.trainer import device_type


def resolve_auto(
    config: Config, *, data: Data[Any], prepared: PreparedData, before: RunRecord | None
) -> tuple[Config, Mapping[str, Any] | None]:
    """The configuration with every `auto` of trainer.precision, ... replaced, and the choice as recorded.

    In this order: what the run in the same directory chose (`before`, its record), what this machine
    remembers of the same model, what is measured now. None where nothing was left open.
    """
    if not is_asked_for(config["trainer"]):
        return config, None
    if before is not None and before.fastest:
        return Candidate.recorded(before.fastest).applied(config), before.fastest
    steps = config["trainer"]["max_steps"]
    device, cores = device_type(config["trainer"]["accelerator"]), told_cores() or available_cores()
    if config["trainer"]["threads"] is None:
        wish = wished_threads() or cores
        cores = min(wish, told_cores() or wish)
    memory = RememberedTimings(config, cores=cores, device=device)
    measured, started = memory.read(), time.perf_counter()
    measurer = Measurer(config, data=data, prepared=prepared, cores=cores)
    new = [] if measured else measurer.uncompiled(device=device)
    measured += new
    compiled = measurer.compiled(measured, steps=steps)
    measured += compiled
    chosen = choose(measured, steps=steps)
    n_new = len(new) + len(compiled)
    if n_new:
        memory.write(measured)
        how = f"measured {n_new} ways to train in {time.perf_counter() - started:.1f} s"
    else:
        how = f"remembered, {memory.file}"
    for line in told(measured, chosen, how):
        say(line)
    section = {
        "chosen": asdict(chosen.candidate),
        "default": asdict(measured[0].candidate),
        "remembered": not n_new,
        "measured": [as_record(each) for each in measured],
    }
    return chosen.candidate.applied(config), section


def told(measured: list[Measured], chosen: Measured, how: str) -> list[str]:
    """The choice, how much it saves, and why others were refused."""
    default = measured[0]
    assert default.milliseconds is not None
    assert chosen.milliseconds is not None
    if chosen is default:
        gain = "nothing is 5 % faster than the default"
    else:
        gain = f"{default.milliseconds / chosen.milliseconds:.2f} times as fast as the default"
    lines = [f"trainer=auto: {chosen.candidate}: {chosen.milliseconds:.1f} ms a step, {gain} ({how})"]
    reasons: dict[str, Candidate] = {}
    for each in measured:
        if each.refused is not None:
            reasons.setdefault(each.refused, each.candidate)
    return lines + [
        f"trainer=auto: not {candidate.beside(default.candidate)}: {reason}"
        for reason, candidate in reasons.items()
    ]
