"""Optimizers that move each element by about the rate: Adam and its kin."""

import math
from dataclasses import replace
from typing import Annotated

from tuneformer.config.described import describes
from tuneformer.config.ranges import (
    AT_LEAST_ONE,
    AT_LEAST_ZERO,
    BELOW_ONE,
    NOT_NEGATIVE,
    POSITIVE,
    POWER,
    Number,
    Range,
)
from tuneformer.config.setting import Setting
from tuneformer.optim.facts import ADAM_LIKE, OF_ADAMW, Facts
from tuneformer.optim.settings.shared import (
    Decay,
    Decoupled,
    Epsilon,
    FixedDecay,
    Foreach,
    Fused,
    Maximize,
    Moments,
    Rate,
    decay,
    epsilon,
    moments,
    peak_rate,
)

AT_LEAST_ONE_OR_INFINITE = Range(
    low=1, high=math.inf, holds_low=True, holds_high=True, words="must be at least 1, or .inf"
)

Amsgrad = Annotated[bool, Setting("divide by the largest v so far (1904.09237): one more number a parameter")]


@describes("optimizer", "torch.optim.AdamW")
class AdamWSettings:
    """Adam with decoupled weight decay (1711.05101)."""

    facts = OF_ADAMW
    lr: Annotated[Number, peak_rate("between nanoGPT's 1e-3 for small models and 8e-3, 2509.02046, 130M")]
    betas: Annotated[tuple[Number, Number], moments("GPT-3, 2005.14165; nanoGPT, few tokens a step: 0.99")]
    eps: Annotated[Number, epsilon("Adam, 1412.6980")]
    weight_decay: Annotated[Number, decay("GPT-3, 2005.14165")]
    amsgrad: Amsgrad
    fused: Fused


@describes("optimizer", "torch.optim.Adam")
class AdamSettings(AdamWSettings):
    """Adam (1412.6980)."""

    weight_decay: Annotated[
        Number,
        decay(
            "1412.6980 has none",
            "L2 penalty: added to the gradient times the parameter",
            unit="",
            search=None,
        ),
    ]


@describes("optimizer", "torch.optim.NAdam")
class NAdamSettings:
    """Adam with Nesterov momentum (Dozat 2016)."""

    facts = OF_ADAMW
    lr: Annotated[Number, peak_rate("Dozat; torch")]
    betas: Moments
    eps: Epsilon
    weight_decay: Decay
    momentum_decay: Annotated[
        Number, Setting("how slowly mu_t grows from beta1 / 2 to beta1", NOT_NEGATIVE, source="Dozat; torch")
    ]
    decoupled_weight_decay: Annotated[
        bool, Setting("true: NAdamW; false: L2, added to the gradient", source="AlgoPerf, 2306.07179: true")
    ]
    foreach: Foreach


@describes("optimizer", "torch.optim.RAdam")
class RAdamSettings:
    """Adam with its early variance rectified (1908.03265)."""

    facts = OF_ADAMW
    lr: Rate
    betas: Moments
    eps: Annotated[Number, epsilon("1908.03265, authors' code", "added to sqrt(v)")]
    weight_decay: Decay
    decoupled_weight_decay: Annotated[
        bool, Setting("false: L2, added to the gradient", source="authors' code: true")
    ]
    foreach: Foreach


@describes("optimizer", "pytorch_optimizer.AdaBelief")
class AdaBeliefSettings:
    """Adam that divides by the gradient's deviation from its average (2010.07468)."""

    facts = ADAM_LIKE
    lr: Rate
    betas: Moments
    eps: Annotated[
        Number, epsilon("2010.07468: for Transformers", "added to s at each step, and to its root")
    ]
    weight_decay: Decay
    weight_decouple: Decoupled
    fixed_decay: FixedDecay
    rectify: Annotated[bool, Setting("RAdam's correction of early steps")]
    n_sma_threshold: Annotated[int, Setting("read only with rectify", AT_LEAST_ZERO)]
    degenerated_to_sgd: Annotated[bool, Setting("read only with rectify")]
    ams_bound: Annotated[bool, Setting("divide by the largest s so far")]
    foreach: Foreach
    maximize: Maximize


@describes("optimizer", "pytorch_optimizer.AdEMAMix")
class AdEMAMixSettings:
    """Adam with a second, slow average of the gradient (2409.03137)."""

    facts = replace(ADAM_LIKE, state_numbers=3)
    lr: Annotated[Number, peak_rate("2509.01440", (2.5e-4, 1.6e-2))]
    betas: Annotated[
        tuple[Number, Number, Number],
        Setting(
            "beta1, beta2, final beta3",
            BELOW_ONE,
            source="2509.01440",
            momenta=([0.8, 0.999, 0.999], [0.9, 0.999, 0.99], [0.9, 0.999, 0.999], [0.9, 0.999, 0.9999]),
        ),
    ]
    eps: Annotated[Number, epsilon("2409.03137")]
    weight_decay: Annotated[Number, decay("2409.03137")]
    alpha: Annotated[Number, Setting("final weight of the slow average", NOT_NEGATIVE, source="2509.01440")]
    t_alpha_beta3: Annotated[
        int | None,
        Setting(
            "until alpha and beta3 are reached",
            AT_LEAST_ONE,
            unit="optimizer steps",
            null="from the start",
            source="2409.03137: the whole run",
        ),
    ]
    weight_decouple: Decoupled
    fixed_decay: FixedDecay
    foreach: Foreach
    maximize: Maximize


@describes("optimizer", "tuneformer.optim.adopt.ADOPT")
class ADOPTSettings:
    """Adam that normalises before it averages (2411.02853)."""

    facts = ADAM_LIKE
    lr: Annotated[Number, peak_rate("as AdamW's; 2509.01440: 1e-3 at 124M")]
    betas: Annotated[tuple[Number, Number], moments("2509.01440")]
    eps: Annotated[Number, epsilon("2411.02853", "lower bound of sqrt(v)")]
    weight_decay: Annotated[Number, decay("2509.01440")]
    clip_power: Annotated[Number, Setting("elements are clipped to t^clip_power", POWER, source="2411.02853")]


@describes("optimizer", "tuneformer.optim.cautious_adamw.CautiousAdamW")
class CautiousAdamWSettings:
    """AdamW that moves only where step and gradient agree (2411.16085)."""

    facts = OF_ADAMW
    lr: Rate
    betas: Moments
    eps: Epsilon
    weight_decay: Decay


@describes("optimizer", "tuneformer.optim.adam_mini.AdamMini")
class AdamMiniSettings:
    """Adam with one second moment for each block of parameters (2406.16793)."""

    facts = Facts(works_on_shards=True, state_numbers=1)
    lr: Rate
    betas: Annotated[tuple[Number, Number], moments("2406.16793")]
    eps: Annotated[Number, epsilon("2406.16793")]
    weight_decay: Annotated[Number, decay("2406.16793")]
    n_heads: Annotated[int, Setting("heads in the rows of what head_pattern finds", AT_LEAST_ONE)]
    head_pattern: Annotated[str, Setting("regular expression: parameters with a block a head")]


@describes("optimizer", "tuneformer.optim.mars.MARS")
class MARSSettings:
    """Adam on a gradient with its variance reduced (2411.10438)."""

    facts = Facts(works_on_shards=True, state_numbers=2)
    lr: Annotated[Number, peak_rate("2509.01440")]
    betas: Annotated[tuple[Number, Number], moments("2411.10438")]
    eps: Annotated[Number, epsilon("2411.10438")]
    weight_decay: Annotated[Number, decay("as AdamW's; 2411.10438: 0.01")]
    gamma: Annotated[Number, Setting("weight of the correction", NOT_NEGATIVE, source="2411.10438")]
    lr_1d_ratio: Annotated[
        Number, Setting("rate of vectors / lr", POSITIVE, source="2509.01440: 1e-3 to 3e-3 over lr")
    ]
    betas_1d: Annotated[tuple[Number, Number], Setting("moments of vectors", BELOW_ONE, source="2509.01440")]


@describes("optimizer", "pytorch_optimizer.StableAdamW")
class StableAdamWSettings:
    """AdamW with updates clipped to an RMS of 1 (2304.13013)."""

    facts = replace(OF_ADAMW, works_on_shards=False)
    lr: Rate
    betas: Moments
    eps: Annotated[Number, epsilon("2304.13013: 1e-6", "added to sqrt(v)")]
    weight_decay: Annotated[Number, decay("as AdamW's", unit="per step and unit of the clipped rate")]
    weight_decouple: Decoupled
    kahan_sum: Annotated[bool, Setting("keeps what rounding loses, for weights in 16 bits")]
    foreach: Foreach
    maximize: Maximize


@describes("optimizer", "schedulefree.AdamWScheduleFree")
class ScheduleFreeAdamWSettings:
    """AdamW whose average of the weights stands in place of a schedule (2405.15682)."""

    facts = Facts(width_exponent=1.0, state_numbers=2, averages_weights=True)
    lr: Annotated[Number, peak_rate("2405.15682: larger than AdamW's", (1.0e-3, 6.4e-2))]
    betas: Annotated[
        tuple[Number, Number],
        Setting(
            "interpolation y, decay of the second moment",
            BELOW_ONE,
            source="2405.15682",
            momenta=([0.9, 0.95], [0.9, 0.999], [0.95, 0.99], [0.98, 0.99]),
        ),
    ]
    eps: Annotated[Number, epsilon("2405.15682")]
    weight_decay: Annotated[Number, decay("as AdamW's", unit="per step and unit of lr, at y")]
    warmup_steps: Annotated[
        int, Setting("of its own, beside scheduler.warmup, which every method has", AT_LEAST_ZERO)
    ]
    r: Annotated[Number, Setting("weight of step t in the average: t^r", POWER, source="2405.15682")]
    weight_lr_power: Annotated[
        Number,
        Setting("weight of step t in the average: lr_max to this power", POWER, source="2405.15682"),
    ]
    foreach: Foreach


@describes("optimizer", "pytorch_optimizer.Prodigy")
class ProdigySettings:
    """Adam that finds its rate by the distance it has gone (2306.06101)."""

    facts = Facts(state_numbers=4)
    lr: Annotated[Number, Setting("peak multiple of d", POSITIVE, source="2306.06101: leave it at 1")]
    betas: Annotated[tuple[Number, Number], moments("2306.06101")]
    beta3: Annotated[
        Number | None,
        Setting("decay of r and s", BELOW_ONE, null="sqrt(beta2)", source="2306.06101"),
    ]
    d0: Annotated[Number, Setting("first d", POSITIVE, source="2306.06101")]
    d_coef: Annotated[
        Number,
        Setting(
            "of every estimate of d",
            POSITIVE,
            source="what the authors tune: 0.5 to 2 and beyond",
            search=(1.2e-1, 8.0),
        ),
    ]
    growth_rate: Annotated[Number, Setting("largest ratio of d from step to step", AT_LEAST_ONE_OR_INFINITE)]
    weight_decay: Annotated[Number, decay("as AdamW's", unit="per step and unit of d lr")]
    weight_decouple: Decoupled
    fixed_decay: FixedDecay
    bias_correction: Annotated[bool, Setting("Adam's correction of early steps (use_bias_correction)")]
    safeguard_warmup: Annotated[
        bool,
        Setting(
            "keeps lr out of s, which a warmup would shrink", source="the authors ask for it with any warmup"
        ),
    ]
    eps: Annotated[Number, epsilon("2306.06101", "added to sqrt(v), times d")]
    foreach: Foreach
    maximize: Maximize
