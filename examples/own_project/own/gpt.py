"""A Transformer as it may stand in any project: token ids in, logits of the next token out."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tuneformer.models.parts import AttentionPart, LayerPart


class Attention(nn.Module):
    """Causal attention with several heads."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads, self.head_dim = n_heads, width // n_heads
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """What the heads read, (batch, time, width)."""
        parts = self.queries_keys_values(x).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in parts)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.output(heads.transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """Attention and a feed-forward layer, each beside the stream."""

    def __init__(self, width: int, n_heads: int) -> None:
        super().__init__()
        self.attention_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, n_heads)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """The stream behind the layer."""
        x = x + self.attention(self.attention_norm(x))
        return x + self.down(F.gelu(self.up(self.norm(x))))


class GPT(nn.Module):
    """Layers over embeddings of tokens and positions."""

    def __init__(
        self, *, vocab_size: int, context_length: int, width: int = 64, n_layers: int = 2, n_heads: int = 4
    ) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocab_size, width), nn.Embedding(context_length, width)
        self.layers = nn.ModuleList(Layer(width, n_heads) for _ in range(n_layers))
        self.norm, self.logits = nn.LayerNorm(width), nn.Linear(width, vocab_size, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the next token, (batch, time, vocab)."""
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1], device=tokens.device))
        for layer in self.layers:
            x = layer(x)
        return self.logits(self.norm(x))

    # What follows is for `tuneformer analyze`; without it the model trains as well.

    def layer_parts(self) -> list[LayerPart]:
        """The layers, and the matrix behind the hidden units of each."""
        return [LayerPart(stack="decoder", layer=i, module=x, down=x.down) for i, x in enumerate(self.layers)]

    def attention_parts(self) -> list[AttentionPart]:
        """The modules that attend, and the matrix behind the heads of each."""
        return [
            AttentionPart(stack="decoder", layer=i, module=x, output=x.output, head_dim=x.head_dim)
            for i, x in enumerate(layer.attention for layer in self.layers)
        ]
