"""Rules on the residual stream, the units of feed-forward layers and what is looked up."""

from tuneformer.analysis.diagnosis.evidence import Evidence
from tuneformer.analysis.diagnosis.finding import Finding
from tuneformer.analysis.diagnosis.onset import onset
from tuneformer.analysis.diagnosis.overrides import Candidate, first_that_changes, lower_rate
from tuneformer.measures.registry import DEAD_UNITS, RANK_COLLAPSE, UNTRAINED

# norm(X - mean) / norm(X). Our own: at 0.1 the tokens share 99 % of their energy, at 0.01 all but 1e-4.
LEAST_DIVERSITY = 0.1
LOST_DIVERSITY = 0.01
LARGEST_UNTRAINED_SHARE = 0.1  # our own: of the rows of lookup tables
LARGEST_DEAD_SHARE = 0.5  # our own: healthy OPT models reach 0.7 in single layers (2309.04827)


def rank_collapse(evidence: Evidence) -> Finding | None:
    """All tokens are nearly the same vector behind some layer."""
    for name in reversed(evidence.names(RANK_COLLAPSE.columns)):
        curve = evidence.curve(name)
        began = onset(curve.values < LEAST_DIVERSITY)
        if began is not None:
            measured = float(curve.values[-1])
            return Finding(
                rule="rank_collapse",
                severity="error" if measured < LOST_DIVERSITY else "warning",
                since=int(curve.steps[began]),
                measured=measured,
                threshold=LEAST_DIVERSITY,
                baseline=1.0,
                evidence=f"behind layer {name.split('/')[1]} tokens differ by {measured:.3g} of their norm"
                f" (below {LEAST_DIVERSITY:g}; unrelated tokens have about 1)",
                why="what tells tokens apart is lost on the way (2103.03404; its gradients: 2206.03126)",
                override=first_that_changes(
                    evidence,
                    ("model.block", "pre_norm"),
                    ("model.n_layers", max(int(evidence.number("model.n_layers")) // 2, 1)),
                ),
            )
    return None


def dead_units(evidence: Evidence) -> Finding | None:
    """More than half the units of a feed-forward layer are active on no token of the probe batch."""
    worst: Finding | None = None
    for name in evidence.names(DEAD_UNITS.columns):
        curve = evidence.curve(name)
        began = onset(curve.values > LARGEST_DEAD_SHARE)
        measured = float(curve.values[-1])
        if began is None or (worst is not None and measured <= worst.measured):
            continue
        worst = Finding(
            rule="dead_units",
            severity="warning",
            since=int(curve.steps[began]),
            measured=measured,
            threshold=LARGEST_DEAD_SHARE,
            baseline=float(curve.values[0]),
            evidence=f"{measured:.0%} of the units of layer {name.split('/')[1]} are never active (above"
            f" {LARGEST_DEAD_SHARE:.0%}; {curve.values[0]:.0%} at the first row)",
            why="a unit that is never active gets no gradient and stays so (1903.06733)",
            override=first_that_changes(evidence, ("model.feed_forward", "swiglu"), lower_rate(evidence)),
        )
    return worst


def untrained_embeddings(evidence: Evidence) -> Finding | None:
    """Rows of the lookup tables that no batch has reached by the end of the run."""
    curve = evidence.curve(UNTRAINED.column)
    measured = float(curve.values[-1])
    if measured <= LARGEST_UNTRAINED_SHARE:
        return None
    smaller = evidence.number("data.bpe_vocab_size") * (1 - measured)
    tokens: list[Candidate] = [("data.bpe_vocab_size", int(smaller))] if smaller == smaller else []
    return Finding(
        rule="untrained_embeddings",
        severity="info",
        since=int(curve.steps[0]),
        measured=measured,
        threshold=LARGEST_UNTRAINED_SHARE,
        baseline=0.0,
        evidence=f"{measured:.0%} of the rows of the embeddings had no gradient at any logged step (above"
        f" {LARGEST_UNTRAINED_SHARE:.0%})",
        why="their tokens mean nothing to the model where they turn up later (2405.05417)",
        override=first_that_changes(evidence, *tokens, ("model.tie_embeddings", True)),
    )
