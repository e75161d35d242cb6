"""Recurrences over a text in chunks: matrix products within a chunk, a loop from chunk to chunk."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

CHUNK = 64  # tokens, where a head forgets all of its numbers alike
VECTOR_CHUNK = 16  # where each number has a decay of its own, and a pair of tokens as many as numbers
DELTA_CHUNK = 32

Queries = Float[Tensor, "batch head time dim"]
Values = Float[Tensor, "batch head time value"]
State = Float[Tensor, "batch head dim value"]
Gate = Float[Tensor, "_ head time _"]


def decayed_scan(
    q: Queries, k: Queries, v: Values, log_decay: Gate | None, state: State
) -> tuple[Values, State]:
    """S_t = diag(a_t) S_(t-1) + k_t v_t^T, o_t = S_t^T q_t; return all o_t and the last S_t.

    With b_i the sum of log a up to token i of a chunk and S_0 the state before it (GLA, arXiv 2312.06635):

        o_i = (q_i exp(b_i)) S_0 + sum over j <= i of (q_i exp(b_i - b_j) k_j) v_j
        S_C = exp(b_C) S_0 + sum over j of exp(b_C - b_j) k_j v_j^T

    Time is O(T (chunk + dim) (dim + value)), memory O(T (dim + value + chunk) + T dim value / chunk).

    Args:
        q: queries.
        k: keys.
        v: values.
        log_decay: log a_t, not above 0: one number a token and head, or `dim` of them; None: nothing is
            forgotten. Of `dim` the pairs within a chunk take memory O(T chunk dim).
        state: S before the first token.
    """
    n_tokens, chunk = q.shape[2], CHUNK if log_decay is None or log_decay.shape[-1] == 1 else VECTOR_CHUNK
    q, k, v = (in_chunks(x, chunk) for x in (q, k, v))  # (B, H, N, C, D)
    causal = torch.ones(chunk, chunk, dtype=torch.bool, device=q.device).tril()
    if log_decay is None:
        within = (q @ k.transpose(-1, -2)).masked_fill(~causal, 0.0)
        from_start, to_end, whole = q, k, None
    else:
        b = in_chunks(log_decay, chunk).cumsum(dim=-2)
        within = _within_chunks(q, k, b).masked_fill(~causal, 0.0)
        from_start, to_end = q * b.exp(), k * (b[..., -1:, :] - b).exp()
        whole = b[..., -1, :].exp().unsqueeze(-1)  # (B, H, N, D, 1)
    added = to_end.transpose(-1, -2) @ v  # (B, H, N, D, V)
    states = [state]
    for n in range(q.shape[2]):
        kept = states[-1] if whole is None else states[-1] * whole[:, :, n]
        states.append(kept + added[:, :, n])
    o = within @ v + from_start @ torch.stack(states[:-1], dim=2)
    return o.flatten(2, 3)[:, :, :n_tokens], states[-1]


def _within_chunks(q: Tensor, k: Tensor, b: Tensor) -> Tensor:
    later = torch.ones(b.shape[-2], b.shape[-2], dtype=torch.bool, device=b.device).triu(1)
    if b.shape[-1] == 1:
        decay = (b - b.transpose(-1, -2)).masked_fill(later, 0.0).exp()
        return (q @ k.transpose(-1, -2)) * decay
    # exp(b_i) and exp(-b_j) by themselves would make two matrices to multiply, and overflow
    between = (b.unsqueeze(-2) - b.unsqueeze(-3)).masked_fill(later.unsqueeze(-1), 0.0)
    return torch.einsum("...id,...jd,...ijd->...ij", q, k, between.exp())


def decayed_weights(q: Queries, k: Queries, log_decay: Gate | None) -> Float[Tensor, "batch head time time"]:
    """Return the map A with o = A v of `decayed_scan` from state 0: sum_d q_id k_jd exp(b_id - b_jd)."""
    n_tokens = q.shape[2]
    later = torch.ones(n_tokens, n_tokens, dtype=torch.bool, device=q.device).triu(1)
    if log_decay is None:
        return (q @ k.transpose(-1, -2)).masked_fill(later, 0.0)
    b = log_decay.expand(-1, -1, n_tokens, -1).cumsum(dim=2)
    if b.shape[-1] == 1:
        decay = (b - b.transpose(-1, -2)).masked_fill(later, float("-inf")).exp()
        return q @ k.transpose(-1, -2) * decay
    weights = q.new_zeros(*q.shape[:2], n_tokens, n_tokens)
    for one in range(q.shape[-1]):  # not at once: that would hold dim maps
        between = b[..., one, None] - b[..., None, :, one]
        decay = between.masked_fill(later, float("-inf")).exp()
        weights = weights + q[..., one, None] * k[..., None, :, one] * decay
    return weights


def delta_scan(q: Queries, k: Queries, v: Values, beta: Gate, state: State) -> tuple[Values, State]:
    """S_t = (I - b_t k_t k_t^T) S_(t-1) + b_t k_t v_t^T, o_t = S_t^T q_t; return all o_t and the last S_t.

    Within a chunk S_t = S_0 + sum over j <= t of k_j u_j^T, where the u_j solve a triangular system (the WY
    form, arXiv 2406.06484):

        (I + tril(diag(b) K K^T, -1)) U = diag(b) (V - K S_0)
        O = Q S_0 + tril(Q K^T) U,    S_C = S_0 + K^T U

    Time is O(T (chunk + dim) (dim + value)), memory O(T (dim + value + chunk) + T dim value / chunk).

    Args:
        q: queries.
        k: keys, of length 1 as a rule: longer than sqrt(2 / b) they make S grow without bound.
        v: values.
        beta: b_t, (batch, head, time, 1).
        state: S before the first token.
    """
    n_tokens = q.shape[2]
    q, k, v, beta = (in_chunks(x, DELTA_CHUNK) for x in (q, k, v, beta))
    within = (q @ k.transpose(-1, -2)).tril()
    solved = solve_deltas(k, beta, torch.cat((v, k), dim=-1))
    from_values, from_keys = solved.split((v.shape[-1], k.shape[-1]), dim=-1)
    outputs = []
    for n in range(q.shape[2]):
        u = from_values[:, :, n] - from_keys[:, :, n] @ state
        outputs.append(q[:, :, n] @ state + within[:, :, n] @ u)
        state = state + k[:, :, n].transpose(-1, -2) @ u
    return torch.cat(outputs, dim=2)[:, :, :n_tokens], state


def delta_weights(q: Queries, k: Queries, beta: Gate) -> Float[Tensor, "batch head time time"]:
    """Return the map o = A v of `delta_scan` from state 0: tril(Q K^T) (I + tril(b K K^T, -1))^-1 b."""
    identity = torch.eye(q.shape[2], dtype=q.dtype, device=q.device).expand(*q.shape[:3], -1)
    return (q @ k.transpose(-1, -2)).tril() @ solve_deltas(k, beta, identity)


def solve_deltas(k: Tensor, beta: Tensor, right: Tensor) -> Tensor:
    """Return (I + tril(diag(b) K K^T, -1))^-1 diag(b) right, over the last two dimensions."""
    matrix = (beta * (k @ k.transpose(-1, -2))).tril(-1)
    return torch.linalg.solve_triangular(matrix, beta * right, upper=False, unitriangular=True)


def in_chunks(x: Tensor, chunk: int) -> Tensor:
    """Cut time into chunks, the last filled up with 0: (..., T, D) -> (..., N, C, D)."""
    return F.pad(x, (0, 0, 0, -x.shape[-2] % chunk)).unflatten(-2, (-1, chunk))
