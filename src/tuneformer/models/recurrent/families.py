"""conf/model/lstm.yaml and lstm_attention.yaml: what they build depends on what the data asks for."""

from tuneformer.models.recurrent.attention_translator import LstmAttentionTranslator
from tuneformer.models.recurrent.classifier import LstmClassifier
from tuneformer.models.recurrent.translator import LstmTranslator
from tuneformer.models.settings import LstmAttentionSettings, LstmSettings


def lstm(*, settings: LstmSettings) -> LstmTranslator | LstmClassifier:
    """Return a translator, or for data with classes a classifier.

    Raises:
        UserError: a setting that cannot be built.
    """
    if settings.n_classes is not None:
        return LstmClassifier(settings, score=None)
    return LstmTranslator(settings)


def lstm_attention(*, settings: LstmAttentionSettings) -> LstmAttentionTranslator | LstmClassifier:
    """Return a translator with an alignment, or for data with classes a classifier with one.

    Raises:
        UserError: a setting that cannot be built.
    """
    if settings.n_classes is not None:
        return LstmClassifier(settings, score=settings.score)
    return LstmAttentionTranslator(settings)
