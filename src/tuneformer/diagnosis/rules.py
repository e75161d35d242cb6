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


@dataclass(frozen=True, kw_only=True)
class Need:
    """`rows` values in some column that matches `pattern`, which `setting` would give."""

    pattern: str
    rows: int
    setting: str

    def unmet(self, evidence: Evidence) -> str | None:
        """What is missing and how to get it, in words; None where it is there."""
        found = max((len(evidence.curve(name)) for name in evidence.names(self.pattern)), default=0)
        if found >= self.rows:
            return None
        missing = (
            f"{self.pattern} has {found} of {self.rows} rows" if found else f"{self.pattern} was not logged"
        )
        return f"{missing}: {self._asked(evidence)}"

    def _asked(self, evidence: Evidence) -> str:
        if "=" in self.setting:
            return self.setting
        steps = max(math.floor(evidence.max_steps / (2 * self.rows)), 1)
        if steps == evidence.setting(self.setting):
            return f"trainer.max_steps={evidence.max_steps * 2}"
        return f"{self.setting}={steps}"


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
    return (Need(pattern=f"attention/*/{measure}", rows=3, setting=WATCHED),)


TRAIN = Need(pattern="train/loss", rows=8, setting=LOG)
VAL = Need(pattern="val/loss", rows=2, setting=VALIDATE)
NORM = Need(pattern="grad_norm", rows=3, setting=LOG)
UPDATES = Need(pattern="update_ratio/*", rows=3, setting=WATCHED)

RULES = (
    Rule(look=gradients.vanishing_gradients, needs=(Need(pattern="grad_norm/*", rows=3, setting=WATCHED),)),
    Rule(look=gradients.exploding_gradients, needs=(NORM,)),
    Rule(look=gradients.clipping_always_on, needs=(NORM,)),
    Rule(look=attention.entropy_collapse, needs=_of_heads("entropy")),
    Rule(look=attention.logit_blow_up, needs=_of_heads("largest_logit")),
    Rule(look=attention.attention_sinks, needs=_of_heads("sink_rate")),
    Rule(look=attention.dead_heads, needs=_of_heads("importance")),
    Rule(
        look=residual.rank_collapse,
        needs=(Need(pattern="residual/*/rank_collapse", rows=3, setting=WATCHED),),
    ),
    Rule(look=residual.dead_units, needs=(Need(pattern="units/*/dead", rows=3, setting=WATCHED),)),
    Rule(
        look=residual.untrained_embeddings,
        needs=(Need(pattern="embedding/untrained", rows=3, setting=WATCHED),),
    ),
    Rule(look=loss.over_fitting, needs=(TRAIN, VAL)),
    Rule(look=loss.under_fitting, needs=(TRAIN,)),
    Rule(look=loss.spikes, needs=(Need(pattern="train/loss", rows=15, setting=LOG),)),
    Rule(look=loss.evaluation_noise, needs=(Need(pattern="val/loss", rows=8, setting=VALIDATE),)),
    Rule(look=schedule.lr_too_high, needs=()),
    Rule(look=schedule.lr_too_low, needs=(UPDATES,)),
    Rule(look=schedule.warmup_too_short, needs=(TRAIN,)),
    Rule(look=schedule.schedule_ends_high, needs=(Need(pattern="lr/*", rows=2, setting=LOG),)),
    Rule(look=regularisation.weight_decay_absent, needs=(TRAIN, VAL)),
    Rule(
        look=regularisation.weight_decay_too_strong,
        needs=(Need(pattern="weight_norm/*", rows=3, setting=WATCHED),),
    ),
    Rule(look=regularisation.data_repeated, needs=()),
)
