"""Whether higher or lower values of a metric are better, as far as its name tells."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


HIGHER = _words(
    "acc accuracies accuracy ap auc auprc auroc bertscore bleu chrf comet dice em f f1 fscore gain hits"
    " improvement iou kappa map match mcc meteor mrr ndcg normalized pass precision psnr r2 recall return"
    " reward rouge rougel sacrebleu saved spearman speedup ssim success throughput top win wins winrate"
)
LOWER = _words(
    "bits bpb bpc bpd brier cer cost crossentropy ece err error errors fid kl latency loss losses mae mape"
    " memory mse nats nll perplexity ppl regret rmse seconds ter time wer xent"
)
SPLITS = _words("best dev eval final mean test train val valid validation")
FILLERS = _words("byte character per rate second step token tokens wall word")
ALSO_SETTINGS = _words("bits cost f gain map match memory normalized pass return time top")  # by themselves
SECONDS = frozenset({"second", "sec", "s"})  # "tokens per second"
TURNED = frozenset({"inverse", "inv", "minus", "neg", "negative"})  # the name says the opposite, or does not
ABOUT = _words(
    "change ci count delta deviation diff difference drop gap index n num number rank reduction sd sem sigma"
    " std stddev stderr var variance"
)
"""A name with such a word is of a figure about the result: its spread, its place, a difference of two."""
UNTIL = ("to", "until", "till")  # "steps to accuracy": what stands before is what was spent
SPENT = _words("batches epoch epochs examples flops hours iterations iters minutes step steps tokens updates")
WORDS = re.compile(r"[a-z]+[0-9]*")
THROUGHPUT = "throughput/"
DIGITS = "0123456789"


def direction_of(metric: str) -> bool | None:
    """True where higher values are better, False where lower ones are, None where the name does not tell.

    The last word that says something decides: `top1_accuracy`, `F1`, `tokens_per_second` are better high,
    `word error rate`, `bits_per_byte`, `accuracy_loss` and `steps_to_accuracy` low; `score`, `negative_bleu`
    and `accuracy_std` do not tell.
    """
    if metric.startswith(THROUGHPUT):
        return metric != f"{THROUGHPUT}step_ms"
    words = _words_of(metric)
    if (TURNED | ABOUT) & set(words):
        return None
    ends = [place for place, word in enumerate(words) if place and word in UNTIL]
    if ends:
        words = words[: ends[0]]
        if SPENT & set(words):
            return False
    if "per" in words and SECONDS & set(words[words.index("per") :]):
        return True
    known = [word for word in words if word in HIGHER | LOWER]
    return known[-1] in HIGHER if known else None


def is_result(name: str) -> bool:
    """Whether a column's name is that of a result alone: `val_accuracy`, not `top_k` or `bits`."""
    words = _words_of(name)
    if not set(words) <= HIGHER | LOWER | SPLITS | FILLERS or name.lower() in ALSO_SETTINGS:
        return False
    return direction_of(name) is not None


def _words_of(name: str) -> list[str]:
    """The words of a name in small letters, a number at a word's end left out unless it makes it known."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    words = WORDS.findall(re.sub(r"cross[ _-]?entropy", "crossentropy", apart))
    return [word if word in HIGHER | LOWER else word.rstrip(DIGITS) for word in words]
