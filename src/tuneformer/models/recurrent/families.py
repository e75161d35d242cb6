"""conf/model/lstm.yaml and lstm_attention.yaml: what they build depends on what the data asks for."""

from collections.abc import Callable

from torch import nn

from tuneformer.models.recurrent.attention_translator import LstmAttentionTranslator
from tuneformer.models.recurrent.classifier import LstmClassifier
from tuneformer.models.recurrent.translator import LstmTranslator


def lstm(
    *,
    vocab_size: int,
    n_classes: int | None,
    context_length: int,
    size: str | None,
    n_layers: int,
    d_model: int,
    bidirectional: bool,
    dropout: float,
    tie_embeddings: bool,
    initialization: str,
    attention: Callable[..., nn.Module],
) -> LstmTranslator | LstmClassifier:
    """Return a translator, or for data with classes a classifier; neither has attention modules.

    Raises:
        UserError: a setting that cannot be built.
    """
    del size, attention
    if n_classes is not None:
        return LstmClassifier(
            vocab_size=vocab_size,
            n_classes=n_classes,
            n_layers=n_layers,
            d_model=d_model,
            bidirectional=bidirectional,
            dropout=dropout,
            initialization=initialization,
            score=None,
        )
    return LstmTranslator(
        vocab_size=vocab_size,
        context_length=context_length,
        n_layers=n_layers,
        d_model=d_model,
        bidirectional=bidirectional,
        dropout=dropout,
        tie_embeddings=tie_embeddings,
        initialization=initialization,
    )


def lstm_attention(
    *,
    vocab_size: int,
    n_classes: int | None,
    context_length: int,
    size: str | None,
    n_layers: int,
    d_model: int,
    bidirectional: bool,
    dropout: float,
    tie_embeddings: bool,
    initialization: str,
    score: str,
    attention: Callable[..., nn.Module],
) -> LstmAttentionTranslator | LstmClassifier:
    """Return a translator with an alignment, or for data with classes a classifier with one.

    Raises:
        UserError: a setting that cannot be built.
    """
    del size, attention
    if n_classes is not None:
        return LstmClassifier(
            vocab_size=vocab_size,
            n_classes=n_classes,
            n_layers=n_layers,
            d_model=d_model,
            bidirectional=bidirectional,
            dropout=dropout,
            initialization=initialization,
            score=score,
        )
    return LstmAttentionTranslator(
        vocab_size=vocab_size,
        context_length=context_length,
        n_layers=n_layers,
        d_model=d_model,
        bidirectional=bidirectional,
        dropout=dropout,
        tie_embeddings=tie_embeddings,
        initialization=initialization,
        score=score,
    )
