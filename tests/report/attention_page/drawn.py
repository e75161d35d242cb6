"""Analyses of runs that never were: random maps of any shape, for all tests of what is shown of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tuneformer.analysis.attention.analysis import AttentionAnalysis, Step
from tuneformer.analysis.attention.curves import Curves
from tuneformer.analysis.attention.example import Axes, Example, Image
from tuneformer.analysis.attention.scores import HeadScores, Score
from tuneformer.runs.probe_files import ProbeSnapshot, Site

EVIL = "</script><script>window.broken = 1</script><img src=x onerror='window.broken = 2'>&\""
LOSS = 1.5


def drawn_weights(
    rng: np.random.Generator, *, heads: int, rows: int, columns: int, causal: bool
) -> np.ndarray:
    """Softmax of normal logits."""
    logits = 2 * rng.normal(size=(heads, rows, columns))
    if causal:
        logits[:, ~np.tri(rows, columns, dtype=bool)] = -np.inf
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)


def drawn_step(
    rng: np.random.Generator, step: int, sites: Mapping[Site, int], example: Example, *, checkpoint: bool
) -> Step:
    """Maps of every module, and scores."""
    weights, allowed = {}, {}
    for site, heads in sites.items():
        axes, causal = example.axes[site[0]], site[0] == "decoder"
        rows, columns = len(axes.queries), len(axes.keys)
        weights[site] = drawn_weights(rng, heads=heads, rows=rows, columns=columns, causal=causal)
        if causal:
            allowed[site] = np.tri(rows, columns, dtype=bool)
    stacks = {site[0] for site in sites} & {"encoder", "decoder"}
    snapshot = ProbeSnapshot(
        step=step,
        weights=weights,
        normed={
            site: maps * rng.uniform(0.1, 3, size=maps.shape[-1:]).astype(np.float32)
            for site, maps in weights.items()
        },
        allowed=allowed,
        heads={"entropy": {site: rng.uniform(size=heads) for site, heads in sites.items()}},
    )
    rollout = {
        stack: weights[next(site for site in sites if site[0] == stack)].mean(axis=0) for stack in stacks
    }
    return Step(snapshot=snapshot, rollout=rollout, from_checkpoint=checkpoint)


def drawn(
    *,
    example: Example,
    sites: Mapping[Site, int],
    steps: Sequence[int] = (0, 100, 200),
    seed: int = 0,
    name: str = "drawn",
) -> AttentionAnalysis:
    """An analysis with everything that can be shown."""
    rng = np.random.default_rng(seed)
    each = [drawn_step(rng, step, sites, example, checkpoint=step == steps[-1]) for step in steps]
    scores = {
        key: Score(
            values={site: rng.normal(size=heads).astype(np.float32) for site, heads in sites.items()},
            null={site: np.zeros(heads, dtype=np.float32) for site, heads in sites.items()},
        )
        for key in ("copying", "ablation")
    }
    curves = {
        "entropy": {
            site: {
                head: [(at.step, float(at.snapshot.heads["entropy"][site][head])) for at in each]
                for head in range(heads)
            }
            for site, heads in sites.items()
        }
    }
    guesses = None
    if "decoder" in example.axes:
        n = len(example.axes["decoder"].queries)
        guesses = (("?",) * n, (0.5,) * n)
    return AttentionAnalysis(
        name=name,
        path=Path("outputs/runs") / name,
        model="a model",
        task="a task",
        example=example,
        steps=tuple(each),
        scores=HeadScores(scores=scores, loss=LOSS, n_repeated=None),
        layers={"decoder": {"norm": [1.0, 2.0, 3.0]}},
        guesses=guesses,
        curves=Curves(losses={"val/loss": [(step, 3 - step / 100) for step in steps]}, heads=curves),
        measured_on="examples",
        notes=("a note",),
        findings=("a finding",),
    )


def text_example(names: Sequence[str]) -> Example:
    """Of a decoder."""
    names = tuple(names)
    return Example(axes={"decoder": Axes(queries=names, keys=names, following=(*names[1:], ""))})


def decoder_analysis(*, n_tokens: int = 8, seed: int = 0, name: str = "drawn") -> AttentionAnalysis:
    """Two layers of three heads over letters."""
    example = text_example([chr(ord("a") + i) for i in range(n_tokens)])
    return drawn(example=example, sites={("decoder", 0): 3, ("decoder", 1): 3}, seed=seed, name=name)


def evil_analysis() -> AttentionAnalysis:
    """Text that means harm wherever there is text."""
    analysis = drawn(
        example=text_example([EVIL, "\n", "", EVIL]), sites={("decoder", 0): 2}, steps=(5,), name=EVIL
    )
    return replace(analysis, notes=(EVIL,), findings=(EVIL,), model=EVIL, guesses=((EVIL,) * 4, (1.0,) * 4))


def image_analysis() -> AttentionAnalysis:
    """Four patches and a class token, and attention pooling."""
    names = ("[class]", *(f"patch {i}" for i in range(4)))
    pixels = np.linspace(-1, 1, 64, dtype=np.float32).reshape(1, 8, 8)
    example = Example(
        axes={
            "encoder": Axes(queries=names, keys=names),
            "pooling": Axes(queries=names[:1], keys=names),
        },
        image=Image(pixels=pixels, patch_size=4, class_token=True),
    )
    return drawn(example=example, sites={("encoder", 0): 2, ("encoder", 1): 2, ("pooling", 0): 1})


def pair_analysis() -> AttentionAnalysis:
    """A source of five words and a target of three."""
    source, target = tuple("ABCDE"), ("[end]", "x", "y")
    following = ("x", "y", "[end]")
    example = Example(
        axes={
            "encoder": Axes(queries=source, keys=source),
            "decoder": Axes(queries=target, keys=target, following=following),
            "cross": Axes(queries=target, keys=source, following=following),
        }
    )
    return drawn(example=example, sites={("encoder", 0): 2, ("decoder", 0): 2, ("cross", 0): 2})
