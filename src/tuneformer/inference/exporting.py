"""A trained model as a folder that other programs read."""

import json
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tuneformer.data.tokenizers.pair_tokenizer import END, PairTokenizer
from tuneformer.data.tokenizers.tokenizer import Tokenizer
from tuneformer.errors import UserError
from tuneformer.inference.loading import Run
from tuneformer.models.finite_weights import check_finite_weights
from tuneformer.models.hf.architecture import CLASS_TOKEN, OWN_TOKENS
from tuneformer.models.hf.classifier import HuggingFaceClassifier
from tuneformer.models.hf.conv1d import as_the_library_has_it
from tuneformer.models.hf.equivalent import equivalent_of
from tuneformer.models.hf.library import INSTALL, transformers
from tuneformer.models.hf.model import HuggingFaceModel
from tuneformer.runs.files import write_text

WEIGHTS_FILE = "model.safetensors"


def export(run: Run, folder: Path) -> list[str]:
    """Write a run's model into a new folder, and return what it is, a line each.

    It is a folder of transformers where the library has such a model: that of a run of model=hf, or the
    equivalent of our decoder with the blocks of LLaMA or GPT-2. Any other model is written as safetensors by
    the names of its own parameters, beside the run's configuration.

    Raises:
        UserError: the folder is not empty, weights are not finite, or a package is missing.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"--to={folder} is there already: give a folder that is new or empty")
    check_finite_weights(run.model, of=str(run.path))
    folder.mkdir(parents=True, exist_ok=True)
    told = [_write_model(run, folder)]
    if isinstance(run.model, HuggingFaceClassifier) and run.model.adds_class_token:
        told.append(f"its input: {CLASS_TOKEN}, then the tokens of the run's tokenizer + {OWN_TOKENS}")
    elif run.kept_tokenizer is not None:
        told.append(_write_tokenizer(run.kept_tokenizer, folder))
    return told


def _write_model(run: Run, folder: Path) -> str:
    if isinstance(run.model, HuggingFaceModel):
        network = run.model.network
        _save(network, as_the_library_has_it(network, network.state_dict()), folder)
        return f"a folder of transformers: {type(network).__name__}"
    found = equivalent_of(run.model)
    if found is None:
        _save_plainly(run.model, run.path / "config.yaml", folder)
        return f"{WEIGHTS_FILE} with the names of tuneformer: transformers has no such model"
    library = transformers()
    config = library.AutoConfig.for_model(found.architecture, **found.keys)
    network = library.AutoModelForCausalLM.from_config(config)
    _save(network, found.state, folder)
    return f"a folder of transformers: {type(network).__name__}, the equivalent of the run's decoder"


def _save(network: Any, state: dict[str, Tensor], folder: Path) -> None:
    # tied matrices are written once
    names = {name for name, _ in network.named_parameters()} | {name for name, _ in network.named_buffers()}
    kept = {name: tensor.contiguous() for name, tensor in state.items() if name in names}
    network.save_pretrained(folder, state_dict=kept)


def _save_plainly(model: nn.Module, config: Path, folder: Path) -> None:
    try:
        from safetensors.torch import save_file
    except ImportError:
        raise UserError(f"export needs a package that is not installed: {INSTALL}") from None
    tensors = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / WEIGHTS_FILE)
    write_text(folder / config.name, config.read_text(encoding="utf-8"))


def _write_tokenizer(tokenizer: Tokenizer, folder: Path) -> str:
    content = json.loads(tokenizer.to_json())
    if "tokenizer" not in content:
        write_text(folder / "tuneformer_tokenizer.json", tokenizer.to_json())
        return f"its tokens are {tokenizer.name}: transformers has no such tokenizer"
    write_text(folder / "tokenizer.json", json.dumps(content["tokenizer"], ensure_ascii=False))
    told = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    if isinstance(tokenizer, PairTokenizer):
        told[END] = tokenizer.end_text
    write_text(folder / "tokenizer_config.json", json.dumps(told, indent=1))
    return "its tokenizer: tokenizer.json"
