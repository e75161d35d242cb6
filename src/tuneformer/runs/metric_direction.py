"""Which way a metric is better."""

HIGHER = ("accuracy", "bleu", "chrf", "exact_match", "f1", "throughput")


def higher_is_better(metric: str) -> bool:
    """Whether a metric, such as val/accuracy, is better when it is higher, as no loss is."""
    return any(word in metric for word in HIGHER)
