"""Every module of conf/attention from its paper's equations: a head, a query and a key at a time, in float64.

Each takes the module, for its parameters alone, and one text (time, d_model), and returns (time, d_model).
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from tests.models.attention.modules import ROPE_BASE, SMALL
from tuneformer.models.attention.base import AttentionBase

Equation = Callable[[AttentionBase, Tensor], Tensor]


def linear(module: nn.Module, name: str, x: Tensor) -> Tensor:
    layer = module.get_submodule(name)
    assert isinstance(layer, nn.Linear)
    y = x @ layer.weight.T
    return y if layer.bias is None else y + layer.bias


def heads(module: AttentionBase, name: str, x: Tensor, dim: int | None = None) -> list[Tensor]:
    """Projections (time, dim), a list over heads."""
    return list(linear(module, name, x).split(dim or module.head_dim, dim=-1))


def rms_norm(module: nn.Module, name: str, x: Tensor) -> Tensor:
    gain = module.get_parameter(f"{name}.weight")
    return x / (x.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * gain


def turned(x: Tensor, position: int) -> Tensor:
    """RoPE of one vector, a pair at a time."""
    y = []
    for i in range(len(x) // 2):
        angle = position * ROPE_BASE ** (-2 * i / len(x))
        a, b = x[2 * i], x[2 * i + 1]
        y += [a * math.cos(angle) - b * math.sin(angle), a * math.sin(angle) + b * math.cos(angle)]
    return torch.stack(y)


def all_turned(x: Tensor) -> Tensor:
    return torch.stack([turned(row, position) for position, row in enumerate(x)])


def softmax_of(logits: Sequence[Tensor]) -> list[Tensor]:
    e = [logit.exp() for logit in logits]
    return [one / sum(e) for one in e]


def gathered(weights: Sequence[Tensor], values: Sequence[Tensor]) -> Tensor:
    return torch.stack([weight * value for weight, value in zip(weights, values, strict=True)]).sum(0)


def softmax_head(q: Tensor, k: Tensor, v: Tensor, sees: Callable[[int, int], bool]) -> Tensor:
    rows = []
    for i in range(len(q)):
        keys = [j for j in range(i + 1) if sees(i, j)]
        weights = softmax_of([q[i] @ k[j] / math.sqrt(len(q[i])) for j in keys])
        rows.append(gathered(weights, [v[j] for j in keys]))
    return torch.stack(rows)


def finished(module: AttentionBase, per_head: Sequence[Tensor]) -> Tensor:
    return linear(module, "output", torch.cat(list(per_head), dim=-1))


def softmax_over(sees: Callable[[int, int], bool]) -> Equation:
    """Multi-head attention over the keys j <= i that a query may see; groups of heads share keys."""

    def equation(module: AttentionBase, x: Tensor) -> Tensor:
        q, k, v = (heads(module, name, x) for name in ("query", "key", "value"))
        pairs = [(head, head * len(k) // len(q)) for head in range(len(q))]
        return finished(
            module, [softmax_head(all_turned(q[h]), all_turned(k[g]), v[g], sees) for h, g in pairs]
        )

    return equation


def multi_head_latent(module: AttentionBase, x: Tensor) -> Tensor:
    """The absorbed form: queries are taken to the latents, and what is gathered of them to values."""
    n_heads, dim, rotary = 4, 4, 2
    c = rms_norm(module, "latent_norm", linear(module, "latent", x))
    shared = all_turned(linear(module, "position_key", x))
    up, down = module.get_submodule("key"), module.get_submodule("value")
    assert isinstance(up, nn.Linear)
    assert isinstance(down, nn.Linear)
    per_head = []
    for head, q in enumerate(heads(module, "query", x, dim + rotary)):
        rows = slice(head * dim, (head + 1) * dim)
        out = []
        for i in range(len(x)):
            content, position = q[i, :dim], turned(q[i, dim:], i)
            absorbed = content @ up.weight[rows]
            offset = content @ up.bias[rows]
            logits = [absorbed @ c[j] + offset + position @ shared[j] for j in range(i + 1)]
            weights = softmax_of([logit / math.sqrt(dim + rotary) for logit in logits])
            out.append(down.weight[rows] @ gathered(weights, list(c[: i + 1])) + down.bias[rows])
        per_head.append(torch.stack(out))
    assert len(per_head) == n_heads
    return finished(module, per_head)


def linear_attention(module: AttentionBase, x: Tensor) -> Tensor:
    """The recurrence of the paper: a matrix and a vector."""

    def phi(y: Tensor) -> Tensor:
        return torch.where(y > 0, y + 1, y.exp())

    per_head = []
    for q, k, v in zip(*(heads(module, name, x) for name in ("query", "key", "value")), strict=True):
        s, z, out = torch.zeros(4, 4, dtype=x.dtype), torch.zeros(4, dtype=x.dtype), []
        for i in range(len(x)):
            key, query = phi(turned(k[i], i)), phi(turned(q[i], i))
            s, z = s + torch.outer(key, v[i]), z + key
            out.append(query @ s / (query @ z))
        per_head.append(torch.stack(out))
    return finished(module, per_head)


def silu(x: Tensor) -> Tensor:
    return x / (1 + (-x).exp())


def gated_by_token(module: AttentionBase, x: Tensor, per_head: Sequence[Tensor]) -> Tensor:
    normed = torch.cat([rms_norm(module, "head_norm", head) for head in per_head], dim=-1)
    return linear(module, "output", silu(linear(module, "gate_output", x)) * normed)


def retention(module: AttentionBase, x: Tensor) -> Tensor:
    """The parallel form, with powers of the decay."""
    per_head = []
    q, k, v = (heads(module, name, x) for name in ("query", "key", "value"))
    for h in range(4):
        gamma, out = 1 - 2.0 ** (-5 - h), []
        for i in range(len(x)):
            weights = [gamma ** (i - j) * (turned(q[h][i], i) @ turned(k[h][j], j)) / 2 for j in range(i + 1)]
            out.append(gathered(weights, [v[h][j] for j in range(i + 1)]))
        per_head.append(torch.stack(out))
    return gated_by_token(module, x, per_head)


def gated_linear(module: AttentionBase, x: Tensor) -> Tensor:
    """The recurrence, each row of the state forgotten by itself."""
    alpha = torch.sigmoid(linear(module, "decay_up", linear(module, "decay_down", x))) ** (1 / 16)
    per_head = []
    for h, (q, k, v) in enumerate(
        zip(*(heads(module, n, x) for n in ("query", "key", "value")), strict=True)
    ):
        s, out = torch.zeros(4, 4, dtype=x.dtype), []
        for i in range(len(x)):
            s = alpha[i, 4 * h : 4 * h + 4, None] * s + torch.outer(turned(k[i], i), v[i])
            out.append(s.T @ turned(q[i], i) / 2)
        per_head.append(torch.stack(out))
    return gated_by_token(module, x, per_head)


def delta_rule(module: AttentionBase, x: Tensor) -> Tensor:
    """The recurrence in the paper's orientation, values in rows."""
    beta = torch.sigmoid(linear(module, "write", x))
    per_head = []
    for h, (q, k, v) in enumerate(
        zip(*(heads(module, n, x) for n in ("query", "key", "value")), strict=True)
    ):
        s, out, identity = torch.zeros(4, 4, dtype=x.dtype), [], torch.eye(4, dtype=x.dtype)
        for i in range(len(x)):
            key, query = (turned(silu(y[i]) / silu(y[i]).pow(2).sum().sqrt(), i) for y in (k, q))
            s = s @ (identity - beta[i, h] * torch.outer(key, key)) + beta[i, h] * torch.outer(v[i], key)
            out.append(s @ query)
        per_head.append(rms_norm(module, "head_norm", torch.stack(out)))
    return finished(module, per_head)


def differential(module: AttentionBase, x: Tensor) -> Tensor:
    initial = 0.8 - 0.6 * math.exp(-0.3 * (2 - 1))  # the paper counts layers from 1; this is the second
    lq, lk = module.get_parameter("core.query_lambda"), module.get_parameter("core.key_lambda")
    lambda_ = (lq[0] @ lk[0]).exp() - (lq[1] @ lk[1]).exp() + initial
    q, k, v = heads(module, "query", x, 2), heads(module, "key", x, 2), heads(module, "value", x)
    per_head = []
    for h in range(4):
        first, second = (
            softmax_head(all_turned(q[2 * h + m]), all_turned(k[2 * h + m]), v[h], lambda i, j: True)
            for m in (0, 1)
        )
        per_head.append((1 - initial) * rms_norm(module, "head_norm", first - lambda_ * second))
    return finished(module, per_head)


def by_logits(weigh: Callable[[AttentionBase, int, Tensor], Tensor]) -> Equation:
    """`weigh(module, head, logits)` gives one query's weights from its logits of the keys up to itself."""

    def equation(module: AttentionBase, x: Tensor) -> Tensor:
        q, k, v = (heads(module, name, x) for name in ("query", "key", "value"))
        per_head = []
        for h in range(4):
            out = []
            for i in range(len(x)):
                logits = torch.stack([turned(q[h][i], i) @ turned(k[h][j], j) / 2 for j in range(i + 1)])
                out.append(weigh(module, h, logits) @ v[h][: i + 1])
            per_head.append(torch.stack(out))
        return finished(module, per_head)

    return equation


def sigmoid(module: AttentionBase, head: int, logits: Tensor) -> Tensor:
    return 1 / (1 + (-(logits - math.log(module.layer.context_length))).exp())


def softmax_one(module: AttentionBase, head: int, logits: Tensor) -> Tensor:
    e = logits.exp()
    return e / (1 + e.sum())


def learned_sink(module: AttentionBase, head: int, logits: Tensor) -> Tensor:
    e = torch.cat((logits, module.get_parameter("core.logit_sink")[head : head + 1])).exp()
    return (e / e.sum())[:-1]


def top_k(module: AttentionBase, head: int, logits: Tensor) -> Tensor:
    best = sorted(range(len(logits)), key=lambda j: -logits[j].item())[: SMALL["k"]]
    e = logits.exp()
    kept = torch.tensor([float(j in best) for j in range(len(logits))], dtype=logits.dtype)
    return kept * e / (kept * e).sum()


def gated_output(module: AttentionBase, x: Tensor) -> Tensor:
    q, k, v = (heads(module, name, x) for name in ("query", "key", "value"))
    per_head = [softmax_head(all_turned(q[h]), all_turned(k[h]), v[h], lambda i, j: True) for h in range(4)]
    gate = 1 / (1 + (-linear(module, "gate", x)).exp())
    return linear(module, "output", torch.cat(per_head, dim=-1) * gate)


def talking_heads(module: AttentionBase, x: Tensor) -> Tensor:
    before, after = module.get_parameter("core.logit_mix"), module.get_parameter("core.weight_mix")
    q, k, v = (heads(module, name, x) for name in ("query", "key", "value"))
    rows: list[list[Tensor]] = [[], [], [], []]
    for i in range(len(x)):
        logits = [[turned(q[h][i], i) @ turned(k[h][j], j) / 2 for j in range(i + 1)] for h in range(4)]
        weights = [
            softmax_of([gathered(list(before[g]), [row[j] for row in logits]) for j in range(i + 1)])
            for g in range(4)
        ]
        for g in range(4):
            mixed = [gathered(list(after[g]), [row[j] for row in weights]) for j in range(i + 1)]
            rows[g].append(gathered(mixed, list(v[g][: i + 1])))
    return finished(module, [torch.stack(row) for row in rows])


EQUATIONS: dict[str, Equation] = {
    "multi_head": softmax_over(lambda i, j: True),
    "multi_query": softmax_over(lambda i, j: True),
    "grouped_query": softmax_over(lambda i, j: True),
    "multi_head_latent": multi_head_latent,
    "sliding_window": softmax_over(lambda i, j: 0 <= i - j < SMALL["window"]),
    "block_local": softmax_over(lambda i, j: i // SMALL["block"] == j // SMALL["block"]),
    "first_tokens_window": softmax_over(lambda i, j: i - j < SMALL["window"] or j < SMALL["n_first"]),
    "linear": linear_attention,
    "retention": retention,
    "gated_linear": gated_linear,
    "delta_rule": delta_rule,
    "differential": differential,
    "sigmoid": by_logits(sigmoid),
    "softmax_one": by_logits(softmax_one),
    "learned_sink": by_logits(learned_sink),
    "top_k": by_logits(top_k),
    "gated_output": gated_output,
    "talking_heads": talking_heads,
}
