"""The full name of a setting that was typed without its group, or under the name that it has elsewhere."""

from collections.abc import Iterator
from typing import Any

# What other projects call a setting; ours by the last part of its name.
ELSEWHERE = {
    "accumulate_grad_batches": "accumulation accumulation_steps grad_accum gradient_accumulation_steps",
    "batch_size": "batch bs per_device_train_batch_size train_batch_size",
    "betas": "b1 b2 beta beta1 beta2 beta_1 beta_2",
    "context_length": "block_size context ctx max_length max_seq_len seq_len seq_length sequence_length",
    "d_ff": "dim_feedforward ffn_dim intermediate_size n_inner",
    "d_model": "dim embed_dim embedding_dim emb_dim hidden_dim hidden_size n_embd width",
    "data": "corpus data_set dataset",
    "devices": "gpus n_devices n_gpus num_devices num_gpus",
    "eps": "epsilon",
    "floor": "lr_min min_lr min_lr_ratio",
    "gradient_clip_val": "clip clip_grad clip_grad_norm grad_clip gradient_clip max_grad_norm",
    "lr": "alpha base_lr learning_rate learningrate max_lr peak_lr rate step_size",
    "max_steps": "iterations iters max_iters n_iters n_steps num_iters num_steps num_train_steps steps"
    " total_steps train_steps training_steps",
    "n_heads": "head heads n_head nhead num_attention_heads num_heads",
    "n_layers": "depth layers n_layer num_hidden_layers num_layers",
    "name": "exp_name experiment_name run_name",
    "num_workers": "n_workers workers",
    "optimizer": "opt optim optimiser",
    "precision": "amp bf16 dtype fp16",
    "run_dir": "checkpoint_dir log_dir logdir out_dir output_dir save_dir",
    "scheduler": "lr_schedule lr_scheduler sched schedule",
    "seed": "manual_seed random_seed random_state rng",
    "val_check_interval": "eval_every eval_interval eval_steps val_every val_interval validation_interval",
    "warmup": "num_warmup_steps warm_up warmup_iters warmup_ratio warmup_steps",
    "weight_decay": "decay wd weightdecay",
}
OURS = {theirs: name for name, others in ELSEWHERE.items() for theirs in others.split()}

OF_THE_SWEEP = {"n_trials": "hydra.sweeper.n_trials", "budget": "hydra.sweeper.budget"}
MOST = 3


def full_names(key: str, whole: dict[str, Any]) -> list[str]:
    """The settings that `key` is another name of, or the last part of the name; the likeliest first.

    A setting that only follows another (`${data.context_length}`) comes behind the one that it follows.
    """
    key = key.lower().replace("-", "_")
    parent, _, last = key.rpartition(".")
    if last in OF_THE_SWEEP:
        return [OF_THE_SWEEP[last]]
    wanted = {last, OURS.get(last, last)}
    found = [(path, value) for path, value in _settings(whole, "") if path.rpartition(".")[2] in wanted]
    found = [(path, value) for path, value in found if path != key]
    same_group = [path for path, _ in found if parent and path.rpartition(".")[0] == parent]
    own = [path for path, value in found if not (isinstance(value, str) and "${" in value)]
    return (same_group or sorted(own or [path for path, _ in found], key=lambda path: path.count(".")))[:MOST]


def _settings(node: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if str(key).startswith("_"):
            continue
        yield f"{prefix}{key}", value
        if isinstance(value, dict):
            yield from _settings(value, f"{prefix}{key}.")
