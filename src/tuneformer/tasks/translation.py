"""Translation: a sentence in another language."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from torch import Tensor, nn

from tuneformer.data.contract import IGNORED
from tuneformer.data.pairs.pair_batches import PairBatch
from tuneformer.data.pairs.pair_files import PairSplits
from tuneformer.data.pairs.target_language import bleu_tokenizer
from tuneformer.models.beam_search import search
from tuneformer.models.sequence_to_sequence import SequenceToSequence
from tuneformer.tasks.base import Task
from tuneformer.tasks.metric import SUM_DTYPE, TaskMetric
from tuneformer.tasks.translation_files import TRANSLATIONS_FILE, Translated, translations_text

SENTENCE_END = "\x00"


class TranslationTask(Task):
    """Minimises the mean over target tokens of -sum_v q_v log p(v | source, tokens before), in nats.

    q is 1 - e at the token that follows and e / vocabulary everywhere, e = data.label_smoothing (Szegedy et
    al., arXiv 1512.00567; 1706.03762, 5.4). The mean is over all tokens of the step, however its pairs are
    dealt to parts and devices. Validation and test: `TranslationQuality`.
    """

    def use(self, prepared: PairSplits) -> None:
        """See `Task`."""
        self.label_smoothing = prepared.decoding.label_smoothing

    @classmethod
    def metric(cls, prepared: PairSplits, *, split: str) -> "TranslationQuality":
        del split
        return TranslationQuality(prepared)

    @classmethod
    def model_inputs(cls, batch: PairBatch) -> tuple[Tensor, Tensor, Tensor]:
        return batch.source, batch.visible, batch.inputs

    @classmethod
    def some_examples(cls, batch: PairBatch, rows: slice, *, n_tokens: int) -> PairBatch:
        del n_tokens
        targets = batch.targets[rows]
        scored = (targets != IGNORED).sum().to(batch.scored.dtype)
        return PairBatch(batch.source[rows], batch.visible[rows], batch.inputs[rows], targets, scored)

    def loss(self, batch: PairBatch) -> Tensor:
        logits = self.model(*self.model_inputs(batch))
        if logits.dtype != torch.float64:
            logits = logits.float()
        nats = F.cross_entropy(
            logits.flatten(0, 1),
            batch.targets.flatten(),
            ignore_index=IGNORED,
            reduction="sum",
            label_smoothing=self.label_smoothing,
        )
        return nats / batch.scored


class TranslationQuality(TaskMetric):
    """How well a split is translated.

        loss       = nats / tokens of the targets, each with its end; without label smoothing
        perplexity = exp(loss)
        bleu       = 100 BLEU of the whole split, exponentially smoothed (Post, arXiv 1804.08771)
        chrf       = 100 chrF of the whole split, character n-grams up to 6, beta = 2 (Popovic 2015)

    BLEU and chrF are sacreBLEU's, of what the search writes (data.beam_size, data.length_penalty); BLEU has
    the words of the target language (`data.target_language`). All sums and sentences add up over processes.
    """

    nats: Tensor
    tokens: Tensor
    sentences: list[Tensor]

    def __init__(self, prepared: PairSplits) -> None:
        super().__init__()
        self.tokenizer = prepared.tokenizer
        self.boundary = prepared.boundary
        self.decoding = prepared.decoding
        self.bleu = BLEU(tokenize=bleu_tokenizer(prepared.language), force=True)
        self.chrf = CHRF()
        self.add_state("nats", torch.zeros((), dtype=SUM_DTYPE), dist_reduce_fx="sum")
        self.add_state("tokens", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("sentences", [], dist_reduce_fx="cat")
        self._hold_a_place()

    def score(self, model: nn.Module, batch: PairBatch) -> None:
        """Add a batch; pairs of which nothing is scored do not count."""
        self.update(model(batch.source, batch.visible, batch.inputs), batch.targets)
        assert isinstance(model, SequenceToSequence)
        there = (batch.targets != IGNORED).any(dim=1).tolist()
        hypotheses = self._translate(model, batch)
        sources = [row[seen][:-1] for row, seen in zip(batch.source, batch.visible, strict=True)]
        references = [row[row != IGNORED][:-1] for row in batch.targets]
        for source, reference, hypothesis, scored in zip(sources, references, hypotheses, there, strict=True):
            if scored:
                texts = (source.tolist(), reference.tolist(), hypothesis)
                self.compare(*(self.tokenizer.decode(tokens) for tokens in texts))

    def update(self, logits: Float[Tensor, "batch time vocab"], targets: Int[Tensor, "batch time"]) -> None:
        """Add the loss of a batch; targets of -100 do not count. The logarithms are at least float32."""
        if logits.dtype != torch.float64:
            logits = logits.float()
        nats = F.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
        )
        self.nats += nats.sum(dtype=SUM_DTYPE)
        self.tokens += (targets != IGNORED).sum()

    def compare(self, source: str, reference: str, hypothesis: str) -> None:
        """Add one translation of a sentence."""
        row = SENTENCE_END.join(part.replace(SENTENCE_END, " ") for part in (source, reference, hypothesis))
        content = np.frombuffer((row + SENTENCE_END).encode(), dtype=np.uint8)
        self.sentences.append(torch.from_numpy(content.copy()).to(self.nats.device))

    @property
    def written(self) -> list[Translated]:
        """The sentences so far, of all processes inside `sync_context`."""
        parts = self.sentences if isinstance(self.sentences, list) else [self.sentences]
        text = torch.cat([part.cpu() for part in parts]).numpy().tobytes().decode()
        fields = text.split(SENTENCE_END)[:-1]
        return [Translated(*fields[place : place + 3]) for place in range(0, len(fields), 3)]

    def compute(self) -> dict[str, Tensor]:
        """The four figures; BLEU and chrF are NaN where nothing was translated."""
        loss = self.nats / self.tokens
        written = self.written
        references = [[row.reference for row in written]]
        translations = [row.translation for row in written]
        scores = {
            name: measure.corpus_score(translations, references).score if written else float("nan")
            for name, measure in (("bleu", self.bleu), ("chrf", self.chrf))
        }
        return {"loss": loss, "perplexity": loss.exp()} | {
            name: torch.tensor(score, dtype=SUM_DTYPE) for name, score in scores.items()
        }

    def signatures(self) -> dict[str, str]:
        measures = {"bleu": self.bleu, "chrf": self.chrf}
        for measure in measures.values():
            measure.num_refs = 1
        return {name: str(measure.get_signature()) for name, measure in measures.items()}

    def reset(self) -> None:
        super().reset()
        self._hold_a_place()

    def files(self) -> dict[str, str]:
        """Every source that was translated, with the reference and the translation."""
        return {TRANSLATIONS_FILE: translations_text(self.written)}

    def _hold_a_place(self) -> None:
        # a process without sentences would send another type of number than those that have some
        self.sentences.append(torch.zeros(0, dtype=torch.uint8, device=self.nats.device))

    def _translate(self, model: SequenceToSequence, batch: PairBatch) -> list[list[int]]:
        return search(
            model,
            batch.source,
            batch.visible,
            boundary=self.boundary,
            max_tokens=self.decoding.max_tokens,
            beam_size=self.decoding.beam_size,
            length_penalty=self.decoding.length_penalty,
        )
