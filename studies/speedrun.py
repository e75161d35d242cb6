"""The rungs from experiment=nanogpt_cpu to experiment=speedrun."""

from studies.ladder import Rung

RUNGS = (
    Rung(change="`experiment=nanogpt_cpu`", overrides=(), steps=2000),
    Rung(change="optimizer: NorMuon, not AdamW", overrides=("optimizer=normuon",), steps=540),
    Rung(change="embedding: of the last four tokens", overrides=("model.embedded_tokens=4",), steps=330),
    Rung(change="depth: one layer, not four", overrides=("model.n_layers=1",), steps=420),
    Rung(change="positions: RoPE, not learned", overrides=("model.positions=rope",), steps=350),
    Rung(
        change="initialisation: branches begin at zero",
        overrides=("model.initialization=zero_output",),
        steps=335,
    ),
    Rung(change="warmup: a twentieth, not 100 steps", overrides=("scheduler.warmup=0.05",), steps=280),
    Rung(
        change="momentum: 0.85, not 0.95",
        overrides=("optimizer.matrices.momentum=0.85",),
        steps=230,
    ),
    Rung(change="batch: 24 sequences, not 12", overrides=("data.batch_size=24",), steps=145),
    Rung(change="learning rate: 0.015, not 0.01", overrides=("optimizer.lr=1.5e-2",), steps=140),
)
"""Each reaches the loss of the first on data=shakespeare, with about the fewest steps that takes."""
