"""How attention adds up over layers: rollout and flow from the tokens to the outputs (2005.00928)."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse import coo_array
from scipy.sparse.csgraph import maximum_flow
from torch import Tensor

from tuneformer.measures.attention_shares import Weights, shares

# capacities of scipy's integers: 31 bits, and what leaves a node adds up to this
UNIT = 2**28


def residual_graph(weights: Weights) -> Float[Tensor, "batch query key"]:
    """Return (A + I) / 2, A the mean of the heads' `shares`: attention and the stream beside it (2005.00928).

    Rows add up to 1; that of a query without weight is the identity's.
    """
    mean = shares(weights).mean(dim=1)
    graph = mean + torch.eye(mean.shape[-1], dtype=mean.dtype, device=mean.device)
    return graph / graph.sum(dim=-1, keepdim=True)


def rollout(maps: Sequence[Weights]) -> Float[Tensor, "batch query key"]:
    """Return the product of (A_l + I) / 2 over layers, the last one first (2005.00928, attention rollout).

    Row i is how much of each token arrives at output i if attention and skips mix values alone; it adds up to
    1. A = I gives I. Null: the rollout of `uniform_attention` under the same mask.

    Args:
        maps: self-attention weights of each layer, from the first on.
    """
    product = residual_graph(maps[0])
    for weights in maps[1:]:
        product = residual_graph(weights) @ product
    return product


def flow(maps: Sequence[Weights], outputs: Sequence[int]) -> Float[Tensor, "batch output key"]:
    """Return the maximum flow from each output to each token through (A_l + I) / 2 (2005.00928).

    Edges from token i of layer l to token j of the layer below carry at most (A_l + I)_ij / 2. For one layer
    it is that matrix; values are not shares, they do not add up to 1. Null: the flow of `uniform_attention`.
    Computed on the CPU in steps of 2^-28: time grows as outputs * tokens * edges.

    Args:
        maps: self-attention weights of each layer, from the first on.
        outputs: positions to ask for.
    """
    graphs = torch.stack([residual_graph(weights) for weights in maps]).double().cpu().numpy()
    flows = [[_flows_from(graphs[:, b], output) for output in outputs] for b in range(graphs.shape[1])]
    return torch.from_numpy(np.array(flows))


def _flows_from(graphs: np.ndarray, output: int) -> list[float]:
    n_layers, n_tokens = graphs.shape[:2]
    # node (level, token); the top level is 0, and edges lead down
    layer, query, key = np.nonzero(np.floor(graphs[::-1] * UNIT))
    capacity = np.floor(graphs[::-1] * UNIT)[layer, query, key].astype(np.int32)
    edges = (layer * n_tokens + query, (layer + 1) * n_tokens + key)
    network = coo_array((capacity, edges), shape=2 * ((n_layers + 1) * n_tokens,)).tocsr()
    bottom = n_layers * n_tokens
    return [maximum_flow(network, output, bottom + token).flow_value / UNIT for token in range(n_tokens)]
