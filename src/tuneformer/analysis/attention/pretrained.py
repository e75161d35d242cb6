"""A model of transformers that no run of ours has trained, as something to look at."""

from pathlib import Path
from typing import Any

from tuneformer.analysis.attention.subject import Subject
from tuneformer.config.options import load_option
from tuneformer.config.registry import SHIPPED
from tuneformer.data.tokenizers.folder_tokenizer import FolderTokenizer
from tuneformer.errors import UserError
from tuneformer.inference.loading import Run
from tuneformer.models.finite_weights import check_finite_weights
from tuneformer.models.hf.causal import HuggingFaceDecoder
from tuneformer.models.hf.settings import HuggingFaceSettings
from tuneformer.models.hf.source import ModelSource
from tuneformer.runs.record import RunRecord

POSITIONS = ("max_position_embeddings", "n_positions", "n_ctx", "seq_length")
"""What the architectures call the longest text that they read."""
LONGEST = 1024
"""Of a model that does not say how long."""


def read_pretrained(path: Path) -> Subject:
    """The model and the tokenizer of a folder.

    Raises:
        UserError: it holds none, or there is nothing to look at: its attention cannot be seen.
    """
    tokenizer = FolderTokenizer.read(str(path))
    source = ModelSource.of(config=None, path=str(path), gguf_file=None)
    assert source is not None
    told = source.settings
    room = next((told[name] for name in POSITIONS if isinstance(told.get(name), int)), LONGEST)
    chosen: dict[str, Any] = {
        **dict.fromkeys(("config", "gguf_file", "digest", "size", "d_ff")),
        **dict.fromkeys(("n_layers", "n_heads", "d_model")),
        "path": str(path),
        "dropout": 0.0,
        "keys": {},
        "vocab_size": 1,
        "context_length": room,
    }
    model = HuggingFaceDecoder(settings=HuggingFaceSettings(**chosen)).eval()
    if not model.watchers:
        raise UserError(f"{path} has no attention to look at: its model is {told['model_type']}")
    check_finite_weights(model, of=str(path))
    config = {
        "model": {"_target_": type(model).__name__, "vocab_size": model.vocab_size},
        "data": load_option("data", "text", [SHIPPED]) | {"context_length": room},
    }
    nothing = {"status": "finished", "config_hash": "", "started": "", "restarts": 0, "steps": 0}
    record = RunRecord(**nothing, wall_seconds=0.0, metrics={"best": {}, "final": {}}, data={})
    run = Run(
        path=path,
        config=config,
        record=record,
        metrics={},
        model=model,
        kept_tokenizer=tokenizer,
        step=0,
    )
    return Subject(path=path, config=config, metrics={}, kept_tokenizer=tokenizer, run=run)
