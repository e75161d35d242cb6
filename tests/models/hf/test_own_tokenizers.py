"""Translators with their own tokenizers: loss and translations are those of the library."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.data.pair_settings import pair_settings, write_pair_file
from tests.models.hf.translator_folders import FAMILIES, ROOM, of_library, write_translator
from tests.tasks.test_translation import step, task_of
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.data.corpora.pairs import Pairs
from tuneformer.data.pairs.pair_files import PairSplits
from tuneformer.errors import UserError
from tuneformer.models.beam_search import beam_search, greedy_search
from tuneformer.models.build import build_model
from tuneformer.models.hf.library import transformers
from tuneformer.models.hf.source import ARCHITECTURE_FILE, with_kept_architecture
from tuneformer.models.hf.translator import HuggingFaceTranslator

CONTEXT = 32


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of transformers with a model and its tokenizer."""
    return write_translator(tmp_path_factory.mktemp("theirs") / request.param, request.param)


def data_of(folder: Path, tmp_path: Path, **changes: Any) -> Pairs:
    """Pairs in the tokens of a folder."""
    settings = {"tokenizer": str(folder), "context_length": CONTEXT, "label_smoothing": 0.0} | changes
    return Pairs(
        path=str(write_pair_file(tmp_path / "pairs.tsv")), **pair_settings(tmp_path / "cache", **settings)
    )


def settings_from(folder: Path, *overrides: str) -> dict[str, Any]:
    """The configuration of going on from a folder."""
    of_data = [
        "data=pairs",
        "data.path=pairs.tsv",
        f"data.context_length={CONTEXT}",
        f"data.tokenizer={folder}",
    ]
    return check_config(*compose_config(["model=hf", f"model.path={folder}", *of_data, *overrides]))


def model_from(folder: Path, pairs: PairSplits) -> HuggingFaceTranslator:
    """The model of a folder, in float64."""
    config = settings_from(folder)
    model = build_model(config["model"], config["attention"], needs=pairs.needs)
    assert isinstance(model, HuggingFaceTranslator)
    return model.double().eval()


def their_model(folder: Path) -> Any:
    """The library's own, in float64."""
    return (
        transformers()
        .AutoModelForSeq2SeqLM.from_pretrained(folder, attn_implementation="eager")
        .double()
        .eval()
    )


def test_the_loss_of_a_batch_is_that_of_the_library_from_labels(folder: Path, tmp_path: Path) -> None:
    data = data_of(folder, tmp_path)
    pairs = data.prepare()
    model, theirs = model_from(folder, pairs), their_model(folder)
    (batch,) = step(data, pairs, parts=1)
    decode = pairs.tokenizer.decode
    sources = [decode(row[seen].tolist()) for row, seen in zip(batch.source, batch.visible, strict=True)]
    targets = [decode(row[row >= 0].tolist()) for row in batch.targets]
    lines = data.file.read_text(encoding="utf-8").splitlines()
    assert all(f"{source}\t{target}" in lines for source, target in zip(sources, targets, strict=True))
    read, said = of_library(folder, sources), of_library(folder, targets)
    labels = said.input_ids.masked_fill(said.attention_mask == 0, -100)
    with torch.no_grad():
        told = theirs(input_ids=read.input_ids, attention_mask=read.attention_mask, labels=labels)
        ours = task_of(pairs, model).loss(batch)
    assert model.vocab_size == pairs.tokenizer.vocab_size + ROOM
    assert ours.item() == pytest.approx(told.loss.item(), rel=1e-6)  # some take softmax in float32
    assert 1 < ours.item() < 100


def test_greedy_search_writes_what_generate_writes(folder: Path, tmp_path: Path) -> None:
    pairs = data_of(folder, tmp_path).prepare()
    model, theirs = model_from(folder, pairs), their_model(folder)
    sentences = ["the fan is on", "no light", "the light is off is on no fan"]
    read = of_library(folder, sentences)
    end = pairs.boundary
    assert (read.input_ids == end).any(dim=1).all()
    found = greedy_search(model, read.input_ids, read.attention_mask.bool(), boundary=end, max_tokens=CONTEXT)
    n_known = pairs.tokenizer.vocab_size
    written = theirs.generate(
        input_ids=read.input_ids,
        attention_mask=read.attention_mask,
        max_new_tokens=CONTEXT,
        do_sample=False,
        num_beams=1,
        suppress_tokens=[*range(n_known, n_known + ROOM)],
    )[:, 1:].tolist()
    expected = [row[: row.index(end)] if end in row else row for row in written]
    assert len({*map(tuple, found)}) == 3
    for ours, row in zip(found, expected, strict=True):
        assert ours
        assert ours == row[: len(ours)]
        assert len(ours) in (len(row), CONTEXT, *(2 * int(n) + 10 for n in read.attention_mask.sum(dim=1)))
    most = [
        beam_search(
            model,
            read.input_ids,
            read.attention_mask.bool(),
            boundary=end,
            max_tokens=CONTEXT,
            beam_size=n,
            length_penalty=0.6,
        )
        for n in (1, 3)
    ]
    assert most[0] == found
    assert max(map(max, most[1])) < n_known


def test_it_is_made_again_from_what_its_run_keeps(folder: Path, tmp_path: Path) -> None:
    pairs = data_of(folder, tmp_path).prepare()
    trained, config = model_from(folder, pairs), settings_from(folder)
    (tmp_path / ARCHITECTURE_FILE).write_text(trained.kept_files[ARCHITECTURE_FILE], encoding="utf-8")
    kept = with_kept_architecture(config["model"] | pairs.needs, tmp_path / ARCHITECTURE_FILE)
    loaded = build_model(kept, config["attention"], needs={}).double().eval()
    loaded.load_state_dict(trained.state_dict())
    source = torch.tensor([[4, 5, 6, pairs.boundary]])
    there, target = torch.ones_like(source, dtype=torch.bool), torch.tensor([[pairs.boundary, 7]])
    with torch.no_grad():
        assert torch.equal(loaded(source, there, target), trained(source, there, target))


def test_an_architecture_with_drawn_weights_begins_with_the_end_of_the_tokenizer(
    folder: Path, tmp_path: Path
) -> None:
    pairs = data_of(folder, tmp_path).prepare()
    config = check_config(
        *compose_config(
            ["model=hf", "model.config=t5", "model.size=nano", "data=pairs", "data.path=pairs.tsv"]
        )
    )
    model: Any = build_model(config["model"], config["attention"], needs=pairs.needs)
    assert model.vocab_size == pairs.tokenizer.vocab_size
    assert model.network.config.eos_token_id == model.network.config.decoder_start_token_id == pairs.boundary


def test_a_tokenizer_beyond_the_vocabulary_is_one_line(tmp_path: Path) -> None:
    theirs = write_translator(tmp_path / "t5", "t5")
    pairs = data_of(theirs, tmp_path).prepare()
    large = {"vocab_size": pairs.tokenizer.vocab_size + ROOM + 1, "end_token": 1}
    config = settings_from(theirs)
    n_tokens = large["vocab_size"]
    expected = rf"^data.vocab_size={n_tokens} is more than the {n_tokens - 1} tokens that model.path="
    with pytest.raises(UserError, match=expected) as told:
        build_model(config["model"], config["attention"], needs=large)
    assert "\n" not in str(told.value)


def test_what_the_pairs_give_cannot_be_set_otherwise(tmp_path: Path) -> None:
    data = data_of(write_translator(tmp_path / "t5", "t5"), tmp_path)
    with pytest.raises(UserError, match=r"^data.end_token=5 is not what the data give \(1\): leave it null$"):
        replace(data, end_token=5).prepare()
