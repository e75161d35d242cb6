"""Rules on gradients. Norms are those before clipping."""

import numpy as np

from tuneformer.analysis.diagnosis.evidence import Evidence
from tuneformer.analysis.diagnosis.finding import Finding
from tuneformer.analysis.diagnosis.onset import onset
from tuneformer.analysis.diagnosis.overrides import first_that_changes, lower_rate
from tuneformer.measures.registry import GRADIENT_NORM, GRADIENT_NORM_OF_PART

# First layer over last. Our own: pre-norm layers differ by about sqrt(depth) (2002.04745, theorem 1).
LEAST_DEPTH_RATIO = 1e-2
LARGEST_DEPTH_RATIO = 1e2
# A hundred times the norm that large models are clipped at, 1.0 (GPT-3, 2005.14165). The hundred is our own.
LARGEST_NORM = 100.0
LARGEST_CLIPPED_SHARE = 0.9  # our own: "always"
# Half to ten times the mean norm is a good threshold (Pascanu et al., 1211.5063, section 3.2): its lower end.
LEAST_CLIP_OF_NORM = 0.5


def vanishing_gradients(evidence: Evidence) -> Finding | None:
    """The first layer of a stack receives a small part of what the last one does."""
    for steps, ratio in _depth_ratios(evidence):
        began = onset(ratio < LEAST_DEPTH_RATIO)
        if began is not None:
            measured = float(np.median(ratio[began:]))
            return Finding(
                rule="vanishing_gradients",
                severity="warning",
                since=int(steps[began]),
                measured=measured,
                threshold=LEAST_DEPTH_RATIO,
                baseline=1.0,
                evidence=f"the gradient of the first layer is {measured:.1e} of the last one's"
                f" (below {LEAST_DEPTH_RATIO:g}; equal layers have 1)",
                why="what the first layers do hardly enters the update (Glorot and Bengio 2010; post-norm:"
                " 2002.04745)",
                override=first_that_changes(
                    evidence, ("model.block", "pre_norm"), ("model.initialization", "depth_scaled")
                ),
            )
    return None


def exploding_gradients(evidence: Evidence) -> Finding | None:
    """The norm is a hundred times what models are clipped at, or grows a hundredfold towards the input."""
    total = evidence.curve(GRADIENT_NORM.column)
    high = total.values > LARGEST_NORM
    depth = [(s, r) for s, r in _depth_ratios(evidence) if onset(r > LARGEST_DEPTH_RATIO) is not None]
    if high.sum() < 2 and not depth:
        return None
    if high.sum() >= 2:
        since, measured, threshold = total.steps[np.argmax(high)], total.values.max(), LARGEST_NORM
        words = f"the gradient's norm reaches {measured:.3g} (above {threshold:g} in {high.sum()} rows)"
        baseline = float(np.median(total.values))
    else:
        steps, ratio = depth[0]
        since, measured, threshold = steps[onset(ratio > LARGEST_DEPTH_RATIO) or 0], ratio.max(), 100.0
        words = (
            f"the gradient of the first layer is {measured:.3g} times the last one's (above {threshold:g})"
        )
        baseline = 1.0
    return Finding(
        rule="exploding_gradients",
        severity="error" if evidence.diverged else "warning",
        since=int(since),
        measured=float(measured),
        threshold=threshold,
        baseline=baseline,
        evidence=f"{words}; median {baseline:.3g}",
        why="one step can undo what many have learned (Pascanu et al., 1211.5063)",
        override=first_that_changes(
            evidence,
            ("trainer.gradient_clip_val", 1.0),
            ("model.initialization", "depth_scaled"),
            lower_rate(evidence),
        ),
    )


def clipping_always_on(evidence: Evidence) -> Finding | None:
    """The gradient is clipped in nine rows of ten, to less than half its median norm."""
    clip, norm = evidence.number("trainer.gradient_clip_val"), evidence.curve(GRADIENT_NORM.column)
    clipped = norm.values > clip
    median = float(np.median(norm.values))
    if clipped.mean() < LARGEST_CLIPPED_SHARE or clip >= LEAST_CLIP_OF_NORM * median:
        return None
    scale_matters = "SGD" in evidence.target("optimizer")
    return Finding(
        rule="clipping_always_on",
        severity="warning" if scale_matters else "info",
        since=int(norm.steps[np.argmax(clipped)]),
        measured=clip / median,
        threshold=LEAST_CLIP_OF_NORM,
        baseline=median,
        evidence=f"clipped in {clipped.mean():.0%} of rows, to {clip / median:.2f} of the median norm"
        f" {median:.3g} (below {LEAST_CLIP_OF_NORM:g})",
        why="the threshold, not the gradient, sets the size of the step (1211.5063 has half to ten times the"
        " mean norm); Adam and its kin divide it out again",
        override=first_that_changes(evidence, ("trainer.gradient_clip_val", float(f"{median:.2g}"))),
    )


def _depth_ratios(evidence: Evidence) -> list[tuple[np.ndarray, np.ndarray]]:
    """Steps, and norm of the first layer over that of the last, for each stack of two layers or more."""
    ratios = []
    for stack in ("encoder", "decoder"):
        names = evidence.names(GRADIENT_NORM_OF_PART.at(f"{stack}.*"))
        if len(names) > 1:
            steps, norms = evidence.table([names[0], names[-1]])
            ratios.append((steps, norms[:, 0] / np.maximum(norms[:, 1], np.finfo(float).tiny)))
    return ratios
