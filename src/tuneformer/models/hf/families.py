"""conf/model/hf.yaml: what it builds depends on what the data ask for."""

from tuneformer.models.hf.causal import HuggingFaceDecoder
from tuneformer.models.hf.classifier import HuggingFaceClassifier
from tuneformer.models.hf.image_classifier import HuggingFaceImageClassifier, StagedImageClassifier
from tuneformer.models.hf.kinds import IMAGE_CLASSIFIER
from tuneformer.models.hf.model import HuggingFaceModel
from tuneformer.models.hf.settings import HuggingFaceSettings
from tuneformer.models.hf.translator import HuggingFaceTranslator

MODELS: tuple[type[HuggingFaceModel], ...] = (
    HuggingFaceDecoder,
    HuggingFaceClassifier,
    HuggingFaceTranslator,
    HuggingFaceImageClassifier,
)


def hugging_face(*, settings: HuggingFaceSettings) -> HuggingFaceModel:
    """Return a model of transformers that does the task of the data.

    Raises:
        UserError: there is no such architecture, it cannot do the task, or the weights do not fit it.
    """
    if settings.kind is IMAGE_CLASSIFIER and settings.in_stages:
        return StagedImageClassifier(settings=settings)
    return next(model for model in MODELS if model.kind is settings.kind)(settings=settings)
