import networkx
import numpy as np
import pytest
import torch

from tests.measures.maps import causal, drawn_map, looks_at
from tuneformer.measures.attention_graph import flow, residual_graph, rollout
from tuneformer.measures.attention_shares import uniform_attention

pytestmark = pytest.mark.fast


def maps(n_layers: int, n: int = 5) -> list[torch.Tensor]:
    return [drawn_map(2, 3, n, n, allowed=causal(n), seed=seed) for seed in range(n_layers)]


def test_rollout_is_the_product_of_the_layers_and_its_rows_add_up_to_one() -> None:
    layers = maps(3)
    expected = np.eye(5)
    for layer in layers:
        expected = (layer[1].mean(dim=0).numpy() + np.eye(5)) / 2 @ expected
    found = rollout(layers)
    np.testing.assert_allclose(found[1].numpy(), expected, rtol=1e-12)
    torch.testing.assert_close(found.sum(dim=-1), torch.ones(2, 5, dtype=torch.float64))
    identity = looks_at(list(range(4)))
    assert torch.equal(rollout([identity, identity])[0], torch.eye(4, dtype=torch.float64))
    assert torch.equal(rollout([torch.zeros(1, 2, 4, 4)])[0], torch.eye(4))


def test_flow_of_one_layer_is_its_graph() -> None:
    (layer,) = maps(1)
    found = flow([layer], range(5))
    torch.testing.assert_close(found, residual_graph(layer), rtol=0, atol=1e-7)


@pytest.mark.parametrize("n_layers", [2, 3])
def test_flow_is_that_of_a_graph_library(n_layers: int) -> None:
    layers = [*maps(n_layers - 1), uniform_attention(causal(5), maps(1)[0])]
    found = flow(layers, [4, 2])
    for b in range(2):
        graph = networkx.DiGraph()
        for level, layer in enumerate(layers):
            capacity = (layer[b].mean(dim=0).numpy() + np.eye(5)) / 2
            for i in range(5):
                for j in range(i + 1):
                    graph.add_edge((level + 1, i), (level, j), capacity=capacity[i, j])
        for row, output in enumerate((4, 2)):
            for token in range(output + 1):
                value, _ = networkx.maximum_flow(graph, (n_layers, output), (0, token))
                assert found[b, row, token].item() == pytest.approx(value, abs=1e-6)
            assert (found[b, row, output + 1 :] == 0).all()
