"""A run's model leaves as a folder of transformers and comes back by model.path."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import tuneformer
from tuneformer import load_run
from tuneformer.errors import UserError
from tuneformer.inference.exporting import export
from tuneformer.inference.loading import Run
from tuneformer.models.hf.library import transformers
from tuneformer.runs.identity import config_hash

GPT2 = ["model.norm=layer_norm", "model.feed_forward=gelu", "model.positions=learned", "model.bias=true"]
PIECES = ["data.tokenizer=bpe", "data.bpe_vocab_size=270", "trainer.max_steps=1"]
KINDS = {
    "LlamaForCausalLM": ["attention=grouped_query", "attention.n_key_value_heads=1"],
    "GPT2LMHeadModel": GPT2,
    "GPTNeoXForCausalLM": ["model=hf", "model.config=gpt_neox"],
}
OF_THE_FILES = ("model.n_layers", "model.n_heads", "model.d_model")


def back_from(folder: Path, settings: list[str]) -> list[str]:
    """The overrides of a run that goes on from a folder."""
    kept = [line for line in settings if not line.startswith(OF_THE_FILES)]
    return [*kept, *PIECES, "model=hf", f"model.path={folder}"]


def logits_of(model: Any, ids: Tensor) -> Tensor:
    """Without gradients."""
    with torch.no_grad():
        return model(ids)


@pytest.fixture(scope="module")
def exported(small_settings: list[str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A run of a decoder with the blocks of LLaMA, and the folder that it became."""
    folder = tmp_path_factory.mktemp("exported")
    run = tuneformer.train([*small_settings, *PIECES, f"run_dir={folder / 'run'}"])
    export(run, folder / "model")
    return run, folder / "model"


@pytest.mark.parametrize("kind", KINDS)
def test_the_library_loads_it_with_the_same_logits_and_tokens(
    kind: str, small_settings: list[str], tmp_path: Path
) -> None:
    run = tuneformer.train([*small_settings, *PIECES, *KINDS[kind], "run_dir=run"])
    told = export(run, tmp_path / "model")
    assert told[0].startswith(f"a folder of transformers: {kind}")
    library: Any = transformers()
    tokenizer = library.AutoTokenizer.from_pretrained(tmp_path / "model")
    ids = torch.tensor([tokenizer("a quick fox")["input_ids"]])
    assert ids[0].tolist() == run.tokenizer.encode("a quick fox").tolist()
    theirs = library.AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    assert type(theirs).__name__ == kind
    torch.testing.assert_close(logits_of(theirs, ids).logits, logits_of(run.model, ids))  # pyright: ignore[reportAttributeAccessIssue]


def test_a_run_goes_on_from_it_and_needs_it_no_more(
    exported: tuple[Run, Path], small_settings: list[str], tmp_path: Path
) -> None:
    before, folder = exported
    moved = tmp_path / "moved"
    moved.mkdir()
    for file in folder.iterdir():
        (moved / file.name).write_bytes(file.read_bytes())
    still = ["optimizer.lr=1e-12", "run_dir=on"]
    run = tuneformer.train([*back_from(moved, small_settings), *still])
    ids = torch.randint(250, (2, 9), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(logits_of(run.model, ids), logits_of(before.model, ids))
    assert (run.config["model"]["n_layers"], run.config["model"]["d_model"]) == (1, 16)

    elsewhere = run.config | {"model": run.config["model"] | {"path": "elsewhere"}}
    other = run.config | {"model": run.config["model"] | {"digest": "0" * 16}}
    assert config_hash(elsewhere) == config_hash(run.config) != config_hash(other)
    (moved / "model.safetensors").unlink()
    torch.testing.assert_close(logits_of(load_run("on").model, ids), logits_of(run.model, ids))


def test_another_model_is_plain_safetensors(small_settings: list[str], tmp_path: Path) -> None:
    from safetensors.torch import load_file

    run = tuneformer.train([*small_settings, "attention=sigmoid", "trainer.max_steps=1", "run_dir=run"])
    assert export(run, tmp_path / "model") == [
        "model.safetensors with the names of tuneformer: transformers has no such model",
        "its tokens are bytes: transformers has no such tokenizer",
    ]
    written = load_file(tmp_path / "model" / "model.safetensors")
    assert written.keys() == run.model.state_dict().keys()
    assert (tmp_path / "model" / "config.yaml").is_file()


def broken(folder: Path, into: Path, change: Callable[[dict[str, Any]], None] | None) -> Path:
    """A copy without weights, or whose config.json is another."""
    into.mkdir()
    for file in folder.iterdir():
        if change is not None or file.suffix != ".safetensors":
            (into / file.name).write_bytes(file.read_bytes())
    if change is not None:
        config = json.loads((into / "config.json").read_text(encoding="utf-8"))
        change(config)
        (into / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return into


@pytest.mark.parametrize(
    ("change", "overrides", "message"),
    [
        (None, [], r"model.path=\S+ holds no weights \(\*.safetensors\): model.config="),
        ({"intermediate_size": 40}, [], r"model.path=\S+ does not fit its config.json: model.layers.0.mlp"),
        ({"num_hidden_layers": 2}, [], r"model.path=\S+ has no weights of model.layers.1.input_layernorm"),
        ({"model_type": None}, [], r"config.json has no model_type"),
        ({}, ["data.bpe_vocab_size=290"], r"data.vocab_size=290 is more than the 270 tokens that model.path"),
        ({}, ["data.context_length=17"], r"data.context_length=17 must be at most 16, the positions"),
        ({}, ["model.d_model=24"], r"model.d_model=24 cannot be set: the weights of \S+ have 16"),
        ({}, ["model.gguf_file=none.gguf"], r"model.gguf_file=none.gguf is no file of model.path="),
    ],
)
def test_a_folder_that_does_not_fit_is_one_line(
    change: dict[str, Any] | None,
    overrides: list[str],
    message: str,
    exported: tuple[Run, Path],
    small_settings: list[str],
    tmp_path: Path,
) -> None:
    change_of = None if change is None else lambda config: config.update(change)
    folder = broken(exported[1], tmp_path / "broken", change_of)
    with pytest.raises(UserError, match=message) as told:
        tuneformer.train([*back_from(folder, small_settings), *overrides, "run_dir=run"])
    assert "\n" not in str(told.value)


def test_nothing_is_written_over(exported: tuple[Run, Path], command: Callable[..., Any]) -> None:
    run, folder = exported
    answer = command("scripts/export.py", str(run.path), "--to", str(folder))
    assert answer.status == 2
    assert answer.err == [f"error: --to={folder} is there already: give a folder that is new or empty"]
    answer = command("scripts/export.py", str(run.path), "--to", "here")
    assert answer.out[0].startswith("here: a folder of transformers: LlamaForCausalLM, the equivalent")


def test_a_run_that_says_it_was_made_elsewhere_reads_nothing_there(
    exported: tuple[Run, Path], small_settings: list[str], tmp_path: Path
) -> None:
    run = tuneformer.train([*back_from(exported[1], small_settings), "run_dir=run"])
    file = run.path / "model.json"
    kept = file.read_text(encoding="utf-8")
    file.write_text(kept.replace('"hidden_size": 16', '"hidden_size": 1600000'), encoding="utf-8")
    with pytest.raises(UserError, match=r"model.json is damaged: d_model is 1600000, and not"):
        load_run(run.path)
    file.unlink()
    with pytest.raises(UserError, match=r"model.json is missing"):
        load_run(run.path)


def test_a_folder_is_looked_at_without_a_run(exported: tuple[Run, Path], command: Callable[..., Any]) -> None:
    _, folder = exported
    answer = command("scripts/analyze.py", "--model", str(folder), "--text", "the quick")
    assert answer.status == 0, answer.err
    assert answer.out[0].endswith("HuggingFaceDecoder with LlamaAttention: layers x heads decoder 1 x 2")
    place = Path("outputs/models/model/analysis")
    assert "ablation" in (place / "heads.csv").read_text(encoding="utf-8")
    assert "HuggingFaceDecoder" in (place / "attention.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give a run directory, or --model=DIR for a folder of transformers"),
        (["--model", "x"], "--model has no data of its own to look at: give --text=..., or --image=FILE"),
        (
            ["--model", "x", "--text", "a", "--against", "y"],
            "--against is for runs: leave it out with --model",
        ),
        (["--model", "x", "--text", "a"], "--model=x is no folder, and no GGUF file"),
        (["x", "--image", "a.png"], "--image is for --model: a run has examples of its own"),
    ],
)
def test_what_to_look_at_is_asked_for_in_one_line(
    arguments: list[str], message: str, command: Callable[..., Any]
) -> None:
    answer = command("scripts/analyze.py", *arguments)
    assert (answer.status, answer.err) == (2, [f"error: {message}"])
