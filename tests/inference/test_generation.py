from collections.abc import Generator
from functools import partial
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor

from tuneformer.errors import UserError
from tuneformer.inference.generation import draw_token, generate
from tuneformer.models.attention.qkv.multi_head import MultiHeadAttention
from tuneformer.models.attention.settings import PLAIN
from tuneformer.models.decoder import Decoder
from tuneformer.models.settings import DecoderSettings

pytestmark = pytest.mark.fast

PROMPT = torch.tensor([3, 1, 4])


@pytest.fixture
def model() -> Decoder:
    return build("rope")


def build(positions: str) -> Decoder:
    """A model with weights so large that its logits depend on what it has seen."""
    torch.default_generator.manual_seed(0)
    settings = DecoderSettings(
        vocab_size=11,
        context_length=16,
        size=None,
        n_layers=2,
        n_heads=2,
        d_model=16,
        d_ff=None,
        dropout=0.5,
        block="pre_norm",
        norm="rms_norm",
        feed_forward="gelu",
        positions=positions,
        rope_base=10000.0,
        rope_fraction=0.5,
        rope_scale=2.0,
        t5_buckets=32,
        t5_max_distance=128,
        bias=False,
        embedded_tokens=1,
        tie_embeddings=False,
        base_width=None,
        initialization="gpt2",
    )
    model = Decoder(settings=settings, attention=partial(MultiHeadAttention, settings=PLAIN))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.7)
    return model


def text(model: Decoder, prompt: Tensor = PROMPT, **changes: Any) -> list[int]:
    settings = {"n_tokens": 12, "temperature": 1.0, "top_k": None, "seed": 0} | changes
    generator = torch.Generator().manual_seed(settings.pop("seed"))
    return list(generate(model, prompt, generator=generator, **settings))


def text_without_cache(model: Decoder, prompt: Tensor, *, n_tokens: int, temperature: float) -> list[int]:
    """A full pass for each token; a full context of 16 begins again from its last 8 tokens."""
    model.eval()
    generator = torch.Generator().manual_seed(0)
    seen = prompt.tolist()
    first = max(0, len(seen) - 16)
    for _ in range(n_tokens):
        if len(seen) - first > 16:
            first = len(seen) - 8
        with torch.no_grad():
            logits = model(torch.tensor([seen[first:]]))[0, -1].double()
        if temperature == 0:
            seen.append(int(logits.argmax()))
        else:
            order = logits.argsort(descending=True)
            probabilities = (logits[order] / temperature).softmax(0)
            seen.append(int(order[torch.multinomial(probabilities, 1, generator=generator)]))
    return seen[len(prompt) :]


@pytest.mark.parametrize(
    ("positions", "n_prompt", "temperature"),
    [
        (positions, n_prompt, 2.0 * ((row + column) % 2))
        for row, positions in enumerate(["rope", "learned", "sinusoidal", "none"])
        for column, n_prompt in enumerate([1, 3, 16, 40])
    ],
)
def test_text_equals_that_of_a_loop_without_cache(positions: str, n_prompt: int, temperature: float) -> None:
    model = build(positions)
    prompt = torch.randint(11, (n_prompt,), generator=torch.Generator().manual_seed(1))
    # of one token and 28 more, the context of 16 is full twice
    generated = text(model, prompt, n_tokens=28, temperature=temperature)
    assert generated == text_without_cache(model, prompt, n_tokens=28, temperature=temperature)
    assert temperature == 0 or len(set(generated)) > 2, (
        "the text of a random model may settle, a drawn one not"
    )


def test_top_1_equals_greedy(model: Decoder) -> None:
    assert text(model, top_k=1, temperature=3.0) == text(model, temperature=0.0)


def test_a_seed_reproduces_the_text_and_another_gives_another(model: Decoder) -> None:
    assert text(model, seed=1) == text(model, seed=1)
    assert text(model, seed=1) != text(model, seed=2)


def test_generation_leaves_the_global_random_state_and_the_mode_alone(model: Decoder) -> None:
    for training in (True, False):
        model.train(training)
        before = torch.get_rng_state()
        text(model)
        assert torch.equal(torch.get_rng_state(), before)
        assert model.training == training
        assert all(module.training == training for module in model.modules())


def test_an_iteration_that_is_left_early_restores_the_mode_and_leaks_no_inference_mode(
    model: Decoder,
) -> None:
    model.train()
    stream = generate(
        model, PROMPT, n_tokens=9, temperature=1.0, top_k=None, generator=torch.Generator().manual_seed(0)
    )
    assert isinstance(stream, Generator)
    assert list(islice(stream, 2)) == text(model, n_tokens=2)
    assert not torch.is_inference_mode_enabled()
    stream.close()
    assert model.training


def test_drawn_tokens_follow_the_distribution_of_the_logits() -> None:
    logits = torch.tensor([0.0, 1.0, -1.0, 2.0])
    generator = torch.Generator().manual_seed(0)
    draws = [draw_token(logits, temperature=0.7, top_k=3, generator=generator) for _ in range(4000)]
    counts = torch.bincount(torch.tensor(draws), minlength=4) / 4000
    powers = (logits.double() / 0.7).exp() * torch.tensor([1, 1, 0, 1])
    expected = powers / powers.sum()
    assert counts[2] == 0
    error = 4 * (expected * (1 - expected) / 4000).sqrt()
    assert ((counts - expected).abs() <= error).all()


def test_a_top_k_beyond_the_vocabulary_keeps_all_and_a_tiny_temperature_is_greedy(model: Decoder) -> None:
    assert text(model, top_k=1000) == text(model, top_k=None)
    assert text(model, temperature=5e-324) == text(model, temperature=0.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_tokens": 0}, r"^--tokens=0 must be at least 1$"),
        ({"temperature": -0.1}, r"^--temperature=-0\.1 must be a finite number, 0 or greater"),
        ({"temperature": float("nan")}, r"^--temperature=nan must be"),
        ({"temperature": float("inf")}, r"^--temperature=inf must be"),
        ({"top_k": 0}, r"^--top-k=0 must be at least 1"),
    ],
)
def test_a_setting_out_of_range_is_refused_at_the_call(
    model: Decoder, changes: dict[str, Any], message: str
) -> None:
    settings: dict[str, Any] = {"n_tokens": 1, "temperature": 1.0, "top_k": None} | changes
    with pytest.raises(UserError, match=message):
        generate(model, PROMPT, generator=torch.Generator(), **settings)


def test_an_empty_prompt_is_refused(model: Decoder) -> None:
    with pytest.raises(UserError, match="--prompt is empty"):
        text(model, torch.tensor([], dtype=torch.long))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_weights_that_are_not_finite_write_nothing(model: Decoder, value: float, temperature: float) -> None:
    with torch.no_grad():
        model.get_parameter("blocks.1.attention.key.weight")[0, 0] = value
    with pytest.raises(UserError) as raised:
        generate(model, PROMPT, n_tokens=3, temperature=temperature, top_k=None, generator=torch.Generator())
    assert str(raised.value) == (
        "the model has weights that are not finite: 1 of the 256 numbers of blocks.1.attention.key.weight are"
        " NaN or infinite"
    )


def test_logits_that_overflow_are_a_message_and_no_token(model: Decoder) -> None:
    with torch.no_grad():
        assert model.output is not None
        model.output.weight.fill_(3e38)
    with pytest.raises(UserError, match="the model's logits after 3 tokens are not finite"):
        list(generate(model, PROMPT, n_tokens=3, temperature=0, top_k=None, generator=torch.Generator()))
