from typing import Any

import pytest
import torch
from torch import Tensor

from tests.models.families import randomised, small_model
from tests.models.sequence_pairs import (
    SOURCE,
    TARGET,
    VISIBLE,
    assert_padding_changes_nothing,
    assert_reads_its_inputs_in_order,
    assert_steps_equal_the_whole,
    weights_by_site,
)
from tuneformer.errors import UserError
from tuneformer.models.attention.explicit import explicit_attention, record_attention
from tuneformer.models.attention.layer_spec import AttentionSite
from tuneformer.models.recurrent.alignment import SCORES

pytestmark = pytest.mark.fast

KINDS: list[tuple[str, dict[str, Any]]] = [
    ("lstm", {}),
    *[("lstm_attention", {"score": score}) for score in SCORES],
]


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("family", "changes"), KINDS)
def test_steps_equal_the_whole_blind_to_padding(
    family: str, changes: dict[str, Any], bidirectional: bool
) -> None:
    model = randomised(small_model(family, bidirectional=bidirectional, **changes))
    assert_steps_equal_the_whole(model)
    assert_padding_changes_nothing(model)
    assert_reads_its_inputs_in_order(model)


@pytest.mark.parametrize("score", SCORES)
def test_a_layer_with_attention_is_the_papers_equations(score: str) -> None:
    model = randomised(small_model("lstm_attention", n_layers=1, score=score))
    w = dict(model.named_parameters())
    logits = model(SOURCE, VISIBLE, TARGET)
    states, last = model.encoder(w["token_embedding.weight"][SOURCE], VISIBLE)

    def align(query: Tensor, h: Tensor) -> Tensor:
        key = h @ w["alignment.score.key.weight"].T
        if score == "additive":
            inside = torch.tanh(w["alignment.score.query.weight"] @ query + key)
            return (inside @ w["alignment.score.score.weight"][0]).softmax(0) @ h
        return (key @ query).softmax(0) @ h

    for row, n in enumerate((7, 4, 1)):
        s, cell, h = last.hidden[0, row], last.cell[0, row], states[row, :n]
        fed = torch.zeros(16, dtype=torch.float64)
        for step, token in enumerate(TARGET[row]):
            extra = align(s, h) if score == "additive" else fed
            x = torch.cat((w["token_embedding.weight"][token], extra))
            gates = w["cells.0.weight_ih"] @ x + w["cells.0.bias_ih"]
            i, f, g, o = (gates + w["cells.0.weight_hh"] @ s + w["cells.0.bias_hh"]).chunk(4)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            s = torch.sigmoid(o) * torch.tanh(cell)
            found = extra if score == "additive" else align(s, h)
            fed = torch.tanh(w["combine.weight"] @ torch.cat((found, s)))
            expected = w["token_embedding.weight"] @ fed
            torch.testing.assert_close(logits[row, step], expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("score", SCORES)
def test_the_alignment_is_recorded_and_can_be_edited(score: str) -> None:
    model = randomised(small_model("lstm_attention", score=score))
    plain = model(SOURCE, VISIBLE, TARGET)
    with record_attention(model) as recorded:
        torch.testing.assert_close(model(SOURCE, VISIBLE, TARGET), plain, rtol=0, atol=0)
    weights = weights_by_site(recorded)["cross", 0]
    assert weights.shape == (3, 1, 9, 7)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 1, 9).double())
    assert (weights[1, :, :, 4:] == 0).all()

    def look_at_the_first(site: AttentionSite, weights: Tensor) -> Tensor:
        return torch.nn.functional.one_hot(torch.zeros(3, 1, 1, dtype=torch.long), 7).double()

    with explicit_attention(model, look_at_the_first):
        assert (model(SOURCE, VISIBLE, TARGET) - plain).abs().amax() > 1e-3


@pytest.mark.parametrize("family", ["lstm", "lstm_attention"])
def test_for_data_with_classes_they_classify_blind_to_padding(family: str) -> None:
    model = randomised(small_model(family, n_classes=5))
    alone = torch.cat([model(row[None, :n]) for row, n in zip(SOURCE, (7, 4, 1), strict=True)])
    assert alone.shape == (3, 5)
    for padding in (0, 9):
        padded = torch.where(VISIBLE, SOURCE, padding)
        torch.testing.assert_close(model(padded, VISIBLE), alone, rtol=0, atol=1e-12)
    with record_attention(model) as weights:
        model(SOURCE, VISIBLE)
    assert {site: recorded[0].shape for site, recorded in weights.items()} == (
        {("pooling", 0): (3, 1, 1, 7)} if family == "lstm_attention" else {}
    )


def test_dropout_acts_in_training_alone() -> None:
    for family, changes in KINDS:
        model = small_model(family, dropout=0.4, **changes)
        assert not torch.equal(model(SOURCE, VISIBLE, TARGET), model(SOURCE, VISIBLE, TARGET))
        model.eval()
        assert torch.equal(model(SOURCE, VISIBLE, TARGET), model(SOURCE, VISIBLE, TARGET))


def test_a_seed_gives_the_same_weights() -> None:
    for family, changes in KINDS:
        one, same, other = (small_model(family, seed=seed, **changes).state_dict() for seed in (0, 0, 1))
        for name, weight in one.items():
            assert torch.equal(weight, same[name])
            assert weight.ndim < 2 or not torch.equal(weight, other[name])


def test_an_odd_width_for_two_directions_is_refused() -> None:
    with pytest.raises(UserError, match=r"model\.d_model=15 must be even with model\.bidirectional=true"):
        small_model("lstm", d_model=15)
