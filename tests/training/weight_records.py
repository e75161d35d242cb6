"""Small runs of every kind, and what is recorded of the weights that they end with.

    python -m tests.training.weight_records     # trains them and writes weight_records.json

Under the arithmetic that a record was made with, the weights are compared by a digest of their bytes; under
another one by a norm and projections, to what rounding explains. Neither knows the names of parameters or
their order.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import platform
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests import small_data
from tuneformer.checks.config import checked_config
from tuneformer.data.languages import language_id
from tuneformer.runs.files import write_text
from tuneformer.training.start import train

RECORDS = Path(__file__).with_suffix(".json")
STEPS = 20
TOLERANCE = 2e-5
"""Of a norm or a projection, relative to the norm: ten times what other instruction sets make of it."""
TOLERANCES = {
    "muon-wsd": 0.1,
    "soap-inverse_sqrt": 0.1,
    "shampoo-polynomial": 1e-2,
    "scion-modular": 1e-3,
    "adamw-bf16": 1e-2,
}
"""The same where half precision, or iterations over matrices that are nearly singular, magnify rounding."""

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "and", "sleeps", "on"]
SHARED = [
    "logger=none",
    "callbacks=none",
    f"trainer.max_steps={STEPS}",
    f"trainer.val_check_interval={STEPS}",
    f"trainer.log_every_n_steps={STEPS}",
    "trainer.threads=1",
    "data.batch_size=4",
    "model.n_layers=2",
    "model.d_model=16",
]
HEADS = "model.n_heads=4"
GPT2 = "model.initialization=gpt2"
TEXT = ["data=text", "data.path={sources}/words.txt", "data.context_length=16", HEADS, GPT2]
SYNTHETIC = ["data.n_validation=20", "data.n_test=20", HEADS]
PAIRS = ["data=pairs", "data.path={sources}/pairs.tsv", "data.bpe_vocab_size=280", "data.context_length=32"]
CLASSES = ["data=language_id", f"data.languages=[{','.join(small_data.LANGUAGES)}]", "data.context_length=16"]

CONFIGURATIONS: dict[str, list[str]] = {
    "adamw": [*TEXT, "optimizer=adamw"],
    "adam-warmup": [
        *[*TEXT, "optimizer=adam", "scheduler=warmup", "model.dropout=0.1", "model.norm=layer_norm"],
        *["model.block=post_norm", "model.positions=learned", "model.feed_forward=gelu", "model.bias=true"],
    ],
    "lion-exponential": [*TEXT, "optimizer=lion", "scheduler=exponential", "attention=grouped_query"],
    "signum-step": [*TEXT, "optimizer=signum", "scheduler=step", "attention=multi_query"],
    "muon-wsd": [
        *[*TEXT, "optimizer=muon", "scheduler=wsd", "attention.qk_norm=true", "model.block=parallel"],
        *["model.feed_forward=squared_relu", "model.tie_embeddings=false", "param_groups=nanogpt"],
    ],
    "normuon-one_cycle": [*TEXT, "optimizer=normuon", "scheduler=one_cycle", "attention=softmax_one"],
    "soap-inverse_sqrt": [
        *[*TEXT, "optimizer=soap", "scheduler=inverse_sqrt", "attention=differential"],
        "data.tokenizer=characters",
    ],
    "shampoo-polynomial": [
        *[*TEXT, "optimizer=shampoo", "scheduler=polynomial", "attention=sigmoid", "callbacks=ema"],
        "model.positions=alibi",
    ],
    "kron-cyclic": [*TEXT, "optimizer=kron", "scheduler=cyclic", "attention=top_k", "model.block=sandwich"],
    "sophia-cosine_restarts": [
        *[*TEXT, "optimizer=sophia", "scheduler=cosine_restarts", "attention=learned_sink"],
        *["trainer.accumulate_grad_batches=2", "data.tokenizer=bpe", "data.bpe_vocab_size=280"],
    ],
    "schedule_free_adamw": [
        *[*TEXT, "optimizer=schedule_free_adamw", "scheduler=constant", "attention=talking_heads"],
        "model.positions=t5",
    ],
    "prodigy-infinite_cosine": [
        *["data=copy", *SYNTHETIC, "optimizer=prodigy", "scheduler=infinite_cosine"],
        *["attention=gated_output", "param_groups=uniform", GPT2],
    ],
    "mars-induction": [
        *["data=induction", *SYNTHETIC, "optimizer=mars", "attention=sliding_window", "attention.window=8"],
        "model.initialization=xavier",
    ],
    "adafactor-recall": ["data=recall", *SYNTHETIC, "optimizer=adafactor", "attention=delta_rule", GPT2],
    "scion-modular": ["data=modular", *SYNTHETIC, "optimizer=scion", "attention=retention", GPT2],
    "nadam-mup": [
        *["data=sorting", *SYNTHETIC, "optimizer=nadam", "scheduler=linear", "attention=block_local"],
        *["model=decoder_mup", "param_groups=mup"],
    ],
    "adopt-translator": [
        *[*PAIRS, HEADS, "model=encoder_decoder", "optimizer=adopt", "attention=multi_head_latent"],
    ],
    "ademamix-lstm": [*PAIRS, "model=lstm_attention", "optimizer=ademamix", "scheduler=wsd"],
    "cautious_adamw-images": [
        *["data=idx", "data.path={sources}/idx", HEADS, "model=vit", "optimizer=cautious_adamw", GPT2],
    ],
    "sam-classes": [*CLASSES, HEADS, "model=encoder", "optimizer=sam", "attention=linear", GPT2],
    "adamw-bf16": [*TEXT, "optimizer=adamw", "trainer.precision=bf16-mixed"],
}


QUICK = (
    "adam-warmup",
    "lion-exponential",
    "signum-step",
    "muon-wsd",
    "schedule_free_adamw",
    "prodigy-infinite_cosine",
    "mars-induction",
    "nadam-mup",
    "cautious_adamw-images",
    "sam-classes",
    "adamw-bf16",
)
"""Those that are not left to the proofs."""

Records = dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What is kept of a run's weights: the digest of their bytes, their norm and four projections."""

    digest: str
    numbers: list[float]


def close(name: str, numbers: Sequence[float], recorded: Sequence[float]) -> bool:
    """Whether the norm and projections of a configuration differ by no more than rounding explains."""
    allowed = TOLERANCES.get(name, TOLERANCE) * recorded[0]
    return all(abs(a - b) <= allowed for a, b in zip(numbers, recorded, strict=True))


def summary(tensors: Sequence[Tensor]) -> Weights:
    """The digest of the tensors' types, shapes and bytes; their norm and projections in float64.

    The projections are on vectors drawn from [-1, 1], those of numpy's frozen generator.
    """
    parts, squares, projections = [], 0.0, np.zeros(4)
    for tensor in tensors:
        values = tensor.detach().contiguous().cpu()
        head = f"{values.dtype} {tuple(values.shape)} ".encode()
        parts.append(hashlib.sha256(head + values.numpy().tobytes()).digest())
        flat = values.numpy().astype(np.float64).reshape(-1)
        squares += float(flat @ flat)
        projections += np.random.RandomState(0).uniform(-1, 1, (4, flat.size)) @ flat
    digest = hashlib.sha256(b"".join(sorted(parts))).hexdigest()[:32]
    return Weights(digest=digest, numbers=[squares**0.5, *map(float, projections)])


def arithmetic() -> str:
    """What equal bytes may be expected under: versions, kernels and the processor that picks among them."""
    packages = ("numpy", "pytorch-optimizer", "schedulefree", "tokenizers")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    kernels = torch.backends.cpu.get_cpu_capability()
    library = "".join(platform.libc_ver())
    return ", ".join([f"torch {torch.__version__}", *versions, library, kernels, _processor()])


def _processor() -> str:
    """The processor's maker and kind, and a digest of the instructions that it has."""
    described = Path("/proc/cpuinfo")
    if not described.is_file():
        return f"{platform.machine()} {platform.processor()}"
    lines = [line.partition(":") for line in described.read_text(encoding="utf-8").splitlines()]
    told = {name.strip(): value.strip() for name, _, value in lines}
    instructions = " ".join(sorted(told.get("flags", told.get("Features", "")).split()))
    kind = [told.get(name, "") for name in ("vendor_id", "cpu family", "model")]
    return " ".join([*kind, hashlib.sha256(instructions.encode()).hexdigest()[:8]])


@contextlib.contextmanager
def small_sources(folder: Path) -> Iterator[Path]:
    """The files that the configurations read, and a folder for their tokens."""
    draw = Random(0)
    lines = [" ".join(draw.choices(WORDS, k=8)) for _ in range(150)]
    write_text(folder / "words.txt", "\n".join(lines))
    small_data.write_pairs(folder / "pairs.tsv")
    small_data.write_idx_folder(folder / "idx")
    catalogues = {
        f"django/conf/locale/{name}/LC_MESSAGES/django.mo": small_data.catalogue(
            small_data.sentences(letters)
        )
        for name, letters in small_data.LANGUAGES.items()
    }
    with pytest.MonkeyPatch.context() as patch:
        small_data.put_wheel(patch, folder / "cache", language_id, catalogues)
        patch.setenv("TUNEFORMER_CACHE", str(folder / "cache"))
        yield folder


def trained_weights(name: str, *more: str, sources: Path) -> Weights:
    """Trains a configuration in the working directory, and looks at the weights it ends with."""
    own = [override.format(sources=sources) for override in CONFIGURATIONS[name]]
    run = Path(tempfile.mkdtemp(dir=".")) / "run"
    train(checked_config([*SHARED, *own, *more, f"run_dir={run}"]))
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == STEPS
    return summary(list(checkpoint["state_dict"].values()))


def mismatch(name: str, found: Weights, *, under: str) -> str | None:
    """What differs from the records; None where nothing does."""
    records = json.loads(RECORDS.read_text(encoding="utf-8"))
    recorded = records["digests"].get(under, {}).get(name)
    if recorded == found.digest:
        return None
    numbers = records["numbers"][name]
    alike = close(name, found.numbers, numbers)
    if recorded is None and alike:
        return None
    return f"{name}: other {'bytes' if alike else 'weights'}: {found.numbers}, recorded {numbers}"


def updated(records: Records, found: dict[str, Weights], *, under: str) -> Records:
    """The records with what was found; what another arithmetic gave stays where the weights stay."""
    digests = {key: dict(kept) for key, kept in records["digests"].items()}
    own = digests.setdefault(under, {})
    numbers = {}
    for name, weights in found.items():
        recorded = records["numbers"].get(name)
        known = own.get(name)
        same = known == weights.digest if known else recorded and close(name, weights.numbers, recorded)
        if not same:
            for kept in digests.values():
                kept.pop(name, None)
        own[name] = weights.digest
        numbers[name] = recorded if same else weights.numbers
    names = found.keys()
    digests = {key: {name: kept[name] for name in names if name in kept} for key, kept in digests.items()}
    return {"numbers": numbers, "digests": {key: kept for key, kept in digests.items() if kept}}


def record() -> None:
    """Trains every configuration and writes the records."""
    with tempfile.TemporaryDirectory() as folder, small_sources(Path(folder)) as sources:
        os.chdir(folder)
        found = {name: trained_weights(name, sources=sources) for name in CONFIGURATIONS}
    records = {"numbers": {}, "digests": {}}
    if RECORDS.is_file():
        records = json.loads(RECORDS.read_text(encoding="utf-8"))
    write_text(RECORDS, json.dumps(updated(records, found, under=arithmetic()), indent=1) + "\n")


if __name__ == "__main__":
    record()
