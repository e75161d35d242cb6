"""Models of transformers that keep the documents of a text apart, and those that cannot."""

import pytest
import torch

from tests.models.hf.models import ARCHITECTURES, settings_of
from tests.models.test_separate_documents import LENGTHS, START, alone, text
from tuneformer.errors import UserError
from tuneformer.inference.generation import generate
from tuneformer.models.build import build_model
from tuneformer.models.hf.causal import HuggingFaceDecoder

CANNOT = ("bloom", "gpt_oss", "mamba", "opt", "xglm")
CAN = [name for name in ARCHITECTURES if name not in CANNOT]


def build(name: str, *overrides: str) -> HuggingFaceDecoder:
    config = settings_of(name, *overrides)
    torch.manual_seed(0)
    model = build_model(config["model"], config["attention"], needs={"document_start": START})
    assert isinstance(model, HuggingFaceDecoder)
    assert model.training
    return model.eval()


@pytest.mark.parametrize("name", CAN)
def test_each_document_is_read_as_if_it_were_alone(name: str) -> None:
    model = build(name)
    with torch.no_grad():
        together, apart = model(text()), alone(model, text())
        scale = apart.abs().max()
        torch.testing.assert_close(together, apart, rtol=0, atol=1e-5 * float(scale))
        # as one text, which they are to the library without positions, they would not be
        stream = model.network(input_ids=text()).logits
        first = LENGTHS[0][0]
        assert (stream[0, first:] - apart[0, first:]).abs().max() > 1e-2 * scale


@pytest.mark.parametrize("name", CANNOT)
def test_one_that_does_not_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(
        UserError, match=f"does not go with model.config={name}, which does not keep"
    ) as error:
        build(name)
    assert "\n" not in str(error.value)


def test_it_generates_as_it_reads() -> None:
    model, seen = build("llama", "model.lora_rank=2"), text()[0, :7].tolist()
    drawn = generate(
        model,
        torch.tensor(seen),
        context_length=12,
        n_tokens=4,
        temperature=0,
        top_k=None,
        generator=torch.Generator(),
    )
    for token in drawn:
        with torch.no_grad():
            assert int(model(torch.tensor([seen]))[0, -1].argmax()) == token
        seen.append(token)
