"""Which way a metric is better: as the tasks say, and as names of others tell."""

import pytest

from tests.tasks.all_tasks import all_tasks
from tuneformer.analysis.compare.metric_direction import direction_of, is_result

pytestmark = pytest.mark.fast


def test_the_names_of_the_tasks_metrics_tell_what_the_tasks_say() -> None:
    for task in all_tasks().values():
        for name in task.metric_names(averaged=True):
            for written in (name, name.rpartition("/")[2], name.replace("/", "_")):
                assert direction_of(written) is task.higher_is_better(name), written
    assert direction_of("throughput/tokens_per_second") is True
    assert direction_of("throughput/step_ms") is False


@pytest.mark.parametrize(
    "name",
    [
        "accuracy", "Accuracy", "test_acc", "top1", "top-5 accuracy", "F1", "macro_f1", "AUC", "auroc",
        "BLEU",
        "bleu4", "chrF", "rougeL", "exact match", "recall@10", "ndcg@10", "mAP", "tokens_per_second", "R2",
        "win_rate", "pass@1", "psnr", "valAccuracy",
    ],
)  # fmt: skip
def test_better_high(name: str) -> None:
    assert direction_of(name) is True


@pytest.mark.parametrize(
    "name",
    [
        "loss", "final_loss", "val/loss", "Perplexity", "ppl", "error", "top1_error", "word error rate",
        "WER", "cer", "bits_per_byte", "bpb", "nll", "cross_entropy", "mse", "RMSE", "seconds", "wall_time",
        "accuracy_loss", "FID", "time_to_accuracy", "steps to bleu", "epochs_until_accuracy",
    ],
)  # fmt: skip
def test_better_low(name: str) -> None:
    assert direction_of(name) is False


@pytest.mark.parametrize(
    "name",
    [
        "score", "metric", "grad_norm", "negative_bleu", "neg_loss", "elo", "x", "accuracy_std", "loss_std",
        "bleu stderr", "val/loss_ci", "n_errors", "accuracy_rank", "generalisation_gap_loss",
        "distance_to_best_accuracy",
    ],
)  # fmt: skip
def test_names_that_do_not_tell(name: str) -> None:
    assert direction_of(name) is None


def test_settings_that_sound_like_results_are_none() -> None:
    assert not any(
        map(is_result, ["top_k", "bits", "loss_scale", "memory", "gain", "learning_rate", "steps"])
    )
    assert all(
        map(is_result, ["val_accuracy", "loss", "tokens_per_second", "wall seconds", "top1", "test/bleu"])
    )
