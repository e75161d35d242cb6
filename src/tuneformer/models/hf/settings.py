"""What a model of transformers can be set to, and what is known of it before torch is loaded."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from tuneformer.config.described import describes
from tuneformer.config.ranges import AT_LEAST_ONE, AT_LEAST_ZERO, BELOW_ONE, POSITIVE, Number
from tuneformer.config.setting import Setting
from tuneformer.errors import UserError
from tuneformer.models.attention.settings import AttentionSettings
from tuneformer.models.hf.kinds import (
    BY_TASK,
    CAUSAL,
    ENCODER,
    ENCODING,
    IMAGE_CLASSIFIER,
    TEXT_CLASSIFIER,
    ModelKind,
)
from tuneformer.models.hf.source import IN_STAGES, ModelSource
from tuneformer.models.settings import DocumentStart, ModelSettings

OWN_SIZES = {"n_layers": 4, "n_heads": 4, "d_model": 128}
"""Those of an architecture that is given by its name alone."""
ALL_LINEAR = "all-linear"
"""What stands for every linear layer but the output, in `lora_targets`."""


@describes("model", f"{__package__}.families.hugging_face")
class HuggingFaceSettings(ModelSettings):
    """A model of transformers that does the task of the data, with random weights or those of a folder."""

    tasks = tuple(BY_TASK)

    config: Annotated[
        str | None,
        Setting(
            "its architecture: the library's name of it, as llama or gpt2, or a config.json",
            null="that of model.path",
        ),
    ]
    path: Annotated[
        str | None,
        Setting(
            "folder with a pretrained model, or hub:<name>[@<revision>]: training goes on from its weights",
            null="random weights",
            weights=False,
        ),
    ]
    gguf_file: Annotated[
        str | None,
        Setting("file of model.path that holds the model as GGUF", null="safetensors", weights=False),
    ]
    digest: Annotated[
        str | None,
        Setting("what identifies the files that the model is made from", null="none, or filled in"),
    ]
    n_layers: Annotated[int | None, Setting("layers", AT_LEAST_ONE, null="as n_heads")]
    n_heads: Annotated[
        int | None,
        Setting("attention heads", AT_LEAST_ONE, null="that of model.path or config.json, else the option's"),
    ]
    d_model: Annotated[int | None, Setting("width of the residual stream", AT_LEAST_ONE, null="as n_heads")]
    d_ff: Annotated[
        int | None,
        Setting(
            "width of the feed-forward layers",
            AT_LEAST_ONE,
            null="in the proportion to d_model that the architecture has",
        ),
    ]
    dropout: Annotated[Number, Setting("probability, of every kind that the architecture has", BELOW_ONE)]
    keys: Annotated[
        dict[str, Any],
        Setting("further settings of the architecture, as model.keys.num_key_value_heads=2"),
    ]
    vocab_size: Annotated[
        int | None, Setting("tokens that the tokenizer has", AT_LEAST_ONE, null="no tokens", from_data=True)
    ]
    context_length: Annotated[
        int | None,
        Setting("longest text that the model reads", AT_LEAST_ONE, unit="tokens", null="no texts"),
    ]
    end_token: Annotated[
        int | None,
        Setting(
            "the token that ends a sentence of a pair, where the tokenizer is a model's",
            AT_LEAST_ZERO,
            null="the last, which begins one too",
            from_data=True,
            added_later=True,
        ),
    ] = None
    task: Annotated[
        str | None,
        Setting(
            "what the data ask for, and so which class of the architecture",
            null="text",
            from_data=True,
            added_later=True,
        ),
    ] = None
    n_classes: Annotated[
        int | None,
        Setting(
            "classes to tell apart", AT_LEAST_ONE, null="there are none", from_data=True, added_later=True
        ),
    ] = None
    image_size: Annotated[
        int | None,
        Setting(
            "side of an image",
            AT_LEAST_ONE,
            unit="pixels",
            null="there are none",
            from_data=True,
            added_later=True,
        ),
    ] = None
    n_channels: Annotated[
        int | None,
        Setting("colours of an image", AT_LEAST_ONE, null="there are none", from_data=True, added_later=True),
    ] = None
    document_start: DocumentStart = None
    lora_rank: Annotated[
        int | None,
        Setting(
            "rank r of the adapters beside its matrices, which train alone: W + alpha / r B A",
            AT_LEAST_ONE,
            null="no adapters: the weights train",
            source="4 to 64: 2106.09685",
            added_later=True,
        ),
    ] = None
    lora_alpha: Annotated[
        Number | None,
        Setting("alpha of that scale", POSITIVE, null="lora_rank: a scale of 1", added_later=True),
    ] = None
    lora_dropout: Annotated[
        Number | None,
        Setting(
            "probability, of the inputs of adapters alone", BELOW_ONE, null="no dropout", added_later=True
        ),
    ] = None
    lora_targets: Annotated[
        tuple[str, ...] | None,
        Setting(
            "linear layers with adapters, by the end of their names, as [q_proj,v_proj]; [all-linear]: every"
            " one but the output",
            null="those that peft has for the architecture",
            added_later=True,
        ),
    ] = None

    @staticmethod
    def fill(setting: Callable[[str], Any]) -> Mapping[str, Any]:
        """What follows from other settings and from the files that they name; `setting` gives each by name.

        Raises:
            UserError: there is no such file, or a size is not that of its weights.
        """
        config, path = setting("config"), setting("path")
        if config is None and path is None:
            raise UserError("model.config is missing: give an architecture, as llama, or model.path=<folder>")
        if config is not None and path is not None:
            raise UserError(f"model.config={config} does not go with model.path={path}, which has its own")
        source = ModelSource.of(config=config, path=path, gguf_file=setting("gguf_file"))
        known = OWN_SIZES if source is None else source.sizes
        name = config if source is None else source.settings.get("model_type")
        if name in IN_STAGES:
            known = dict.fromkeys(OWN_SIZES)
            _check_no_size(name, {each: setting(each) for each in (*known, "d_ff")})
        filled: dict[str, Any] = {"digest": None if source is None else source.digest}
        for name, own in known.items():
            given = setting(name)
            if path is not None and given not in (None, own):
                there = f"the weights of {path} have " + ("their own" if own is None else str(own))
                raise UserError(f"model.{name}={given} cannot be set: {there}")
            filled[name] = own if given is None else given
        return filled

    @property
    def kind(self) -> ModelKind:
        """Which class of the architecture does the task; a task of the user's own tells by what it needs."""
        known = CAUSAL if self.n_classes is None else TEXT_CLASSIFIER
        known = known if self.image_size is None else IMAGE_CLASSIFIER
        return ENCODER if self.task == ENCODING else BY_TASK.get(self.task or "", known)

    @property
    def in_stages(self) -> bool:
        """Whether its layers are of several widths."""
        source = ModelSource.of(config=self.config, path=self.path, gguf_file=self.gguf_file)
        return (self.config if source is None else source.settings.get("model_type")) in IN_STAGES

    @property
    def n_tokens(self) -> int:
        """The tokens of the data, which are no images."""
        assert self.vocab_size is not None
        return self.vocab_size

    @property
    def longest(self) -> int:
        """The longest text of the data, which are no images."""
        assert self.context_length is not None
        return self.context_length

    @property
    def asked(self) -> str:
        """What was asked for, as an error of the library names it."""
        given = f"model.path={self.path}" if self.path is not None else f"model.config={self.config}"
        return f"{given} with model.keys.{', '.join(self.keys)}"[:200] if self.keys else given

    def check(self, attention: AttentionSettings | None) -> None:
        """Raise UserError for settings that exclude each other."""
        del attention
        if self.gguf_file is not None and self.path is None:
            raise UserError(f"model.gguf_file={self.gguf_file} is a file of a folder: give model.path")
        for name in ("lora_alpha", "lora_dropout", "lora_targets"):
            if getattr(self, name) is not None and self.lora_rank is None:
                raise UserError(f"model.{name} is a setting of adapters: give model.lora_rank")


def _check_no_size(name: str | None, sizes: Mapping[str, Any]) -> None:
    for size, given in sizes.items():
        if given is not None:
            raise UserError(
                f"model.{size}={given} is no size of {name}, whose layers are of several widths: give"
                " model.keys, as model.keys.depths=[2,2]"
            )
