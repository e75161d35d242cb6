import math
from collections import Counter
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.data.pair_settings import pair_settings, write_pair_file
from tests.models.families import CONF, randomised, small_model
from tuneformer.config.options import load_option
from tuneformer.data.corpora.pairs import Pairs
from tuneformer.data.pairs.pair_batches import PairBatch
from tuneformer.data.pairs.pair_files import PairSplits
from tuneformer.optim.param_groups import ParamGroups
from tuneformer.tasks.translation import TranslationQuality, TranslationTask
from tuneformer.tasks.translation_files import Translated, read_translations, translations_text

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Pairs:
    folder = tmp_path_factory.mktemp("pairs")
    return Pairs(path=str(write_pair_file(folder / "pairs.tsv")), **pair_settings(folder / "cache"))


@pytest.fixture(scope="module")
def pairs(data: Pairs) -> PairSplits:
    return data.prepare()


def task_of(pairs: PairSplits, model: Any) -> TranslationTask:
    groups = load_option("param_groups", "default", [CONF])
    return TranslationTask(
        model=model,
        optimizer=partial(torch.optim.AdamW, lr=0.1),
        param_groups=ParamGroups(**{key: value for key, value in groups.items() if key != "_target_"}),
        schedule=lambda step, *, horizon: 1.0,
        seed=0,
        prepared=pairs,
    )


def step(data: Pairs, pairs: PairSplits, *, parts: int) -> list[PairBatch]:
    batches = iter(
        data.batches(pairs, seed=0).training_batches(accumulate=parts, rank=0, world_size=1, start=0)
    )
    return [next(batches) for _ in range(parts)]


@torch.no_grad()
def test_the_loss_is_the_smoothed_cross_entropy_over_all_tokens_of_the_step(
    data: Pairs, pairs: PairSplits
) -> None:
    n_vocab = pairs.needs["vocab_size"]
    model = randomised(small_model("encoder_decoder", vocab_size=n_vocab, context_length=64))
    task = task_of(pairs, model)
    (batch,) = step(data, pairs, parts=1)
    log_p = model(batch.source, batch.visible, batch.inputs).log_softmax(-1)
    total, n_tokens = 0.0, 0
    for row, targets in enumerate(batch.targets):
        for place, target in enumerate(targets.tolist()):
            if target != -100:
                q = torch.full((n_vocab,), 0.1 / n_vocab, dtype=torch.float64)
                q[target] += 0.9
                total -= float(q @ log_p[row, place])
                n_tokens += 1
    assert float(task.loss(batch)) == pytest.approx(total / n_tokens, rel=1e-10)
    # the parts of an accumulation, or of devices, have that loss as their mean, however long each is
    parts = [float(task.loss(part)) for part in step(data, pairs, parts=4)]
    assert sum(parts) / 4 == pytest.approx(total / n_tokens, rel=1e-10)
    assert max(parts) - min(parts) > 0.01


def test_validation_scores_every_token_without_smoothing(data: Pairs, pairs: PairSplits) -> None:
    model = randomised(
        small_model("lstm", n_layers=1, vocab_size=pairs.needs["vocab_size"], context_length=64)
    )
    metric = TranslationTask.metric(pairs, split="test")
    total, n_tokens = 0.0, 0
    with torch.no_grad():
        for batch in data.batches(pairs, seed=0).evaluation_batches("test", rank=0, world_size=1):
            metric.score(model, batch)
            log_p = model(batch.source, batch.visible, batch.inputs).log_softmax(-1)
            scored = batch.targets != -100
            chosen = log_p.gather(2, batch.targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
            total -= float(chosen[scored].sum())
            n_tokens += int(scored.sum())
    values = metric.compute()
    assert float(values["loss"]) == pytest.approx(total / n_tokens, rel=1e-9)
    assert float(values["perplexity"]) == pytest.approx(math.exp(total / n_tokens), rel=1e-6)
    rows = metric.files()["translations.tsv"].splitlines()
    assert len(rows) == 1 + len(pairs.splits["test"])
    metric.reset()
    assert metric.files()["translations.tsv"].splitlines() == ["source\treference\ttranslation"]


def scores(pairs: PairSplits, references: list[str], hypotheses: list[str]) -> dict[str, Tensor]:
    metric = TranslationQuality(pairs)
    metric.update(torch.zeros(1, 1, 5), torch.zeros(1, 1, dtype=torch.long))
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        metric.compare("", reference, hypothesis)
    return metric.compute()


def test_bleu_is_that_of_the_whole_split_with_sacrebleus_tokens(pairs: PairSplits) -> None:
    # by hand over both sentences together, 13a parts words from full stops:
    # hypotheses "the cat sat on the mat ." (7) and "a dog barked ." (4),
    # references "the cat sat on a mat ." (7) and "the dog barked ." (4)
    # 1-grams 6 + 3 of 11, 2-grams 4 + 2 of 9, 3-grams 2 + 1 of 7, 4-grams 1 + 0 of 5; no brevity penalty
    references = ["the cat sat on a mat.", "the dog barked."]
    hypotheses = ["the cat sat on the mat.", "a dog barked."]
    expected = (9 / 11 * 6 / 9 * 3 / 7 * 1 / 5) ** 0.25
    assert float(scores(pairs, references, hypotheses)["bleu"]) == pytest.approx(100 * expected, rel=1e-5)


def test_a_short_translation_pays_the_brevity_penalty(pairs: PairSplits) -> None:
    # 5 tokens of 7, all right: exp(1 - 7 / 5)
    value = scores(pairs, ["one two three four five six seven"], ["one two three four five"])["bleu"]
    assert float(value) == pytest.approx(100 * math.exp(1 - 7 / 5), rel=1e-5)


def test_a_perfect_translation_has_100_and_nothing_in_common_0(pairs: PairSplits) -> None:
    perfect = scores(pairs, ["Der Lüfter ist aus."] * 2, ["Der Lüfter ist aus."] * 2)
    assert float(perfect["bleu"]) == pytest.approx(100)
    assert float(perfect["chrf"]) == pytest.approx(100)
    nothing = scores(pairs, ["abc def ghi jkl"], ["xyz xyz xyz xyz"])
    assert float(nothing["bleu"]) == float(nothing["chrf"]) == 0


def chrf(references: list[str], hypotheses: list[str]) -> float:
    """chrF by its definition: the mean over n of precision and recall, sums over all sentences, beta = 2."""

    def grams(text: str, n: int) -> Counter[str]:
        letters = "".join(text.split())
        return Counter(letters[place : place + n] for place in range(len(letters) - n + 1))

    precisions, recalls = [], []
    for n in range(1, 7):
        pairs = [(grams(h, n), grams(r, n)) for h, r in zip(hypotheses, references, strict=True)]
        common = sum((h & r).total() for h, r in pairs)
        precisions.append(common / sum(h.total() for h, _ in pairs))
        recalls.append(common / sum(r.total() for _, r in pairs))
    precision, recall = sum(precisions) / 6, sum(recalls) / 6
    return 100 * 5 * precision * recall / (4 * precision + recall)


def test_chrf_counts_every_sentence_however_little_of_it_is_right(pairs: PairSplits) -> None:
    references = ["abcdefgh ij", "the lights are switched off", "one more sentence"]
    hypotheses = ["abcdefgx ij", "zzzzzzz", "one more sentence"]
    value = float(scores(pairs, references, hypotheses)["chrf"])
    assert value == pytest.approx(chrf(references, hypotheses), rel=1e-9)
    without = chrf([references[0], references[2]], [hypotheses[0], hypotheses[2]])
    assert value < 0.75 * without


@pytest.mark.parametrize(
    ("language", "reference", "hypothesis", "words"),
    [
        ("zh-Hans", "今天天气很好我们去公园", "今天天气很好我们去花园", 11),
        ("th", "เปิดไฟในห้องนั่งเล่น", "เปิดไฟในห้องนอน", 20),
        ("ja", "猫はマットの上に座っていた", "猫がマットの上に座っていた", 10),
    ],
)
def test_bleu_has_the_words_of_languages_without_spaces(
    pairs: PairSplits, language: str, reference: str, hypothesis: str, words: int
) -> None:
    quality = replace(pairs, language=language)
    assert float(scores(quality, [reference], [reference])["bleu"]) == pytest.approx(100)
    assert 20 < float(scores(quality, [reference], [hypothesis])["bleu"]) < 95
    measure = TranslationQuality(quality).bleu
    assert measure.corpus_score([reference], [[reference]]).ref_len == words
    # parted at spaces, as before, the whole line is one word, and nothing is right
    assert float(scores(replace(pairs, language=""), [reference], [hypothesis])["bleu"]) < 1e-6


def test_what_is_scored_is_signed(pairs: PairSplits) -> None:
    signed = TranslationQuality(replace(pairs, language="zh")).signatures()
    assert signed["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:zh|smooth:exp|version:")
    assert signed["chrf"].startswith("nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:")


def test_sentences_of_all_processes_are_scored_and_kept(pairs: PairSplits) -> None:
    one, two = TranslationQuality(pairs), TranslationQuality(pairs)
    whole = TranslationQuality(pairs)
    for quality in (one, two, whole):
        quality.update(torch.zeros(1, 1, 5), torch.zeros(1, 1, dtype=torch.long))
    for quality in (one, whole):
        quality.compare("a", "the cat sat on a mat", "the cat sat on the mat")
    for quality in (two, whole):
        quality.compare("b", "Lüfter an\x00 aus", "Lüfter")
    two._reduce_states(one.metric_state)
    assert two.files() == whole.files()
    assert two.compute()["chrf"] == whole.compute()["chrf"]


def test_translations_are_read_as_they_were_written_shortest_first(tmp_path: Path) -> None:
    rows = [Translated("long source", "x\ty", "two\nlines"), Translated("on", "an", "")]
    file = tmp_path / "translations.tsv"
    file.write_text(translations_text(rows), encoding="utf-8")
    assert read_translations(file) == [
        Translated("on", "an", ""),
        Translated("long source", "x y", "two lines"),
    ]
