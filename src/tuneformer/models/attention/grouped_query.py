"""Grouped-query attention."""

from tuneformer.errors import UserError
from tuneformer.models.attention.layer_spec import LayerSpec
from tuneformer.models.attention.logit_shell import LogitShell
from tuneformer.models.attention.logits import LogitOptions, Logits
from tuneformer.models.attention.softmax import SoftmaxCore


class GroupedQueryAttention(LogitShell):
    """head_h = softmax(scale Q_h K_g^T + mask) V_g, g = floor(h G / H): a group of neighbours shares a head.

    G = n_key_value_heads of the H query heads (arXiv 2305.13245). Time is O(T^2 d_model) for T tokens,
    memory O(T d_model); the cache keeps 2 G head_dim numbers a token.
    """

    def __init__(
        self,
        *,
        layer: LayerSpec,
        n_key_value_heads: int,
        scale: float | None,
        qk_norm: bool,
        cosine: bool,
        logit_soft_cap: float | None,
        value_residual: float | None,
    ) -> None:
        """Build it.

        Raises:
            UserError: the query heads cannot be dealt to the groups.
        """
        if layer.n_heads % n_key_value_heads:
            raise UserError(
                f"attention.n_key_value_heads={n_key_value_heads} must divide model.n_heads={layer.n_heads}"
            )
        options = LogitOptions(
            scale=scale,
            qk_norm=qk_norm,
            cosine=cosine,
            logit_soft_cap=logit_soft_cap,
            value_residual=value_residual,
        )
        core = SoftmaxCore(logits=Logits(layer=layer, options=options), dropout=layer.dropout)
        super().__init__(layer=layer, core=core, options=options, n_key_value_heads=n_key_value_heads)
