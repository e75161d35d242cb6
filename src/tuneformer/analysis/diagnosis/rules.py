"""All rules, and what each needs to have been measured."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from tuneformer.analysis.diagnosis import attention, gradients, loss, regularisation, residual, schedule
from tuneformer.analysis.diagnosis.evidence import Evidence
from tuneformer.analysis.diagnosis.finding import Finding
from tuneformer.config import plugins
from tuneformer.config.plugins import plugin_objects
from tuneformer.measures import registry
from tuneformer.measures.measure import Measure, Taken
from tuneformer.measures.registry import AT_LOG, AT_VALIDATION

WATCHED = "callbacks=default"


@dataclass(frozen=True, kw_only=True)
class Need:
    """`rows` values in some column that matches `pattern`, and when a run takes them."""

    pattern: str
    rows: int
    taken: Taken

    def unmet(self, evidence: Evidence) -> str | None:
        """What is missing and how to get it, in words; None where it is there."""
        found = max((len(evidence.curve(name)) for name in evidence.names(self.pattern)), default=0)
        if found >= self.rows:
            return None
        missing = (
            f"{self.pattern} has {found} of {self.rows} rows" if found else f"{self.pattern} was not logged"
        )
        return f"{missing}: {self._asked(evidence, found)}"

    def _asked(self, evidence: Evidence, found: int) -> str:
        callback, setting = self.taken
        if callback is not None and callback not in evidence.config.get("callbacks", {}):
            return WATCHED
        if callback is not None and not found and evidence.last_step >= evidence.number(setting):
            return f"callbacks.{callback} finds none in this model"
        steps = max(math.floor(evidence.max_steps / (2 * self.rows)), 1)
        if found and steps >= evidence.number(setting):
            return f"trainer.max_steps={evidence.max_steps * 2}"
        return f"{setting}={steps}"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule and its needs."""

    look: Callable[[Evidence], Finding | None]
    needs: tuple[Need, ...]

    @property
    def name(self) -> str:
        """That of its function."""
        return self.look.__name__


def needs_rows(measure: Measure, *, rows: int = 3) -> tuple[Need, ...]:
    """So many values of a measure that runs take."""
    assert measure.taken is not None
    return (Need(pattern=measure.columns, rows=rows, taken=measure.taken),)


TRAIN = Need(pattern="train/loss", rows=8, taken=AT_LOG)
VAL = Need(pattern="val/loss", rows=2, taken=AT_VALIDATION)

RULES = (
    Rule(look=gradients.vanishing_gradients, needs=needs_rows(registry.GRADIENT_NORM_OF_PART)),
    Rule(look=gradients.exploding_gradients, needs=needs_rows(registry.GRADIENT_NORM)),
    Rule(look=gradients.clipping_always_on, needs=needs_rows(registry.GRADIENT_NORM)),
    Rule(look=attention.entropy_collapse, needs=needs_rows(registry.ENTROPY)),
    Rule(look=attention.logit_blow_up, needs=needs_rows(registry.LARGEST_LOGIT)),
    Rule(look=attention.attention_sinks, needs=needs_rows(registry.SINK_RATE)),
    Rule(look=attention.dead_heads, needs=needs_rows(registry.IMPORTANCE)),
    Rule(
        look=residual.rank_collapse,
        needs=needs_rows(registry.RANK_COLLAPSE),
    ),
    Rule(look=residual.dead_units, needs=needs_rows(registry.DEAD_UNITS)),
    Rule(
        look=residual.untrained_embeddings,
        needs=needs_rows(registry.UNTRAINED),
    ),
    Rule(look=loss.over_fitting, needs=(TRAIN, VAL)),
    Rule(look=loss.under_fitting, needs=(TRAIN,)),
    Rule(look=loss.spikes, needs=(Need(pattern="train/loss", rows=15, taken=AT_LOG),)),
    Rule(look=loss.evaluation_noise, needs=(Need(pattern="val/loss", rows=8, taken=AT_VALIDATION),)),
    Rule(look=schedule.lr_too_high, needs=()),
    Rule(look=schedule.lr_too_low, needs=needs_rows(registry.UPDATE_RATIO)),
    Rule(look=schedule.warmup_too_short, needs=(TRAIN,)),
    Rule(look=schedule.schedule_ends_high, needs=(Need(pattern="lr/*", rows=2, taken=AT_LOG),)),
    Rule(look=regularisation.weight_decay_absent, needs=(TRAIN, VAL)),
    Rule(
        look=regularisation.weight_decay_too_strong,
        needs=needs_rows(registry.WEIGHT_NORM),
    ),
    Rule(look=regularisation.data_repeated, needs=()),
)


def all_rules() -> tuple[Rule, ...]:
    """Ours, and those of packages of one's own."""
    return (*RULES, *plugin_objects(plugins.RULES, Rule))
