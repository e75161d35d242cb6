"""All rules, and what each needs to have been measured."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from tuneformer.diagnosis import attention, gradients, loss, regularisation, residual, schedule
from tuneformer.diagnosis.evidence import Evidence
from tuneformer.diagnosis.finding import Finding

LOG, VALIDATE, WATCHED = (
    "trainer.log_every_n_steps",
    "trainer.val_check_interval",
    "callbacks=default",
)
PROBE, GRADIENTS, SIZES, EMBEDDING = "attention_probe", "gradient_norms", "update_sizes", "embedding_rows"
CADENCE = {PROBE: VALIDATE, GRADIENTS: LOG, SIZES: LOG, EMBEDDING: LOG}
"""A callback of callbacks=default, and the setting that says how often it measures."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """`rows` values in some column that matches `pattern`.

    `given_by`: the setting that says how often it is measured, or the callback that measures it.
    """

    pattern: str
    rows: int
    given_by: str

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
        setting = CADENCE.get(self.given_by, self.given_by)
        if self.given_by in CADENCE and self.given_by not in evidence.config.get("callbacks", {}):
            return WATCHED
        if self.given_by in CADENCE and not found and evidence.last_step >= evidence.number(setting):
            return f"callbacks.{self.given_by} finds none in this model"
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


def _of_heads(measure: str) -> tuple[Need, ...]:
    return (Need(pattern=f"attention/*/{measure}", rows=3, given_by=PROBE),)


TRAIN = Need(pattern="train/loss", rows=8, given_by=LOG)
VAL = Need(pattern="val/loss", rows=2, given_by=VALIDATE)
NORM = Need(pattern="grad_norm", rows=3, given_by=LOG)
UPDATES = Need(pattern="update_ratio/*", rows=3, given_by=SIZES)

RULES = (
    Rule(
        look=gradients.vanishing_gradients, needs=(Need(pattern="grad_norm/*", rows=3, given_by=GRADIENTS),)
    ),
    Rule(look=gradients.exploding_gradients, needs=(NORM,)),
    Rule(look=gradients.clipping_always_on, needs=(NORM,)),
    Rule(look=attention.entropy_collapse, needs=_of_heads("entropy")),
    Rule(look=attention.logit_blow_up, needs=_of_heads("largest_logit")),
    Rule(look=attention.attention_sinks, needs=_of_heads("sink_rate")),
    Rule(look=attention.dead_heads, needs=_of_heads("importance")),
    Rule(
        look=residual.rank_collapse,
        needs=(Need(pattern="residual/*/rank_collapse", rows=3, given_by=PROBE),),
    ),
    Rule(look=residual.dead_units, needs=(Need(pattern="units/*/dead", rows=3, given_by=PROBE),)),
    Rule(
        look=residual.untrained_embeddings,
        needs=(Need(pattern="embedding/untrained", rows=3, given_by=EMBEDDING),),
    ),
    Rule(look=loss.over_fitting, needs=(TRAIN, VAL)),
    Rule(look=loss.under_fitting, needs=(TRAIN,)),
    Rule(look=loss.spikes, needs=(Need(pattern="train/loss", rows=15, given_by=LOG),)),
    Rule(look=loss.evaluation_noise, needs=(Need(pattern="val/loss", rows=8, given_by=VALIDATE),)),
    Rule(look=schedule.lr_too_high, needs=()),
    Rule(look=schedule.lr_too_low, needs=(UPDATES,)),
    Rule(look=schedule.warmup_too_short, needs=(TRAIN,)),
    Rule(look=schedule.schedule_ends_high, needs=(Need(pattern="lr/*", rows=2, given_by=LOG),)),
    Rule(look=regularisation.weight_decay_absent, needs=(TRAIN, VAL)),
    Rule(
        look=regularisation.weight_decay_too_strong,
        needs=(Need(pattern="weight_norm/*", rows=3, given_by=SIZES),),
    ),
    Rule(look=regularisation.data_repeated, needs=()),
)
