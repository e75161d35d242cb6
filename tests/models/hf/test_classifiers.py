"""Classifiers of transformers: what ours do with them is what the library's own classes do."""

import copy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.hf.classifiers import (
    CLASSES,
    NEEDS,
    classifier_of,
    plan_of_classifier,
    save_bert,
    settings_of_classifier,
    texts,
)
from tests.models.hf.models import CONTEXT
from tuneformer.errors import UserError
from tuneformer.measures.probe import probe
from tuneformer.models.build import build_model
from tuneformer.models.hf.conv1d import as_the_library_has_it
from tuneformer.models.hf.source import ARCHITECTURE_FILE, with_kept_architecture
from tuneformer.models.memory_needed import ModelNumbers
from tuneformer.optim.factory import param_groups

OFTEN = ("bert", "modernbert")
ARCHITECTURES = (
    *("albert", "bert", "camembert", "deberta-v2", "distilbert", "electra", "eurobert", "gpt2", "llama"),
    *("mobilebert", "modernbert", "mpnet", "nomic_bert", "roberta", "xlm-roberta"),
)
"""Those that `docs/guide-models.md` says are tested."""
EACH = [pytest.param(name, marks=[] if name in OFTEN else pytest.mark.proof) for name in ARCHITECTURES]


def as_the_library_reads_them(tokens: Tensor, visible: Tensor) -> dict[str, Tensor]:
    """The same texts by hand: 0 is padding, 1 the class token before each, 2 the first of the data's."""
    rows = [
        [1, *(token + 2 for token in row[seen].tolist())] for row, seen in zip(tokens, visible, strict=True)
    ]
    longest = max(map(len, rows))
    padded = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return {"input_ids": padded, "attention_mask": (padded != 0).long()}


@pytest.mark.parametrize("name", EACH)
def test_its_logits_and_loss_are_those_of_the_librarys_explicit_attention(name: str) -> None:
    model = classifier_of(name).double().eval()
    config = copy.deepcopy(model.network.config)
    explicit = type(model.network)._from_config(config, attn_implementation="eager").double().eval()
    explicit.load_state_dict(as_the_library_has_it(model.network, model.network.state_dict()))
    labels = torch.tensor([0, 2])
    with torch.no_grad():
        told = explicit(**as_the_library_reads_them(*texts()), labels=labels)
        logits = model(*texts())
    assert logits.shape == (2, CLASSES)
    torch.testing.assert_close(
        logits, told.logits, rtol=1e-6, atol=1e-7
    )  # a few take their softmax in float32
    torch.testing.assert_close(F.cross_entropy(logits, labels).float(), told.loss.float())


@pytest.mark.parametrize("name", EACH)
def test_padding_changes_nothing_and_dropout_is_of_training_alone(name: str) -> None:
    model = classifier_of(name, "model.dropout=0.3").double().eval()
    tokens, visible = texts()
    with torch.no_grad():
        padded = model(tokens, visible)
        torch.testing.assert_close(model(tokens[1:, :5])[0], padded[1], rtol=1e-9, atol=1e-9)
        tokens[1, 5:] = 3
        torch.testing.assert_close(model(tokens, visible), padded, rtol=1e-9, atol=1e-9)
        assert not torch.equal(model.train()(tokens, visible), model(tokens, visible))


@pytest.mark.parametrize("name", EACH)
def test_it_is_made_again_from_what_its_run_keeps(name: str, tmp_path: Path) -> None:
    trained, config = classifier_of(name).eval(), settings_of_classifier(name)
    (tmp_path / ARCHITECTURE_FILE).write_text(trained.kept_files[ARCHITECTURE_FILE], encoding="utf-8")
    kept = with_kept_architecture(config["model"], tmp_path / ARCHITECTURE_FILE)
    loaded = build_model(kept, config["attention"], needs=NEEDS).eval()
    loaded.load_state_dict(trained.state_dict())
    with torch.no_grad():
        assert torch.equal(loaded(*texts()), trained(*texts()))


@pytest.mark.parametrize("name", ["bert", "distilbert", "modernbert"])
def test_attention_that_is_looked_at_is_that_of_the_library(name: str) -> None:
    model = classifier_of(name).eval()
    tokens, _ = texts()
    seen = probe(model, (tokens, None))
    assert len(seen.streams["encoder"]) == 3
    assert len(seen.units["encoder"]) == len(seen.heads) == 2
    with torch.no_grad():
        model.network.set_attn_implementation("eager")
        read = as_the_library_reads_them(tokens, torch.ones_like(tokens, dtype=torch.bool))
        told = model.network(**read, output_attentions=True)
    assert [site.layer for site in seen.attention] == [0, 1]
    for site, weights in zip(seen.attention, told.attentions, strict=True):
        assert site.stack == "encoder"
        torch.testing.assert_close(seen.attention[site].weights, weights, rtol=1e-5, atol=1e-6)


def test_rules_know_its_parameters_by_what_they_are() -> None:
    rules = settings_of_classifier("bert")["param_groups"]
    groups = {group.rule.name: group.parameters for group in param_groups(rules).split(classifier_of("bert"))}
    assert list(groups["output"]) == ["network.classifier.weight"]
    assert all(".embeddings." in name for name in groups["embeddings"])
    assert len(groups["embeddings"]) == 3
    assert len(groups["matrices"]) == 2 * 6 + 1  # and the pooler
    modern = {g.rule.name: g for g in param_groups(rules).split(classifier_of("modernbert"))}["matrices"]
    parts = {name.split(".")[-2]: parts for name, parts in modern.row_parts.items()}
    assert parts == {"Wqkv": (1, 1, 1), "Wi": (1, 1)}


def test_the_third_part_of_a_fused_matrix_is_its_values() -> None:
    model = classifier_of("modernbert").eval()
    tokens, _ = texts()
    with torch.no_grad():
        for name in (name for name in model.row_parts() if name.endswith("Wqkv.weight")):
            model.get_parameter(name).chunk(3)[2].zero_()
        tokens[1] = tokens[0].flip(0)  # without values only the class token itself is left
        first, second = model(tokens)
    torch.testing.assert_close(first, second, rtol=0.0, atol=1e-6)


def test_its_numbers_are_counted_without_building_it() -> None:
    counted = plan_of_classifier("bert").numbers(n_tokens=CONTEXT)
    there = ModelNumbers.of(classifier_of("bert"), n_tokens=CONTEXT)
    assert (counted.held, counted.trained) == (there.held, there.trained)


def test_it_goes_on_from_an_encoder_without_a_head(tmp_path: Path) -> None:
    pretrained = save_bert(tmp_path)
    model = classifier_of(None, f"model.path={tmp_path}")
    assert not model.adds_class_token
    for name, weights in pretrained.state_dict().items():
        assert torch.equal(model.network.bert.state_dict()[name], weights), name
    other = classifier_of(None, f"model.path={tmp_path}", seed=1)
    assert not torch.equal(other.network.classifier.weight, model.network.classifier.weight)
    tokens, visible = texts()
    with torch.no_grad():
        read = {"input_ids": tokens.masked_fill(~visible, 0), "attention_mask": visible.long()}
        torch.testing.assert_close(model.eval()(tokens, visible), model.network(**read).logits)
    assert settings_of_classifier(None, f"model.path={tmp_path}")["model"]["digest"]


def test_a_head_of_other_classes_is_drawn_anew(tmp_path: Path) -> None:
    save_bert(tmp_path)
    five = classifier_of(None, f"model.path={tmp_path}", n_classes=5)
    five.network.save_pretrained(tmp_path)
    model = classifier_of(None, f"model.path={tmp_path}")
    assert model.network.classifier.weight.shape[0] == CLASSES
    assert torch.equal(model.network.bert.pooler.dense.weight, five.network.bert.pooler.dense.weight)


def test_a_folder_without_weights_of_a_layer_is_refused(tmp_path: Path) -> None:
    model = save_bert(tmp_path)
    state = {name: weights for name, weights in model.state_dict().items() if ".1.output" not in name}
    model.save_pretrained(tmp_path, state_dict=state)
    with pytest.raises(UserError, match=r"has no weights of bert.encoder.layer.1.output"):
        classifier_of(None, f"model.path={tmp_path}")


def test_a_head_that_was_drawn_trains_beside_adapters(tmp_path: Path) -> None:
    save_bert(tmp_path)
    model = classifier_of(None, f"model.path={tmp_path}", "model.lora_rank=2")
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert {name for name in trained if ".lora_" not in name} == {
        f"network.{part}.{kind}"
        for part in ("bert.pooler.dense", "classifier")
        for kind in ("weight", "bias")
    }
    assert [part.down is not None for part in model.layer_parts()] == [True, True]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("t5", r"model.config=t5 cannot do data.task=text_classification: its class reads an end token"),
        ("fnet", r"model.config=fnet cannot do data.task=text_classification: it reads no mask of padding"),
        (
            "xglm",
            r"model.config=xglm is no classifier of texts of transformers: it is a causal language model",
        ),
        ("berd", r"model.config=berd is no architecture of transformers: did you mean bert"),
    ],
)
def test_a_class_that_cannot_do_it_is_one_line(name: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as told:
        classifier_of(name)
    assert "\n" not in str(told.value)
