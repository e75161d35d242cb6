"""What is known of an optimizer besides its settings: said on its class, and here of classes of others.

class Mine(TensorwiseOptimizer):
    facts = Facts(works_on_shards=True, width_exponent=1.0)
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

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
    """

    works_on_shards: bool = False
    changed_on_shards: Mapping[str, Any] = field(default_factory=dict)
    width_exponent: Exponent | None = None

    def exponent(self, settings: Mapping[str, Any]) -> float | None:
        """The exponent of the width at these settings, None where it is not known."""
        return self.width_exponent(settings) if callable(self.width_exponent) else self.width_exponent


ADAM_LIKE = Facts(works_on_shards=True, width_exponent=1.0)
"""Each tensor by itself, elementwise, every element of the update of about size 1 (2203.03466, table 8)."""


def _of_muon(settings: Mapping[str, Any]) -> float:
    return 0.5 if settings.get("adjust_lr_fn") == "match_rms_adamw" else 0.0  # 2310.17813


OF_OTHERS: Mapping[str, Facts] = {
    "pytorch_optimizer.AdEMAMix": ADAM_LIKE,
    "pytorch_optimizer.AdaBelief": ADAM_LIKE,
    "pytorch_optimizer.Lion": ADAM_LIKE,
    "pytorch_optimizer.SignSGD": ADAM_LIKE,
    "pytorch_optimizer.StableAdamW": Facts(width_exponent=1.0),
    "schedulefree.AdamWScheduleFree": Facts(width_exponent=1.0),
    "torch.Adam": ADAM_LIKE,
    "torch.AdamW": ADAM_LIKE,
    "torch.Muon": Facts(width_exponent=_of_muon),
    "torch.NAdam": ADAM_LIKE,
    "torch.RAdam": ADAM_LIKE,
    # torch has no fused SGD for shards
    "torch.SGD": Facts(works_on_shards=True, changed_on_shards={"fused": False}),
}
"""By package and class. What works on shards trains over two processes as in one (the tests train it)."""


def facts_of(optimizer: Callable[..., Any]) -> Facts:
    """What is known of an optimizer's class (or of what makes one); nothing of one that nobody described."""
    said = getattr(optimizer, "facts", None)
    if isinstance(said, Facts):
        return said
    package, name = optimizer.__module__.partition(".")[0], getattr(optimizer, "__name__", "")
    return OF_OTHERS.get(f"{package}.{name}", Facts())
