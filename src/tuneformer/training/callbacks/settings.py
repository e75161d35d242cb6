"""What each callback can be set to; nothing here imports torch."""

from typing import Annotated

from tuneformer.config.callback_facts import AVERAGE, STOP
from tuneformer.config.described import describes
from tuneformer.config.ranges import (
    AT_LEAST_ONE,
    AT_LEAST_TWO,
    AT_LEAST_ZERO,
    BELOW_ONE,
    POSITIVE,
    Number,
    Range,
    whole,
)
from tuneformer.config.setting import Setting

STEPS = "optimizer steps"
INSIDE_ZERO_TO_ONE = Range(
    low=0, high=1, holds_low=False, holds_high=False, words="must be above 0 and below 1"
)

Examples = Annotated[int, Setting("of validation, the first: what is looked at", AT_LEAST_ONE)]
Tokens = Annotated[int, Setting("of each text at most", AT_LEAST_ONE)]


@describes("callbacks", "tuneformer.training.callbacks.checkpoints.Checkpoints")
class CheckpointsSettings:
    """Writes last.ckpt to go on from, and best.ckpt to keep."""

    every_n_steps: Annotated[
        int, Setting("between two writes of last.ckpt; the end always writes", AT_LEAST_ONE, unit=STEPS)
    ]
    keep_every_n_steps: Annotated[
        int | None,
        Setting(
            "between two checkpoints that stay (step_<n>.ckpt), to branch from",
            AT_LEAST_ONE,
            unit=STEPS,
            null="none stays",
        ),
    ]
    best_metric: Annotated[
        str | None, Setting("best.ckpt has the weights at its best value", null="no best.ckpt")
    ]


@describes("callbacks", "tuneformer.training.callbacks.progress.Progress")
class ProgressSettings:
    """Draws a bar, or writes lines where there is no terminal."""

    every_n_seconds: Annotated[Number, Setting("between two lines", POSITIVE, unit="seconds")]


@describes("callbacks", "tuneformer.training.callbacks.sample.TextSample")
class TextSampleSettings:
    """Shows at each validation what the model writes."""

    prompt: Annotated[str, Setting("the text that it goes on with, one character or more")]
    n_tokens: Annotated[int, Setting("length of the sample", whole(1, 10**6), unit="tokens")]
    temperature: Annotated[Number, Setting("logits are divided by it; 0: the likeliest token", AT_LEAST_ZERO)]
    top_k: Annotated[
        int | None, Setting("the likeliest tokens that are drawn from", AT_LEAST_ONE, null="all")
    ]


@describes("callbacks", "tuneformer.training.callbacks.run_page.RunPage")
class RunPageSettings:
    """Writes report.html into the run directory, after each validation and at the end."""


@describes("callbacks", "tuneformer.training.callbacks.attention_maps.AttentionMaps")
class AttentionMapsSettings:
    """Shows what each head looks at in validation's first example, where a dashboard takes pictures."""

    every_n_validations: Annotated[
        int, Setting("from one picture to the next", AT_LEAST_ONE, unit="validations")
    ]
    largest_side: Annotated[
        int, Setting("of a head's map; longer ones are averaged down", AT_LEAST_ONE, unit="pixels")
    ]


@describes("callbacks", "tuneformer.training.callbacks.gradient_norms.GradientNorms")
class GradientNormsSettings:
    """Measures the norm of each part's gradient, at each logged step."""


@describes("callbacks", "tuneformer.training.callbacks.update_sizes.UpdateSizes")
class UpdateSizesSettings:
    """Measures how far each group moves, at each logged step."""


@describes("callbacks", "tuneformer.training.callbacks.embedding_rows.EmbeddingRows")
class EmbeddingRowsSettings:
    """Measures the share of embeddings that no logged step has reached."""


@describes("callbacks", "tuneformer.training.callbacks.weight_spectra.WeightSpectra")
class WeightSpectraSettings:
    """Measures the spectrum of each part's weights and the rate at which each group turns."""


@describes("callbacks", "tuneformer.training.callbacks.attention_probe.AttentionProbe")
class AttentionProbeSettings:
    """Measures heads, the residual stream and dead units at each validation, and keeps maps in probes/."""

    examples: Examples
    n_tokens: Annotated[int, Setting("of each text at most; maps grow with its square", AT_LEAST_ONE)]
    snapshots: Annotated[
        int,
        Setting(
            "files of maps that stay in probes/, evenly over the run, from step 0; 0: none, else 2 or more",
            AT_LEAST_ZERO,
        ),
    ]


@describes("callbacks", "tuneformer.training.callbacks.gradient_noise.GradientNoise")
class GradientNoiseSettings:
    """Measures the noise of the gradient between examples."""

    examples: Annotated[int, Setting("of validation, a gradient of each", AT_LEAST_TWO)]
    n_tokens: Tokens


@describes("callbacks", "tuneformer.training.callbacks.curvature.Curvature")
class CurvatureSettings:
    """Measures the largest eigenvalue of the Hessian, as it is and as Adam sees it."""

    examples: Examples
    n_tokens: Tokens
    max_products: Annotated[
        int,
        Setting(
            "with the Hessian, for each of the two; each takes 2 to 3 passes, and a copy of the weights",
            AT_LEAST_ONE,
        ),
    ]
    tolerance: Annotated[Number, Setting("relative error of the eigenvalue", POSITIVE)]


@describes("callbacks", "tuneformer.training.callbacks.averaging.ExponentialMovingAverage")
class ExponentialMovingAverageSettings:
    """Averages the weights: validation, test and best.ckpt use the average."""

    facts = AVERAGE
    decay: Annotated[Number, Setting("at step t: min(decay, (1 + t) / (10 + t))", INSIDE_ZERO_TO_ONE)]


@describes("callbacks", "tuneformer.training.callbacks.averaging.TailAverage")
class TailAverageSettings:
    """Averages the weights over the end of the run: validation, test and best.ckpt use the average."""

    facts = AVERAGE
    start: Annotated[Number, Setting("fraction of the run after which the mean begins", BELOW_ONE)]


@describes("callbacks", "pytorch_lightning.callbacks.EarlyStopping")
class EarlyStoppingSettings:
    """Ends the run once a metric no longer gets better; its arguments are Lightning's."""

    facts = STOP
