"""What is known of an optimizer besides its settings: said on its settings object (`optim.settings`).

A class of the user's own says it itself:

    class Mine(Optimizer):
        facts = Facts(works_on_shards=True, width_exponent=1.0)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tuneformer.config.described import description_of_class

Exponent = float | Callable[[Mapping[str, Any]], float]


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
    """

    works_on_shards: bool = False
    changed_on_shards: Mapping[str, Any] = field(default_factory=dict)
    width_exponent: Exponent | None = None
    gradients_a_step: int = 1

    def exponent(self, settings: Mapping[str, Any]) -> float | None:
        """The exponent of the width at these settings, None where it is not known."""
        return self.width_exponent(settings) if callable(self.width_exponent) else self.width_exponent


ADAM_LIKE = Facts(works_on_shards=True, width_exponent=1.0)
"""Each tensor by itself, elementwise, every element of the update of about size 1 (2203.03466, table 8)."""


def of_muon(settings: Mapping[str, Any]) -> float:
    """The exponent of Muon, which follows how it scales its update."""
    return 0.5 if settings.get("adjust_lr_fn") == "match_rms_adamw" else 0.0  # 2310.17813


def facts_of(optimizer: Callable[..., Any]) -> Facts:
    """What is known of an optimizer's class (or of what makes one); nothing of one that nobody described."""
    said = getattr(optimizer, "facts", None)
    if isinstance(said, Facts):
        return said
    return getattr(description_of_class("optimizer", optimizer), "facts", Facts())
