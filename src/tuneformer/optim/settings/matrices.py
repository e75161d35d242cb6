"""Optimizers of hidden matrices, and the one that steps everything else by another."""

from typing import Annotated

from tuneformer.config.described import describes
from tuneformer.config.ranges import (
    AT_LEAST_ONE,
    AT_LEAST_ZERO,
    BELOW_ONE,
    FINITE,
    LARGEST_POWER,
    NOT_NEGATIVE,
    POSITIVE,
    ZERO_TO_ONE,
    Number,
    Range,
    whole,
)
from tuneformer.config.setting import Component, Setting
from tuneformer.optim.facts import Facts, of_muon
from tuneformer.optim.settings.shared import (
    ADAM_RATES,
    DECAYS,
    Maximize,
    decay,
    epsilon,
    momentum,
    moving_average,
    peak_rate,
)

MUON_RATES, KRON_RATES, KRON_DECAYS = (2.5e-3, 1.6e-1), (2.5e-4, 1.6e-2), (7.0e-2, 2.0)
GIVEN = ("lr", "weight_decay")
NEGATIVE = Range(
    low=-LARGEST_POWER,
    high=0,
    holds_low=True,
    holds_high=False,
    words=f"must be negative, from {-LARGEST_POWER} on",
)

Iterations = Annotated[int, Setting("iterations of Newton and Schulz", whole(1, 100))]
Look = Annotated[bool, Setting("look ahead: (1 - momentum) g + momentum M in place of M")]
MatrixDecay = Annotated[Number, decay("2509.02046")]


@describes("optimizer", "tuneformer.optim.hybrid.Hybrid")
class HybridSettings:
    """Hidden matrices trained by one method, everything else by another."""

    lr: Annotated[
        Number, Setting("peak rate of the hidden matrices", POSITIVE, source="of the method inside")
    ]
    weight_decay: Annotated[
        Number,
        Setting(
            "weight decay", NOT_NEGATIVE, unit="per step and unit of the group's lr", source="2509.02046"
        ),
    ]
    others_lr_ratio: Annotated[
        Number,
        Setting(
            "rate of everything else / lr",
            POSITIVE,
            source="Muon: 0.2 to 0.3 (2509.02046); Scion: 60 at 124M (2502.07529)",
        ),
    ]
    matrices: Annotated[Component, Setting("what trains hidden matrices", given=GIVEN)]
    others: Annotated[Component, Setting("what trains everything else", given=GIVEN)]


@describes("optimizer", "torch.optim.Muon")
class MuonSettings:
    """The momentum of a matrix, orthogonalised (Jordan et al. 2024)."""

    facts = Facts(width_exponent=of_muon, state_numbers=1)
    lr: Annotated[Number, peak_rate("Jordan et al.; 2509.02046: 1.6e-2", MUON_RATES)]
    weight_decay: MatrixDecay
    momentum: Annotated[Number, momentum("Jordan et al.; 2509.02046")]
    nesterov: Look
    ns_coefficients: Annotated[
        tuple[Number, Number, Number], Setting("of the iteration", FINITE, source="Jordan et al.")
    ]
    eps: Annotated[Number, Setting("least norm that is divided by", POSITIVE)]
    ns_steps: Iterations
    adjust_lr_fn: Annotated[
        str,
        Setting(
            "original: sqrt(max(1, rows / columns)); match_rms_adamw: 0.2 sqrt(max(rows, columns))",
            ("original", "match_rms_adamw"),
            source="2502.16982",
        ),
    ]


@describes("optimizer", "tuneformer.optim.normuon.NorMuon")
class NorMuonSettings:
    """Muon with the size of each row normalised (2510.05491)."""

    facts = Facts(width_exponent=0.5, state_numbers=1)
    lr: Annotated[Number, peak_rate("in the size of AdamW's steps (2510.05491)", MUON_RATES)]
    weight_decay: Annotated[Number, decay("2510.05491")]
    momentum: Annotated[Number, momentum("2510.05491; 0.85 for runs of a hundred steps")]
    beta2: Annotated[Number, moving_average("2510.05491", "decay of the second moment")]
    eps: Annotated[Number, epsilon("2510.05491", "added to sqrt(v)")]
    ns_steps: Iterations
    nesterov: Annotated[
        bool, Setting("O of (1 - momentum) g + momentum M", source="true in the authors' code")
    ]


@describes("optimizer", "tuneformer.optim.scion.SpectralDescent")
class SpectralDescentSettings:
    """Scion's step of a matrix: its average, orthogonalised (2502.07529)."""

    facts = Facts(state_numbers=1)
    lr: Annotated[Number, peak_rate("2509.02046: 1.6e-2", MUON_RATES)]
    weight_decay: MatrixDecay
    momentum: Annotated[Number, momentum("2502.07529", "decay of the average")]
    ns_steps: Iterations


@describes("optimizer", "tuneformer.optim.scion.SignDescent")
class SignDescentSettings:
    """Scion's step of everything else: the sign of its average (2502.07529)."""

    facts = Facts(state_numbers=1)
    lr: Annotated[Number, peak_rate("2502.07529", None)]
    weight_decay: MatrixDecay
    momentum: Annotated[Number, momentum("2502.07529", "decay of the average")]
    eps: Annotated[Number, epsilon("the authors' code", "added to RMS(d)")]


@describes("optimizer", "tuneformer.optim.kron.Kron")
class KronSettings:
    """A Kronecker-factored whitening preconditioner, fitted step by step (PSGD)."""

    facts = Facts(state_numbers=1)
    lr: Annotated[Number, peak_rate("2509.02046", KRON_RATES)]
    weight_decay: Annotated[Number, decay("2509.02046", search=KRON_DECAYS)]
    momentum: Annotated[Number, momentum("2509.02046", "decay of the average")]
    precondition_lr: Annotated[Number, Setting("relative step of Q", POSITIVE, source="the author's code")]


@describes("optimizer", "tuneformer.optim.shampoo.Shampoo")
class ShampooSettings:
    """The gradient between powers of its two second moments (1802.09568)."""

    facts = Facts(state_numbers=1)
    lr: Annotated[Number, peak_rate("a factor 8 around docs/results/optimizers.md", ADAM_RATES)]
    weight_decay: Annotated[Number, decay("as AdamW's", search=DECAYS)]
    momentum: Annotated[Number, momentum("2002.09018")]
    beta2: Annotated[Number, Setting("decay of L and R; 1: sums", ZERO_TO_ONE, source="1802.09568: sums")]
    eps: Annotated[
        Number,
        epsilon("2002.09018", "times the largest eigenvalue: added to those of L and R"),
    ]
    power: Annotated[Number, Setting("of L and R", NEGATIVE, source="1802.09568: -1/4 for a matrix")]
    every: Annotated[
        int,
        Setting(
            "between two computations of the powers",
            AT_LEAST_ONE,
            unit="optimizer steps",
            source="2002.09018",
        ),
    ]


@describes("optimizer", "tuneformer.optim.soap.SOAP")
class SOAPSettings:
    """Adam in the eigenbasis of Shampoo's second moments (2409.11321)."""

    facts = Facts(state_numbers=2)
    lr: Annotated[Number, peak_rate("2409.11321")]
    weight_decay: MatrixDecay
    betas: Annotated[
        tuple[Number, Number],
        Setting(
            "decay of the first and second moment",
            BELOW_ONE,
            source="2409.11321",
            momenta=([0.9, 0.95], [0.95, 0.95], [0.9, 0.99], [0.95, 0.99]),
        ),
    ]
    shampoo_beta: Annotated[Number, moving_average("2409.11321: as beta2", "decay of L and R")]
    eps: Annotated[Number, epsilon("2409.11321")]
    precondition_frequency: Annotated[
        int,
        Setting(
            "between two bases",
            AT_LEAST_ONE,
            unit="optimizer steps",
            source="2509.02046: each step; 2409.11321: 10",
        ),
    ]
    max_precondition_dim: Annotated[
        int, Setting("a longer side keeps the identity as its basis", AT_LEAST_ZERO, source="2409.11321")
    ]
    merge_dims: Annotated[bool, Setting("of tensors with more than two")]
    precondition_1d: Annotated[bool, Setting("of vectors, which are not trained by it here")]
    correct_bias: Annotated[bool, Setting("of the moments, as Adam")]
    normalize_gradient: Annotated[bool, Setting("scales the step to RMS 1")]
    maximize: Maximize
