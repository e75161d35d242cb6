"""What several options of data can be set to, and the check of what one is set to."""

from collections.abc import Mapping
from typing import Annotated, Any

from tuneformer.config.ranges import AT_LEAST_ZERO, Range, whole
from tuneformer.config.setting import Setting, arguments_of
from tuneformer.config.setting_check import check_value
from tuneformer.errors import UserError

# beyond, memory is asked for that no machine has, by libraries that end the process
COUNT = whole(1, 10**8)
HALF = Range(low=0, high=0.5, holds_low=False, holds_high=False, words="must be above 0 and below 0.5")

FILLED_IN = "filled in when the data are prepared"
TOKENS = "tokens"

TaskName = Annotated[str, Setting("what a model is asked to do with the data, one of their tasks")]
BatchSize = Annotated[
    int, Setting("examples of one optimizer step, over all devices and accumulation", COUNT)
]
EvalBatchSize = Annotated[
    int, Setting("examples that a device evaluates at once; changes no result", COUNT, weights=False)
]
Workers = Annotated[
    int,
    Setting(
        "processes that make batches beside the training process; changes no result",
        AT_LEAST_ZERO,
        weights=False,
    ),
]
CacheDir = Annotated[str, Setting("folder of downloads and of what was prepared", weights=False)]
TokenizerName = Annotated[
    str,
    Setting(
        "what turns text into tokens: bytes, characters, bpe (learnt from the text), or the folder of a model"
        " with a tokenizer.json of byte-level pieces (of sentences to classify: of any)"
    ),
]
BpeVocabSize = Annotated[
    int,
    Setting("tokens that byte-pair encoding learns, the 256 bytes among them", whole(1, 10**7), unit=TOKENS),
]
VocabSize = Annotated[
    int | None,
    Setting("size of the vocabulary", COUNT, unit=TOKENS, null=FILLED_IN, weights=False, from_data=True),
]
Classes = Annotated[int | None, Setting("classes", COUNT, null=FILLED_IN, weights=False, from_data=True)]


def check_settings(option: object) -> None:
    """Raises UserError for the first setting of a data option that may not be what it is."""
    for name, argument in arguments_of(type(option)).items():
        check_value(argument, f"data.{name}", getattr(option, name))


def check_follows(option: object, needs: Mapping[str, Any]) -> None:
    """Raises UserError where a setting that follows from the data was given another value."""
    for name, value in needs.items():
        given = getattr(option, name)
        if given not in (None, value):
            raise UserError(f"data.{name}={given} is not what the data give ({value}): leave it null")
