"""What is known of an optimizer besides its settings: said on its settings object (`optim.settings`).

A class of the user's own says it itself:

    class Mine(Optimizer):
        facts = Facts(works_on_shards=True, width_exponent=1.0)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from tuneformer.config.described import description_of, description_of_class

Exponent = float | Callable[[Mapping[str, Any]], float]
Count = int | Callable[[Mapping[str, Any]], int]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What an optimizer can do beyond training whole tensors at one width.

    Attributes:
        works_on_shards: it trains parameters that are spread over devices (FSDP) as it trains whole ones.
        changed_on_shards: the settings that it needs otherwise there.
        width_exponent: e, where the best rate of hidden matrices falls as 1 / width^e (muP); None where
            nobody knows. 1 where the elements of an update have a fixed size (Adam and the like, signs), 0
            where its singular values have (Muon), 1/2 where its Frobenius norm grows as the root of its
            number of elements and its singular values are equal (NorMuon). It may follow from the settings.
        gradients_a_step: how often a step needs the gradient of its batch.
        averages_weights: it is evaluated on an average of its own, which stands in place of a schedule.
        state_numbers: numbers that it keeps for each parameter, at least. It may follow from the settings.
        family: of those that come to nearly the same where none is held back; empty: of none.
    """

    works_on_shards: bool = False
    changed_on_shards: Mapping[str, Any] = field(default_factory=dict)
    width_exponent: Exponent | None = None
    gradients_a_step: int = 1
    averages_weights: bool = False
    state_numbers: Count = 0
    family: str = ""

    def exponent(self, settings: Mapping[str, Any]) -> float | None:
        """The exponent of the width at these settings, None where it is not known."""
        return self.width_exponent(settings) if callable(self.width_exponent) else self.width_exponent

    def kept(self, settings: Mapping[str, Any]) -> int:
        """How many numbers it keeps for each parameter at these settings, at least."""
        return self.state_numbers(settings) if callable(self.state_numbers) else self.state_numbers


ADAM_LIKE = Facts(works_on_shards=True, width_exponent=1.0, state_numbers=2)
"""Each tensor by itself, elementwise, every element of the update of about size 1 (2203.03466, table 8)."""
OF_ADAMW = replace(ADAM_LIKE, family="AdamW")
"""AdamW but for its first steps, for what it decays or for single elements that it leaves out."""
SIGN_LIKE = replace(ADAM_LIKE, state_numbers=1)


def of_muon(settings: Mapping[str, Any]) -> float:
    """The exponent of Muon, which follows how it scales its update."""
    return 0.5 if settings.get("adjust_lr_fn") == "match_rms_adamw" else 0.0  # 2310.17813


def of_momentum(settings: Mapping[str, Any]) -> int:
    """The numbers that SGD keeps for each parameter: the momentum, where there is any."""
    return 1 if settings.get("momentum") else 0


def facts_of(optimizer: Callable[..., Any]) -> Facts:
    """What is known of an optimizer's class (or of what makes one); nothing of one that nobody described."""
    said = getattr(optimizer, "facts", None)
    if isinstance(said, Facts):
        return said
    return getattr(description_of_class("optimizer", optimizer), "facts", Facts())


def facts_in(config: Mapping[str, Any]) -> Facts:
    """What is known of the optimizer that a configuration names; torch is not imported for one of ours."""
    return getattr(description_of(("optimizer",), config["optimizer"]), "facts", Facts())


def state_numbers_of(factory: "partial[Any]") -> int:
    """How many numbers the optimizer that `factory` makes keeps for each parameter, at least.

    Of one that is made of others it is the least of theirs.
    """
    inside = [each for each in factory.keywords.values() if isinstance(each, partial)]
    if inside:
        return min(map(state_numbers_of, inside))
    return facts_of(factory.func).kept(factory.keywords)
