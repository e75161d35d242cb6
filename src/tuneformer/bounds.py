"""The bounds of single settings: words that are allowed, and the range of each number."""

from collections.abc import Mapping
from typing import Any

from tuneformer.config.suggestions import nearest
from tuneformer.errors import UserError
from tuneformer.models.settings import POSITIONS

Config = dict[str, Any]

CHOICES = {
    "data.tokenizer": ("bytes", "characters", "bpe"),
    "logger.wandb.mode": ("offline", "online", "disabled"),
    "model.block": ("pre_norm", "post_norm", "sandwich", "parallel"),
    "model.feed_forward": ("gelu", "swiglu", "squared_relu"),
    "model.initialization": ("gpt2", "xavier", "zero_output", "depth_scaled", "mup"),
    "model.norm": ("rms_norm", "layer_norm"),
    "model.pooling": ("mean", "first", "attention"),
    "model.positions": POSITIONS,
    "model.score": ("additive", "multiplicative"),
    "param_groups.weight_decay_kind": ("own", "l2", "decoupled", "independent", "cautious"),
    "preflight": ("full", "quick", "only"),
    "search.pruner": ("median", "asha"),
    "search.sampler": ("random", "halton", "tpe", "cmaes"),
    "scheduler.cooldown_shape": ("linear", "cosine", "one_minus_sqrt", "sqrt"),
    "trainer.accelerator": ("auto", "cpu", "gpu", "cuda", "mps", "tpu"),
    "trainer.float32_matmul_precision": ("highest", "high", "medium", "auto"),
    "trainer.precision": ("32-true", "bf16-mixed", "bf16-true", "16-mixed", "64-true", "auto"),
    "trainer.strategy": ("auto", "ddp", "ddp_find_unused_parameters_true", "fsdp"),
}

AT_LEAST_ONE = (
    "callbacks.checkpoints.every_n_steps",
    "callbacks.checkpoints.keep_every_n_steps",
    "callbacks.attention_maps.every_n_validations",
    "callbacks.attention_maps.largest_side",
    "callbacks.attention_probe.examples",
    "callbacks.attention_probe.n_tokens",
    "callbacks.curvature.examples",
    "callbacks.curvature.max_products",
    "callbacks.curvature.n_tokens",
    "callbacks.gradient_noise.n_tokens",
    "callbacks.sample.n_tokens",
    "callbacks.sample.top_k",
    "data.batch_size",
    "data.beam_size",
    "data.bpe_vocab_size",
    "data.context_length",
    "data.eval_batch_size",
    "launcher.cpus_per_job",
    "launcher.cpus_per_task",
    "launcher.mem_gb",
    "launcher.n_jobs",
    "launcher.signal_delay_s",
    "launcher.timeout_min",
    "data.max_validation_bytes",
    "model.base_width",
    "model.d_ff",
    "model.d_model",
    "model.embedded_tokens",
    "model.n_heads",
    "model.n_layers",
    "model.patch_size",
    "search.pruner_reduction",
    "search.startup_trials",
    "trainer.accumulate_grad_batches",
    "trainer.devices",
    "trainer.log_every_n_steps",
    "trainer.max_steps",
    "trainer.num_nodes",
    "trainer.threads",
    "trainer.val_check_interval",
)

ABOVE_ZERO = ("callbacks.curvature.tolerance", "trainer.gradient_clip_val", "model.rope_base")

FRACTIONS = ("data.label_smoothing", "model.dropout")

AT_LEAST_ZERO = (
    "seed",
    "data.length_penalty",
    "data.num_workers",
    "launcher.gpus_per_job",
    "launcher.gpus_per_node",
    "launcher.max_requeues",
    "callbacks.sample.temperature",
    "param_groups.weight_decay_end",
    "search.pruner_warmup_steps",
    "search.seed",
)


def check_bounds(config: Config, words: Mapping[str, tuple[str, ...]]) -> None:
    """Raises UserError for the first setting out of its bounds; `words`: those that the data decides."""
    for path, allowed in {**CHOICES, **words}.items():
        value = setting(config, path)
        if value is not None and value not in allowed:
            near = nearest(value, allowed)
            hint = f" (did you mean {near}?)" if near else ""
            raise UserError(f"{path}={value} must be one of {', '.join(allowed)}{hint}")
    for path in AT_LEAST_ONE:
        value = setting(config, path)
        if isinstance(value, int | float) and value < 1:
            raise UserError(f"{path}={value} must be at least 1")
    for path in ABOVE_ZERO:
        value = setting(config, path)
        if value is not None and not value > 0:
            raise UserError(f"{path}={value} must be positive")
    for path in AT_LEAST_ZERO:
        value = setting(config, path)
        if value is not None and not value >= 0:
            raise UserError(f"{path}={value} must be 0 or more")
    for path in FRACTIONS:
        value = setting(config, path)
        if value is not None and not 0 <= value < 1:
            raise UserError(f"{path}={value} must be at least 0 and below 1")


def setting(config: Config, path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    node: Any = config
    for key in path.split("."):
        if not isinstance(node, dict) or key not in node:
            return None
        node = node[key]
    return node
