"""Models that no run has trained: their maps are those that the library itself gives."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.analysis.attention.pretrained_folders import (
    BERT,
    M2M,
    T5,
    TEXT,
    VIT,
    VOCABULARY,
    WIDTHS,
    save_image,
    save_model,
    save_tokenizer,
)
from tuneformer.analysis.attention.own_example import OwnExample, read_example
from tuneformer.analysis.attention.pretrained import read_pretrained
from tuneformer.errors import UserError
from tuneformer.measures.probe import probe

ENDS = ("<s>",), ("</s>",)
STACKS = {"encoder": "encoder_attentions", "decoder": "decoder_attentions", "cross": "cross_attentions"}


def example(text: str | None = None, target: str | None = None, image: Path | None = None) -> OwnExample:
    return OwnExample(text=text, target=target, image=image)


def seen_in(folder: Path, given: OwnExample) -> tuple[tuple[Any, ...], Any, Mapping[Any, Tensor]]:
    """What a model is called with, what it shall answer, and the maps of its modules in float64."""
    subject = read_pretrained(folder)
    batch, _ = read_example(subject, given)
    assert subject.model is not None
    inputs = tuple(x.double() if x is not None and x.is_floating_point() else x for x in batch.inputs)
    seen = probe(subject.model.double(), inputs)
    return inputs, batch.targets, {site: found.weights for site, found in seen.attention.items()}


def check_maps(maps: Mapping[Any, Tensor], told: Mapping[str, Sequence[Tensor]]) -> None:
    assert list(maps) == [(stack, layer) for stack, layers in told.items() for layer in range(len(layers))]
    for (stack, layer), weights in maps.items():
        torch.testing.assert_close(weights, told[stack][layer], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["BertForMaskedLM", "BertForSequenceClassification", "RobertaModel"])
def test_an_encoder_is_seen_as_the_library_sees_it(name: str, tmp_path: Path) -> None:
    model = save_model(tmp_path, name, **BERT).base_model
    save_tokenizer(tmp_path, *ENDS)
    (tokens, visible), targets, maps = seen_in(tmp_path, example(TEXT))
    assert tokens.tolist() == [[1, 6, 7, 8, 9, 6, 11, 2]]
    assert targets is None
    model.set_attn_implementation("eager")
    with torch.no_grad():
        told = model(input_ids=tokens, attention_mask=visible.long(), output_attentions=True)
    check_maps(maps, {"encoder": told.attentions})


def test_a_decoder_may_have_pieces_that_are_no_bytes(tmp_path: Path) -> None:
    model = save_model(tmp_path, "LlamaForCausalLM", **BERT)
    save_tokenizer(tmp_path, ("<s>",), ())
    (tokens,), targets, maps = seen_in(tmp_path, example(TEXT))
    assert (tokens[0, :3].tolist(), targets[0, :3].tolist()) == ([1, 6, 7], [6, 7, 8])
    model.set_attn_implementation("eager")
    with torch.no_grad():
        told = model(input_ids=tokens, output_attentions=True)
    check_maps(maps, {"decoder": told.attentions})


def test_roberta_numbers_positions_behind_that_of_padding(tmp_path: Path) -> None:
    save_model(tmp_path, "RobertaModel", **BERT, pad_token_id=1)
    save_tokenizer(tmp_path, *ENDS)
    (tokens, _), _, maps = seen_in(tmp_path, example("cat " * 40))
    assert tokens.shape == (1, 14)
    assert maps["encoder", 0].shape == (1, 4, 14, 14)


@pytest.mark.parametrize("target", [None, "le chat dort"])
@pytest.mark.parametrize(("name", "sizes"), [("T5", T5), ("M2M100", M2M)])
def test_both_sides_and_what_crosses_are_seen(
    name: str, sizes: dict[str, Any], target: str | None, tmp_path: Path
) -> None:
    model = save_model(tmp_path, f"{name}ForConditionalGeneration", **sizes)
    save_tokenizer(tmp_path)
    inputs, targets, maps = seen_in(tmp_path, example(TEXT, target))
    source, _, read = inputs
    begin = sizes["decoder_start_token_id"]
    if target is None:
        greedy = model.float().generate(source, do_sample=False, num_beams=1, max_new_tokens=24)
        assert targets.tolist()[0] == greedy[0, 1:].tolist()
    else:
        assert targets.tolist() == [[12, 13, 14, 2]]
    assert read.tolist() == [[begin, *targets[0, :-1].tolist()]]
    model.double().set_attn_implementation("eager")
    with torch.no_grad():
        told = model(input_ids=source, decoder_input_ids=read, output_attentions=True)
    expected = {stack: getattr(told, where) for stack, where in STACKS.items()}
    assert maps.keys() == {
        (stack, layer) for stack, layers in expected.items() for layer in range(len(layers))
    }
    for (stack, layer), weights in maps.items():
        torch.testing.assert_close(weights, expected[stack][layer], rtol=1e-6, atol=1e-9)


def test_a_text_may_name_its_language(tmp_path: Path) -> None:
    save_model(tmp_path, "M2M100ForConditionalGeneration", **M2M)
    save_tokenizer(tmp_path, ("__en__",))
    (source, _, read), targets, _ = seen_in(tmp_path, example("the cat", "__fr__ le chat"))
    assert (source.tolist(), read.tolist()) == ([[4, 6, 7, 2]], [[2, 5, 12, 13]])
    assert targets.tolist() == [[5, 12, 13, 2]]


def test_a_vision_transformer_is_seen_as_the_library_sees_it(tmp_path: Path) -> None:
    model = save_model(tmp_path, "ViTForImageClassification", **VIT)
    expected = save_image(tmp_path / "seen.png", tmp_path)
    (images,), targets, maps = seen_in(tmp_path, example(image=tmp_path / "seen.png"))
    torch.testing.assert_close(images, torch.from_numpy(expected)[None], rtol=1e-5, atol=1e-5)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        told = model(pixel_values=images, output_attentions=True)
    check_maps(maps, {"encoder": told.attentions})
    assert targets.tolist() == told.logits.argmax(-1).tolist()


def test_the_page_of_each_is_written(tmp_path: Path, command: Callable[..., Any]) -> None:
    asked = {
        "BertForMaskedLM": (
            BERT,
            ["--text", TEXT],
            "HuggingFaceEncoder with BertSelfAttention: layers x heads encoder 2 x 4",
        ),
        "T5ForConditionalGeneration": (
            T5,
            ["--text", TEXT, "--target", "le chat"],
            "with T5Attention: layers x heads encoder 2 x 4, decoder 2 x 4, cross 2 x 4",
        ),
        "ViTForImageClassification": (
            VIT,
            ["--image", "seen.png"],
            "HuggingFaceImageClassifier with ViTAttention: layers x heads encoder 2 x 4",
        ),
    }
    for name, (sizes, arguments, told) in asked.items():
        folder = tmp_path / name
        save_model(folder, name, **sizes)
        save_tokenizer(folder, *ENDS)
        save_image(Path("seen.png"), folder)
        answer = command("scripts/analyze.py", "--model", str(folder), *arguments)
        assert answer.status == 0, answer.err
        assert answer.out[0].endswith(told)
        page = Path("outputs/models") / name / "analysis"
        heads = (page / "heads.csv").read_text(encoding="utf-8")
        assert ("ablation" in heads) == (name != "BertForMaskedLM")
        assert ("mean_distance" in heads) == (name != "ViTForImageClassification")


REFUSED = [
    ("BertModel", BERT, ["--image", "seen.png"], "reads text: give --text=... in place of --image"),
    ("BertModel", BERT, ["--text", "a", "--target", "a"], "model does not turn one text into another"),
    ("ViTModel", VIT, ["--text", "a"], "reads images: give --image=FILE"),
    ("ViTModel", VIT, ["--image", "none.png"], "--image=none.png cannot be read: No such file or directory"),
    ("M2M100ForConditionalGeneration", M2M, ["--text", "a " * 1500], "1502 tokens: give 2 to 1024"),
    (
        "AlbertModel",
        BERT,
        ["--text", "a"],
        "has no attention that can be looked at: its model is albert",
    ),
    (
        "ResNetModel",
        {},
        ["--image", "seen.png"],
        "has no attention that can be looked at: its model is resnet",
    ),
    (
        "MambaForCausalLM",
        {"hidden_size": 16, "num_hidden_layers": 1, "vocab_size": VOCABULARY},
        ["--text", "a"],
        "has no attention that can be looked at: its model is mamba",
    ),
    (
        "CLIPTextModel",
        WIDTHS | {"vocab_size": VOCABULARY},
        ["--text", "a"],
        "cannot be looked at: its model is clip_text_model, and what can is a model from sequence",
    ),
]


@pytest.mark.parametrize(("name", "sizes", "arguments", "message"), REFUSED)
def test_what_cannot_be_is_one_line(
    name: str,
    sizes: dict[str, Any],
    arguments: list[str],
    message: str,
    tmp_path: Path,
    command: Callable[..., Any],
) -> None:
    save_model(tmp_path, name, **sizes)
    save_tokenizer(tmp_path, *ENDS)
    save_image(Path("seen.png"), tmp_path)
    answer = command("scripts/analyze.py", "--model", str(tmp_path), *arguments)
    assert answer.status == 2
    assert len(answer.err) == 1
    assert message in answer.err[0]


def test_a_folder_without_a_start_of_targets_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path, "T5ForConditionalGeneration", **T5 | {"decoder_start_token_id": None})
    save_tokenizer(tmp_path)
    with pytest.raises(UserError, match=r"does not say which token a target begins with"):
        read_example(read_pretrained(tmp_path), example(TEXT))
