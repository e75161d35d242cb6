"""Encoders and decoders of transformers: what ours do with them is what the library's own classes do."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.models.hf.models import CONTEXT, SMALL, VOCABULARY, tokens
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.data.contract import IGNORED
from tuneformer.errors import UserError
from tuneformer.measures.probe import probe
from tuneformer.models.beam_search import beam_search, greedy_search
from tuneformer.models.build import build_model, plan_model
from tuneformer.models.hf.source import ARCHITECTURE_FILE, with_kept_architecture
from tuneformer.models.hf.translator import HuggingFaceTranslator
from tuneformer.models.memory_needed import ModelNumbers
from tuneformer.optim.factory import param_groups

BOUNDARY = VOCABULARY - 1
ARCHITECTURES = ("bart", "blenderbot", "m2m_100", "marian", "mbart", "mt5", "pegasus", "t5")
"""Those that `docs/guide-models.md` says are tested."""
OFTEN = ("bart", "t5")
EACH = [pytest.param(name, marks=[] if name in OFTEN else pytest.mark.proof) for name in ARCHITECTURES]


def settings_of_translator(name: str | None, *overrides: str) -> dict[str, Any]:
    """The configuration of a small translator."""
    chosen = [] if name is None else [f"model.config={name}", *SMALL]
    of_data = ["data=pairs", "data.path=pairs.tsv", f"data.context_length={CONTEXT}"]
    return check_config(*compose_config(["model=hf", *of_data, *chosen, *overrides]))


def translator_of(name: str | None, *overrides: str) -> HuggingFaceTranslator:
    """The translator with weights drawn from a seed."""
    config = settings_of_translator(name, *overrides)
    torch.manual_seed(0)
    model = build_model(config["model"], config["attention"], needs={"vocab_size": VOCABULARY})
    assert isinstance(model, HuggingFaceTranslator)
    return model


def pairs() -> tuple[Tensor, Tensor, Tensor]:
    """Two sources, the second shorter, which of their tokens are there, and targets."""
    source, target = tokens(seed=1), tokens(seed=2)
    visible = torch.ones_like(source, dtype=torch.bool)
    visible[1, 5:] = False
    return source, visible, target


@pytest.mark.parametrize("name", EACH)
def test_its_logits_and_loss_are_those_of_the_librarys_explicit_attention(name: str) -> None:
    model = translator_of(name).double().eval()
    config = copy.deepcopy(model.network.config)
    explicit = type(model.network)._from_config(config, attn_implementation="eager").double().eval()
    explicit.load_state_dict(model.network.state_dict())
    source, visible, target = pairs()
    labels = tokens(seed=3)
    labels[0, 6:] = IGNORED
    given = {"input_ids": source, "attention_mask": visible.long(), "decoder_input_ids": target}
    with torch.no_grad():
        told = explicit(**given, labels=labels)
        logits = model(source, visible, target)
    torch.testing.assert_close(logits, told.logits, rtol=1e-5, atol=1e-6)  # some take softmax in float32
    ours = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
    torch.testing.assert_close(ours.float(), told.loss.float())


@pytest.mark.parametrize("name", EACH)
def test_padding_changes_nothing_and_dropout_is_of_training_alone(name: str) -> None:
    model = translator_of(name, "model.dropout=0.3").double().eval()
    source, visible, target = pairs()
    with torch.no_grad():
        padded = model(source, visible, target)
        alone = model(source[1:, :5], visible[1:, :5], target[1:])
        torch.testing.assert_close(alone[0], padded[1], rtol=1e-6, atol=1e-6)
        assert not torch.equal(model.train()(*pairs()), model(*pairs()))


@pytest.mark.parametrize("name", EACH)
def test_it_writes_what_the_library_writes(name: str) -> None:
    model = translator_of(name).double().eval()
    source, visible, target = pairs()
    with torch.no_grad():
        state = model.begin(source, visible)
        steps = [model.advance(token, state) for token in target.T]
        logits = model(*pairs())[..., :VOCABULARY]  # m2m_100 has a token of padding beside those of the data
        torch.testing.assert_close(torch.stack(steps, dim=1), logits, rtol=1e-5, atol=1e-6)
    found = greedy_search(model, source, visible, boundary=BOUNDARY, max_tokens=CONTEXT)
    written = model.network.generate(
        input_ids=source,
        attention_mask=visible.long(),
        max_new_tokens=CONTEXT,
        do_sample=False,
        suppress_tokens=[VOCABULARY] if name == "m2m_100" else None,
    )[:, 1:].tolist()
    expected = [row[: row.index(BOUNDARY)] if BOUNDARY in row else row for row in written]
    assert found == expected
    one = beam_search(
        model, source, visible, boundary=BOUNDARY, max_tokens=CONTEXT, beam_size=3, length_penalty=0.6
    )
    assert len(one) == 2


@pytest.mark.parametrize("name", EACH)
def test_it_is_made_again_from_what_its_run_keeps(name: str, tmp_path: Path) -> None:
    trained, config = translator_of(name).eval(), settings_of_translator(name)
    (tmp_path / ARCHITECTURE_FILE).write_text(trained.kept_files[ARCHITECTURE_FILE], encoding="utf-8")
    kept = with_kept_architecture(config["model"], tmp_path / ARCHITECTURE_FILE)
    loaded = build_model(kept, config["attention"], needs={"vocab_size": VOCABULARY}).eval()
    loaded.load_state_dict(trained.state_dict())
    with torch.no_grad():
        assert torch.equal(loaded(*pairs()), trained(*pairs()))


def test_it_goes_on_from_a_folder(tmp_path: Path) -> None:
    trained = translator_of("t5").eval()
    trained.network.save_pretrained(tmp_path)
    model = translator_of(None, f"model.path={tmp_path}").eval()
    with torch.no_grad():
        torch.testing.assert_close(model(*pairs()), trained(*pairs()))


@pytest.mark.parametrize("name", OFTEN)
def test_attention_that_is_looked_at_is_that_of_the_library(name: str) -> None:
    model = translator_of(name).eval()
    source, _, target = pairs()
    there = torch.ones_like(source, dtype=torch.bool)
    seen = probe(model, (source, there, target))
    with torch.no_grad():
        model.network.set_attn_implementation("eager")
        told = model.network(input_ids=source, decoder_input_ids=target, output_attentions=True)
    of_library = {
        "encoder": told.encoder_attentions,
        "decoder": told.decoder_attentions,
        "cross": told.cross_attentions,
    }
    assert len(seen.attention) == len(seen.heads) == 6
    for site, found in seen.attention.items():
        torch.testing.assert_close(
            found.weights, of_library[site.stack][site.layer], rtol=1e-4, atol=1e-5, msg=str(site)
        )
    assert {stack: len(stream) for stack, stream in seen.streams.items()} == {"encoder": 3, "decoder": 3}


def test_rules_know_its_parameters_by_what_they_are() -> None:
    rules = settings_of_translator("t5")["param_groups"]
    groups = {group.rule.name: group.parameters for group in param_groups(rules).split(translator_of("t5"))}
    assert "network.shared.weight" in groups["embeddings"]
    assert len(groups["matrices"]) == 2 * (4 + 2) + 2 * (8 + 2)


def test_its_numbers_are_counted_without_building_it() -> None:
    config = settings_of_translator("bart", "model.n_layers=3")
    plan = plan_model(config["model"], config["attention"], needs={"vocab_size": VOCABULARY})
    counted = plan.numbers(n_tokens=CONTEXT)
    there = ModelNumbers.of(translator_of("bart", "model.n_layers=3"), n_tokens=CONTEXT)
    assert (counted.held, counted.trained) == (there.held, there.trained)


def test_a_class_that_cannot_do_it_is_one_line() -> None:
    with pytest.raises(UserError, match=r"bert is no model from sequence to sequence of transformers: it is"):
        translator_of("bert")
