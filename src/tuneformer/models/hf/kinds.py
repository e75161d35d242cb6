"""What models of transformers are asked to do, and which of the library's classes do it."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ModelKind:
    """The classes of the library for one use.

    Attributes:
        what: the use, as an error names it.
        auto: the library's class that finds the class of an architecture.
        mapping: the library's table of the architectures that have one.
    """

    what: str
    auto: str
    mapping: str


CAUSAL = ModelKind(
    what="causal language model",
    auto="AutoModelForCausalLM",
    mapping="MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
)
TEXT_CLASSIFIER = ModelKind(
    what="classifier of texts",
    auto="AutoModelForSequenceClassification",
    mapping="MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES",
)
TRANSLATOR = ModelKind(
    what="model from sequence to sequence",
    auto="AutoModelForSeq2SeqLM",
    mapping="MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES",
)
IMAGE_CLASSIFIER = ModelKind(
    what="classifier of images",
    auto="AutoModelForImageClassification",
    mapping="MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES",
)
ENCODER = ModelKind(
    what="encoder of texts",
    auto="AutoModel",
    mapping="MODEL_FOR_MASKED_LM_MAPPING_NAMES",
)
"""Without what a task puts behind it: the library has no table of these but that of one task of theirs."""
KINDS = (CAUSAL, TEXT_CLASSIFIER, TRANSLATOR, IMAGE_CLASSIFIER)
BY_TASK = {
    "language_modelling": CAUSAL,
    "synthetic": CAUSAL,
    "text_classification": TEXT_CLASSIFIER,
    "translation": TRANSLATOR,
    "image_classification": IMAGE_CLASSIFIER,
}
"""The kind that does each task of ours."""
ENCODING = "encoding"
"""What an encoder alone does: none of our tasks, but it can be looked at."""
