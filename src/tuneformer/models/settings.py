"""What each family of models can be set to, and which settings exclude each other; without torch."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from tuneformer.config.described import describes
from tuneformer.config.ranges import AT_LEAST_ONE, AT_LEAST_ZERO, BELOW_ONE, Number
from tuneformer.config.setting import Setting
from tuneformer.errors import UserError
from tuneformer.models.attention.settings import AttentionSettings
from tuneformer.models.position_settings import BIASING, POSITIONS, ROTATING, PositionSettings


def of_data(what: str, *, unit: str = "", null: str = "") -> Setting:
    """A size that the data has, null until they are prepared."""
    return Setting(what, AT_LEAST_ONE, unit=unit, null=null, from_data=True)


VocabSize = Annotated[int, of_data("tokens that the tokenizer has")]
NClasses = Annotated[int, of_data("classes to tell apart")]
ContextLength = Annotated[int, Setting("longest text that the model reads", AT_LEAST_ONE, unit="tokens")]
DocumentStart = Annotated[
    int | None,
    Setting(
        "the token that begins a document, with attention and positions of its own",
        AT_LEAST_ZERO,
        null="a text is one document, or filled in",
        from_data=True,
        added_later=True,
    ),
]
TieEmbeddings = Annotated[bool, Setting("the output matrix is the token embedding", source="1608.05859")]
Pooling = Annotated[
    str,
    Setting(
        "what the tokens' vectors become one by; first: that of a learned class token",
        ("mean", "first", "attention"),
        source="first: 1810.04805, 2010.11929; attention: 2008.01077",
    ),
]


@dataclass(frozen=True, kw_only=True)
class ModelSettings:
    """What every model can be set to.

    Attributes:
        has_attention: whether its layers have the attention module that the group `attention` chooses.
        tasks: what it can be asked to do (TaskFacts of the data); None: anything.
    """

    has_attention: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...] | None] = None

    size: Annotated[
        str | None,
        Setting(
            "name that gives several of these settings at once; what is set itself wins",
            null="the size of the option's own",
            source="small: nanoGPT; gpt2: its smallest",
        ),
    ]

    def check(self, attention: AttentionSettings | None) -> None:
        """Raise UserError for settings that exclude each other; `attention` None: there is none."""
        del attention


@dataclass(frozen=True, kw_only=True)
class FamilySettings(ModelSettings):
    """What our own families can be set to, which draw their weights themselves."""

    n_layers: Annotated[int, Setting("layers, of an encoder and of a decoder each", AT_LEAST_ONE)]
    d_model: Annotated[
        int, Setting("width of the residual stream, or of states and embeddings", AT_LEAST_ONE)
    ]
    dropout: Annotated[
        Number,
        Setting(
            "probability: embeddings, attention weights, branches; of LSTMs between layers and at the end",
            BELOW_ONE,
            source="0.1: 1706.03762; 1409.2329",
        ),
    ]
    initialization: Annotated[
        str,
        Setting(
            "scheme of the initial weights, but of LSTMs",
            ("gpt2", "xavier", "zero_output", "depth_scaled", "mup"),
            source="Radford et al. 2019; Glorot and Bengio 2010; 1910.05895, 1901.09321; 1908.11365;"
            " 2203.03466",
            also_try=("zero_output", "xavier", "depth_scaled", "gpt2"),
        ),
    ]


@dataclass(frozen=True, kw_only=True)
class TransformerSettings(PositionSettings, FamilySettings):
    """What every Transformer can be set to."""

    has_attention = True

    n_heads: Annotated[int, Setting("attention heads; must divide d_model", AT_LEAST_ONE)]
    d_ff: Annotated[
        int | None,
        Setting(
            "width of the feed-forward layers",
            AT_LEAST_ONE,
            null="4 d_model, for swiglu 8/3 d_model rounded up to a multiple of 8",
        ),
    ]
    block: Annotated[
        str,
        Setting(
            "where the norms of a layer stand",
            ("pre_norm", "post_norm", "sandwich", "parallel"),
            source="2002.04745; 1706.03762; 2105.13290; 2204.02311",
        ),
    ]
    norm: Annotated[
        str,
        Setting("kind of norm", ("rms_norm", "layer_norm"), source="1910.07467; 1607.06450"),
    ]
    feed_forward: Annotated[
        str,
        Setting(
            "kind of feed-forward layers",
            ("gelu", "swiglu", "squared_relu"),
            source="1606.08415; 2002.05202; 2109.08668",
        ),
    ]
    bias: Annotated[bool, Setting("of the linear layers in the layers, and of layer_norm")]

    def check(self, attention: AttentionSettings | None) -> None:
        """Raise UserError for settings that exclude each other, or the attention module."""
        if attention is not None:
            attention.check(d_model=self.d_model, n_heads=self.n_heads)
            self._check_positions(attention)
        if self.t5_max_distance <= self.t5_buckets // 2:
            raise UserError(
                f"model.t5_max_distance={self.t5_max_distance} must be above half of"
                f" model.t5_buckets={self.t5_buckets}, those of single distances"
            )

    def _check_positions(self, attention: AttentionSettings) -> None:
        if self.positions in BIASING and not attention.has_logits:
            raise UserError(
                f"model.positions={self.positions} is a bias on attention logits, and {attention.option} has"
                f" none: choose one of {', '.join(name for name in POSITIONS if name not in BIASING)}"
            )
        if self.positions not in ROTATING:
            return
        head_dim, origin = attention.rotated(d_model=self.d_model, n_heads=self.n_heads)
        if self.positions == "partial_rope" and round(self.rope_fraction * head_dim / 2) == 0:
            raise UserError(
                f"model.rope_fraction={self.rope_fraction} of the head dimension {head_dim} is no pair to"
                f" rotate ({origin})"
            )
        if self.positions != "partial_rope" and head_dim % 2:
            raise UserError(
                f"model.positions={self.positions} rotates pairs: the head dimension must be even, not"
                f" {head_dim} ({origin})"
            )


@describes("model", f"{__package__}.decoder.Decoder")
class DecoderSettings(TransformerSettings):
    """A decoder-only Transformer."""

    tasks = ("language_modelling", "synthetic")

    vocab_size: VocabSize
    context_length: ContextLength
    embedded_tokens: Annotated[
        int,
        Setting(
            "tokens up to t whose embeddings x_t starts from, each distance with its own table",
            AT_LEAST_ONE,
            source="Bengio et al. 2003",
        ),
    ]
    tie_embeddings: TieEmbeddings
    document_start: DocumentStart = None
    base_width: Annotated[
        int | None,
        Setting(
            "width that rates are tuned at (muP, model=decoder_mup)",
            AT_LEAST_ONE,
            null="the standard parametrisation",
            source="2203.03466",
        ),
    ]

    def check(self, attention: AttentionSettings | None) -> None:
        """Raise UserError as for every Transformer, and for an attention module that muP does not know."""
        super().check(attention)
        if self.base_width is not None and attention is not None:
            attention.check_width_transfer()


@describes("model", f"{__package__}.encoder.Encoder")
class EncoderSettings(TransformerSettings):
    """A bidirectional Transformer that sorts sequences into classes."""

    tasks = ("text_classification",)

    vocab_size: VocabSize
    n_classes: NClasses
    context_length: ContextLength
    pooling: Pooling


@describes("model", f"{__package__}.encoder_decoder.EncoderDecoder")
class EncoderDecoderSettings(TransformerSettings):
    """The Transformer as it was first: an encoder reads the source, a decoder writes the target."""

    tasks = ("translation",)

    vocab_size: VocabSize
    context_length: ContextLength
    tie_embeddings: TieEmbeddings


@describes("model", f"{__package__}.vector_decoder.VectorDecoder")
class VectorDecoderSettings(TransformerSettings):
    """A decoder over real vectors in place of tokens."""

    tasks = ("regression",)

    n_inputs: Annotated[int, of_data("elements of a vector that is read")]
    n_outputs: Annotated[int, of_data("elements of a vector that is predicted")]
    context_length: ContextLength


@describes("model", f"{__package__}.vision_transformer.VisionTransformer")
class VisionTransformerSettings(TransformerSettings):
    """A vision Transformer: an image is a sequence of patches."""

    tasks = ("image_classification",)

    image_size: Annotated[int, of_data("side of an image", unit="pixels")]
    n_channels: Annotated[int, of_data("colours of an image")]
    n_classes: NClasses
    patch_size: Annotated[
        int, Setting("side of a patch; must divide the image's", AT_LEAST_ONE, unit="pixels")
    ]
    pooling: Pooling


@describes("model", f"{__package__}.recurrent.families.lstm")
class LstmSettings(FamilySettings):
    """LSTMs that translate, or for data with classes sort into them."""

    tasks = ("translation", "text_classification")

    vocab_size: VocabSize
    n_classes: Annotated[
        int | None,
        of_data("classes to tell apart", null="it translates"),
    ]
    context_length: ContextLength
    bidirectional: Annotated[
        bool,
        Setting("the encoder reads from both ends, each with half the width", source="1409.0473, 3.2"),
    ]
    tie_embeddings: TieEmbeddings

    def check(self, attention: AttentionSettings | None) -> None:
        """Raise UserError where the width cannot be shared by two directions."""
        del attention
        if self.bidirectional and self.d_model % 2:
            raise UserError(
                f"model.d_model={self.d_model} must be even with model.bidirectional=true: half for each"
                " direction"
            )


@describes("model", f"{__package__}.recurrent.families.lstm_attention")
class LstmAttentionSettings(LstmSettings):
    """The same with a decoder that looks at all states of the source."""

    score: Annotated[
        str,
        Setting(
            "of states: v tanh(W q + U k), or q W k with input feeding",
            ("additive", "multiplicative"),
            source="Bahdanau, 1409.0473; Luong, 1508.04025",
        ),
    ]
