"""See attention weights, or change them, in any model made of modules that can be watched."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from jaxtyping import Bool, Float
from torch import Tensor, nn

from tuneformer.models.attention.layer_spec import AttentionSite

EditWeights = Callable[[AttentionSite, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenAttention:
    """One pass through one attention module.

    Attributes:
        weights: as used, before dropout.
        values: what they mix, in heads.
        logits: before the mask; None where a module has none. Two maps a head in differential attention.
        allowed: which keys a query may see, in a shape that broadcasts to that of the weights; None: all.
    """

    weights: Float[Tensor, "batch head query key"]
    values: Float[Tensor, "batch head key value"]
    logits: Float[Tensor, "batch map query key"] | None
    allowed: Bool[Tensor, "*_ _ _"] | None


Watch = Callable[[AttentionSite, SeenAttention], None]


class Watched(nn.Module):
    """A module whose attention weights can be seen and edited: where someone does, it computes them."""

    def __init__(self) -> None:
        super().__init__()
        self.edit_weights: EditWeights | None = None  # set by `explicit_attention`
        self.watch: Watch | None = None  # set by `watch_attention`

    @property
    def is_watched(self) -> bool:
        """Whether the weights must be computed explicitly."""
        return self.edit_weights is not None or self.watch is not None

    def edited(self, site: AttentionSite, weights: Tensor) -> Tensor:
        """Return the weights to use."""
        return weights if self.edit_weights is None else self.edit_weights(site, weights)

    @property
    def told_as(self) -> str:
        """What people know the module by."""
        return type(self).__name__


class WatchedHeads(Watched):
    """One whose heads come together in one matrix: there each can be seen and taken out.

    Attributes:
        output: that matrix; its inputs are the heads, one behind the other.
        head_dim: the inputs of one head.
    """

    output: nn.Linear
    head_dim: int

    @property
    def site(self) -> AttentionSite:
        """Where it is in the model."""
        raise NotImplementedError

    @property
    def output_weight(self) -> Tensor:
        """The weight of that matrix."""
        return self.output.weight

    @property
    def heads_are_plain(self) -> bool:
        """Whether nothing norms or gates the heads before that matrix."""
        return True


@contextmanager
def explicit_attention(model: nn.Module, edit: EditWeights) -> Iterator[None]:
    """Within the block, the model computes attention weights explicitly and passes them through `edit`.

    `edit(site, weights)` receives the weights (batch, head, query, key) of one attention module before
    dropout and returns those to use: the same to watch, others to intervene. `site` tells which module it
    is: (stack, layer), the stack "decoder", "encoder", "cross" or "pooling". A recurrent decoder calls it
    once for each token that it writes, with one query. To take head 2 out of layer 1:

        def ablate(site, weights):
            keep = torch.ones(weights.shape[1], 1, 1)
            keep[2] = 0
            return weights * keep if site == ("decoder", 1) else weights

    Gradients flow through it, second derivatives too, which the fused path does not have on every
    device.
    """
    with _hooked(model, "edit_weights", edit):
        yield


@contextmanager
def record_attention(model: nn.Module) -> Iterator[dict[tuple[str, int], list[Tensor]]]:
    """Within the block, collect the attention weights of each forward pass, by module.

    with record_attention(model) as weights:
        model(tokens)
    weights["decoder", 0][-1]  # (batch, head, query, key) of layer 0 in the last pass
    """
    recorded: dict[tuple[str, int], list[Tensor]] = {}

    def watch(site: AttentionSite, weights: Tensor) -> Tensor:
        recorded.setdefault(site, []).append(weights)
        return weights

    with explicit_attention(model, watch):
        yield recorded


@contextmanager
def watch_attention(model: nn.Module, watch: Watch) -> Iterator[None]:
    """Within the block, `watch(site, seen)` sees weights, values, logits and mask of each pass; see above."""
    with _hooked(model, "watch", watch):
        yield


@contextmanager
def _hooked(model: nn.Module, name: str, hook: Watch | EditWeights) -> Iterator[None]:
    watched = [module for module in model.modules() if isinstance(module, Watched)]
    before = [getattr(module, name) for module in watched]
    for module in watched:
        setattr(module, name, hook)
    try:
        yield
    finally:
        for module, previous in zip(watched, before, strict=True):
            setattr(module, name, previous)
