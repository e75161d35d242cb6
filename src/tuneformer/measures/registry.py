"""Every measure of a run: its name in files, what it says, its null baseline, when and by what it is taken.

A name stands here and nowhere else. Nothing here needs torch.
"""

import math
from functools import partial
from statistics import fmean

from tuneformer.config import plugins
from tuneformer.config.plugins import plugin_objects
from tuneformer.measures.measure import Measure, Taken, Together

SINK_THRESHOLD = 0.3
"""Sink rate above which a head counts as a sink, at 64 tokens (2410.10781)."""
DEAD_IMPORTANCE = 1e-4
"""Change of the loss, in nats, below which a head is dead. Our own: a hundredth of what seeds differ by."""

OF_A_HEAD = "attention/<stack>.<layer>.<head>/{}"
GROUPS, PARTS, WHOLE = "{}/<group>", "{}/<part>", "{}"
LOGGED, VALIDATED = "trainer.log_every_n_steps", "trainer.val_check_interval"
AT_LOG, AT_VALIDATION = Taken(None, LOGGED), Taken(None, VALIDATED)
BY_PROBE = Taken("attention_probe", VALIDATED)
BY_UPDATES = Taken("update_sizes", LOGGED)
BY_GRADIENTS = Taken("gradient_norms", LOGGED)
BY_SPECTRA = Taken("weight_spectra", VALIDATED)
BY_NOISE = Taken("gradient_noise", VALIDATED)
BY_CURVATURE = Taken("curvature", VALIDATED)

ONLY = Together("", max)
MEAN_HEAD, BEST_HEAD = Together("mean of heads", fmean), Together("best head", max)
LEAST_LAYER, LARGEST_LAYER = Together("least of layers", min), Together("largest of layers", max)

_of_head = partial(Measure, within=OF_A_HEAD, taken=BY_PROBE)
_of_stream = partial(Measure, within="residual/<stack>.<layer>/{}", taken=BY_PROBE)
_of_curvature = partial(Measure, within="curvature/{}", taken=BY_CURVATURE, together=ONLY)
_of_noise = partial(Measure, function="gradients.noise_scale", within="gradient_noise/{}", taken=BY_NOISE)

# each: its key, what a value says, what it is by chance
ENTROPY = _of_head(
    "entropy",
    "0: all on one key; 1: spread evenly",
    "uniform attention",
    unit="log(visible keys)",
    function="attention_maps.entropy",
    together=MEAN_HEAD,
)
LARGEST_LOGIT = _of_head(
    "largest_logit",
    "near 100 training is in danger",
    "random weights",
    function="attention_logits.largest_logit",
    together=ONLY,
)
SINK_RATE = _of_head(
    "sink_rate",
    f"attention to the first key; above {SINK_THRESHOLD} a sink",
    "uniform attention",
    unit="share",
    function="attention_maps.sink_rate",
    together=MEAN_HEAD,
)
MEAN_DISTANCE = _of_head(
    "mean_distance",
    "tokens between query and key",
    "uniform attention",
    unit="tokens",
    function="attention_maps.mean_distance",
    together=MEAN_HEAD,
    of_an_order=True,
)
PREVIOUS_TOKEN = _of_head(
    "previous_token",
    "attention to the token before; near 1: a previous-token head",
    "uniform attention",
    unit="share",
    function="induction.previous_token",
    together=BEST_HEAD,
    of_an_order=True,
)
PREFIX_MATCHING = _of_head(
    "prefix_matching",
    "attention to what followed this token before, here; near 1: an induction head",
    "uniform attention",
    unit="share",
    function="induction.prefix_matching_of_tokens",
    together=BEST_HEAD,
    of_an_order=True,
)
PREFIX_MATCHING_RANDOM = Measure(
    "prefix_matching_random",
    "the same on random tokens, twice; near 1: an induction head",
    "uniform attention",
    label="prefix matching, random tokens",
    unit="share",
    function="induction.prefix_matching",
)
COPYING = Measure(
    "copying",
    "by its weights; 1: raises the logit of what it looks at; -1: lowers it",
    "random weights in the mean",
    function="ov_circuit.copying_score",
)
SIMILARITY = Measure(
    "similarity",
    "mean cosine with other heads of its layer; 1: a duplicate",
    "random vectors in the mean",
    label="output similarity",
    unit="cosine",
    function="head_outputs.output_similarity",
)
IMPORTANCE = _of_head(
    "importance",
    "mean size of dL/d gate; 0: a dead head",
    "random weights",
    label="importance by gradient",
    unit="nats",
    function="head_importance.importance_by_gradient",
    together=MEAN_HEAD,
)
ABLATION = Measure(
    "ablation",
    "zero in its place; above 0 it helps, below it harms",
    "random weights",
    label="change of the loss without it",
    unit="nats",
    function="head_importance.importance_by_ablation",
)
RESIDUAL_NORM = _of_stream(
    "norm",
    "mean length of a token",
    "initialisation",
    label="residual norm",
    function="residual_stream.residual_norm",
    together=LARGEST_LAYER,
)
RANK_COLLAPSE = _of_stream(
    "rank_collapse",
    "what differs between tokens; 1: all, 0: nothing",
    "unrelated tokens, about 1",
    unit="share",
    function="residual_stream.rank_collapse",
    together=LEAST_LAYER,
)
KURTOSIS = _of_stream(
    "kurtosis",
    "large: a few channels hold everything",
    "normal numbers, 3",
    function="residual_stream.kurtosis",
    together=LARGEST_LAYER,
)
LENS_LOSS = Measure(
    "lens_loss",
    "loss if the model ended here",
    "a uniform guess, log V",
    unit="nats",
    function="residual_stream.lens_loss",
)
DEAD_UNITS = Measure(
    "dead",
    "hidden units that are silent on every token",
    "initialisation, about 0",
    label="dead units",
    unit="share",
    function="units.dead_units",
    within="units/<stack>.<layer>/{}",
    taken=BY_PROBE,
    together=LARGEST_LAYER,
)
WEIGHT_NORM = Measure(
    "weight_norm",
    "length of the weights",
    "initialisation",
    function="weights.weight_norm",
    within=GROUPS,
    taken=BY_UPDATES,
    together=Together("", lambda norms: math.hypot(*norms)),
)
UPDATE_RATIO = Measure(
    "update_ratio",
    "length of a step over that of the weights; about 1e-3 is healthy, a rule of thumb",
    "0",
    label="update over weight",
    function="gradients.update_ratio",
    within=GROUPS,
    taken=BY_UPDATES,
)
STABLE_RANK = Measure(
    "stable_rank",
    "directions in which the matrices are large, in the mean",
    "initialisation",
    function="weights.stable_rank",
    within=PARTS,
    taken=BY_SPECTRA,
    together=Together("mean of parts", fmean),
)
EFFECTIVE_LR = Measure(
    "effective_lr",
    "lr over the length of the weights: how fast they can turn",
    "initialisation",
    label="effective rate",
    function="weights.effective_lr_of_unit_updates",
    within=GROUPS,
    taken=BY_SPECTRA,
)
GRADIENT_NORM = Measure(
    "grad_norm",
    "before clipping",
    "initialisation",
    label="gradient norm",
    function="weights.weight_norm",
    within=WHOLE,
    taken=AT_LOG,
    together=ONLY,
)
CLIPPED_GRADIENT_NORM = Measure(
    "grad_norm_clipped",
    "what the optimizer is given, where there is clipping",
    "the norm before it",
    label="gradient norm after clipping",
    function="weights.weight_norm",
    within=WHOLE,
    taken=AT_LOG,
)
GRADIENT_NORM_OF_PART = Measure(
    "grad_norm",
    "before clipping; the squares add up to that of the whole",
    "initialisation",
    label="gradient norm of each part",
    function="gradients.norms_by_part",
    within=PARTS,
    taken=BY_GRADIENTS,
)
UNTRAINED = Measure(
    "untrained",
    "rows of the lookup tables that no logged step has reached",
    "0",
    label="untrained embeddings",
    unit="share",
    within="embedding/{}",
    taken=Taken("embedding_rows", LOGGED),
)
SHARPNESS = _of_curvature(
    "sharpness",
    "largest eigenvalue of the Hessian; 2 / lr is the edge of stability",
    "initialisation",
    function="sharpness.sharpness",
)
ADAM_SHARPNESS = _of_curvature(
    "adam_sharpness",
    "the same under Adam's preconditioner; 38 / lr is the edge at b1 = 0.9",
    "initialisation",
    label="Adam sharpness",
    function="sharpness.adam_sharpness",
)
NOISE_SCALE = _of_noise(
    "examples",
    "the batch size beyond which more does not help",
    "infinite for pure noise",
    label="gradient noise scale",
    unit="examples",
    together=ONLY,
)
NOISE_TRACE = _of_noise(
    "trace", "summed over all weights, of one example", "0", label="variance of gradients"
)
GRADIENT_SQUARE = _of_noise(
    "gradient_square", "without its noise", "0 for pure noise", label="squared mean gradient"
)

MEASURES = tuple(each for each in globals().values() if isinstance(each, Measure))
"""In the order in which they are shown."""


def all_measures() -> tuple[Measure, ...]:
    """Ours, and those of packages of one's own."""
    return (*MEASURES, *plugin_objects(plugins.MEASURES, Measure))


OF_HEADS = (
    *(ENTROPY, LARGEST_LOGIT, SINK_RATE, MEAN_DISTANCE, PREVIOUS_TOKEN, PREFIX_MATCHING),
    *(PREFIX_MATCHING_RANDOM, COPYING, SIMILARITY, IMPORTANCE, ABLATION),
)
OF_LAYERS = (RESIDUAL_NORM, RANK_COLLAPSE, KURTOSIS, LENS_LOSS)
BY_KEY = {measure.key: measure for measure in (*OF_HEADS, *OF_LAYERS)}
"""What probes/ and the analysis of attention name by the key alone."""
