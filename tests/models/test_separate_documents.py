"""Documents that are kept apart are read as if each were alone."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.models.attention.modules import OPTIONS, described
from tests.models.test_decoder_attention import build, randomised
from tuneformer.errors import UserError
from tuneformer.inference.generation import generate
from tuneformer.models.attention.explicit import explicit_attention
from tuneformer.models.attention.mask import AttentionMask
from tuneformer.models.attention.separate_documents import SeparateDocuments
from tuneformer.models.decoder import Decoder
from tuneformer.models.position_settings import POSITIONS

START = 10
LENGTHS = ((5, 1, 6), (3, 7, 2), (12,))
WITH_LOGITS = [option for option in OPTIONS if described(option).has_logits]
pytestmark = pytest.mark.fast


def text(*, start: int = START) -> Tensor:
    """Three texts of documents of LENGTHS; the second begins in the middle of one."""
    tokens = torch.randint(start, (3, 12), generator=torch.Generator().manual_seed(1))
    for row, lengths in enumerate(LENGTHS):
        for place in torch.tensor((0, *lengths)).cumsum(0)[:-1]:
            tokens[row, place] = start
    tokens[1, 0] = 4
    return tokens


def alone(model: nn.Module, tokens: Tensor) -> Tensor:
    """The logits of each document read by itself, put together again."""
    rows = [
        torch.cat([model(part[None])[0] for part in row.split(lengths)])
        for row, lengths in zip(tokens, LENGTHS, strict=True)
    ]
    return torch.stack(rows)


def decoder(option: str, **changes: Any) -> Decoder:
    return randomised(build(option, document_start=START, **changes))


@pytest.mark.parametrize("path", ["fused", "explicit"])
@pytest.mark.parametrize("option", WITH_LOGITS)
def test_every_module_reads_each_document_as_if_it_were_alone(option: str, path: str) -> None:
    model = decoder(option)
    seen = explicit_attention(model, lambda site, weights: weights) if path == "explicit" else nullcontext()
    with torch.no_grad(), seen:
        torch.testing.assert_close(model(text()), alone(model, text()), rtol=0, atol=1e-11)


# half of four numbers are a pair to rotate
@pytest.mark.parametrize("option", ["multi_head", "multi_head_latent", "learned_sink", "first_tokens_window"])
@pytest.mark.parametrize("positions", POSITIONS)
def test_positions_of_every_kind_begin_anew(positions: str, option: str) -> None:
    model = decoder(option, positions=positions, rope_fraction=0.5)
    with torch.no_grad():
        torch.testing.assert_close(model(text()), alone(model, text()), rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    "changes",
    [
        {"embedded_tokens": 4},
        {"block": "post_norm"},
        {"block": "parallel"},
        {"base_width": 8},
        {"embedded_tokens": 3, "positions": "sinusoidal"},
    ],
)
def test_so_does_every_way_to_build_a_decoder(changes: dict[str, Any]) -> None:
    model = decoder("multi_head", **changes)
    with torch.no_grad():
        torch.testing.assert_close(model(text()), alone(model, text()), rtol=0, atol=1e-11)


def test_gradients_are_those_of_the_documents_alone() -> None:
    def gradients(of: Any) -> list[Tensor]:
        model = decoder("grouped_query")
        of(model).square().sum().backward()
        found = [parameter.grad for parameter in model.parameters()]
        known = [gradient for gradient in found if gradient is not None]
        assert len(known) == len(found)
        return known

    together, apart = gradients(lambda model: model(text())), gradients(lambda model: alone(model, text()))
    for one, other in zip(together, apart, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@contextmanager
def a_leak(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Masks that know of no documents."""
    with monkeypatch.context() as patched:
        allowed = AttentionMask.allowed

        def leaking(mask: AttentionMask, *sizes: Any) -> Tensor | None:
            return allowed(AttentionMask(causal=mask.causal), *sizes)

        patched.setattr(AttentionMask, "allowed", leaking)
        yield


@pytest.mark.parametrize("option", [option for option in WITH_LOGITS if option != "block_local"])
def test_a_mask_without_documents_would_be_noticed(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = decoder(option)
    with torch.no_grad(), a_leak(monkeypatch):
        assert (model(text()) - alone(model, text())).abs().max() > 1e-3


def test_positions_that_go_on_would_be_noticed() -> None:
    model, plain = decoder("multi_head"), randomised(build("multi_head"))
    plain.load_state_dict(model.state_dict())
    with torch.no_grad():
        assert (plain(text()) - alone(model, text())).abs().max() > 1e-3
        torch.testing.assert_close(plain(text())[2], model(text())[2], rtol=0, atol=1e-11)


@pytest.mark.parametrize("option", WITH_LOGITS)
@pytest.mark.parametrize(
    "changes", [{}, {"positions": "alibi"}, {"embedded_tokens": 3, "positions": "learned"}]
)
def test_a_cache_knows_the_documents_of_what_it_holds(option: str, changes: dict[str, Any]) -> None:
    model = decoder(option, **changes)
    with torch.no_grad():
        whole = model(text())
        for lengths in ([1] * 12, [4, 1, 3, 4], [12]):
            cache = model.new_cache()
            parts = [model(part, cache) for part in text().split(lengths, dim=1)]
            torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-11)
        cache = model.new_cache()
        model(text()[:, :7], cache)
        cache.select(torch.tensor([2, 0]))
        torch.testing.assert_close(model(text()[[2, 0], 7:], cache), whole[[2, 0], 7:], rtol=0, atol=1e-11)


def test_generating_over_the_beginning_of_a_document_is_the_same_with_and_without_a_cache() -> None:
    model = decoder("multi_head")
    with torch.no_grad():
        model.token_embedding.weight[START] *= 3  # so that it is often drawn
    seen = text()[0, :4].tolist()
    generator = torch.Generator().manual_seed(3)
    drawn = [*generate(model, torch.tensor(seen), n_tokens=8, temperature=0, top_k=None, generator=generator)]
    for token in drawn:
        with torch.no_grad():
            assert int(model(torch.tensor([seen]))[0, -1].argmax()) == token
        seen.append(token)
    assert START in drawn


def test_documents_are_told_by_their_first_token() -> None:
    documents = SeparateDocuments.of(text(), START)
    assert documents.positions[0].tolist() == [0, 1, 2, 3, 4, 0, 0, 1, 2, 3, 4, 5]
    assert documents.numbers[1].tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2]
    mask = AttentionMask(causal=True, documents=documents)
    allowed = mask.allowed(12, 12, torch.device("cpu"))
    assert allowed is not None
    assert allowed[0, 0].sum(dim=-1).tolist() == [1, 2, 3, 4, 5, 1, 1, 2, 3, 4, 5, 6]
    last = mask.allowed(1, 12, torch.device("cpu"))
    assert last is not None
    assert last[:, 0, 0].sum(dim=-1).tolist() == [6, 2, 12]


@pytest.mark.parametrize("option", [option for option in OPTIONS if not described(option).has_logits])
def test_a_module_whose_past_is_a_state_refuses(option: str) -> None:
    with pytest.raises(UserError, match="whose state goes on"):
        build(option, document_start=START)
