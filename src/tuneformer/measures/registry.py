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

ENTROPY = _of_head(
    key="entropy",
    says="0: all on one key; 1: spread evenly",
    unit="log(visible keys)",
    null="uniform attention",
    function="attention_maps.entropy",
    together=MEAN_HEAD,
)
LARGEST_LOGIT = _of_head(
    key="largest_logit",
    says="near 100 training is in danger",
    null="random weights",
    function="attention_logits.largest_logit",
    together=ONLY,
)
SINK_RATE = _of_head(
    key="sink_rate",
    says=f"attention to the first key; above {SINK_THRESHOLD} a sink",
    unit="share",
    null="uniform attention",
    function="attention_maps.sink_rate",
    together=MEAN_HEAD,
)
MEAN_DISTANCE = _of_head(
    key="mean_distance",
    says="tokens between query and key",
    unit="tokens",
    null="uniform attention",
    function="attention_maps.mean_distance",
    together=MEAN_HEAD,
    of_an_order=True,
)
PREVIOUS_TOKEN = _of_head(
    key="previous_token",
    says="attention to the token before; near 1: a previous-token head",
    unit="share",
    null="uniform attention",
    function="induction.previous_token",
    together=BEST_HEAD,
    of_an_order=True,
)
PREFIX_MATCHING = _of_head(
    key="prefix_matching",
    says="attention to what followed this token before, here; near 1: an induction head",
    unit="share",
    null="uniform attention",
    function="induction.prefix_matching_of_tokens",
    together=BEST_HEAD,
    of_an_order=True,
)
PREFIX_MATCHING_RANDOM = Measure(
    key="prefix_matching_random",
    label="prefix matching, random tokens",
    says="the same on random tokens, twice; near 1: an induction head",
    unit="share",
    null="uniform attention",
    function="induction.prefix_matching",
)
COPYING = Measure(
    key="copying",
    says="by its weights; 1: raises the logit of what it looks at; -1: lowers it",
    null="random weights in the mean",
    function="ov_circuit.copying_score",
)
SIMILARITY = Measure(
    key="similarity",
    label="output similarity",
    says="mean cosine with other heads of its layer; 1: a duplicate",
    unit="cosine",
    null="random vectors in the mean",
    function="head_outputs.output_similarity",
)
IMPORTANCE = _of_head(
    key="importance",
    label="importance by gradient",
    says="mean size of dL/d gate; 0: a dead head",
    unit="nats",
    null="random weights",
    function="head_importance.importance_by_gradient",
    together=MEAN_HEAD,
)
ABLATION = Measure(
    key="ablation",
    label="change of the loss without it",
    says="zero in its place; above 0 it helps, below it harms",
    unit="nats",
    null="random weights",
    function="head_importance.importance_by_ablation",
)
RESIDUAL_NORM = _of_stream(
    key="norm",
    label="residual norm",
    says="mean length of a token",
    null="initialisation",
    function="residual_stream.residual_norm",
    together=LARGEST_LAYER,
)
RANK_COLLAPSE = _of_stream(
    key="rank_collapse",
    says="what differs between tokens; 1: all, 0: nothing",
    unit="share",
    null="unrelated tokens, about 1",
    function="residual_stream.rank_collapse",
    together=LEAST_LAYER,
)
KURTOSIS = _of_stream(
    key="kurtosis",
    says="large: a few channels hold everything",
    null="normal numbers, 3",
    function="residual_stream.kurtosis",
    together=LARGEST_LAYER,
)
LENS_LOSS = Measure(
    key="lens_loss",
    says="loss if the model ended here",
    unit="nats",
    null="a uniform guess, log V",
    function="residual_stream.lens_loss",
)
DEAD_UNITS = Measure(
    key="dead",
    label="dead units",
    says="hidden units that are silent on every token",
    unit="share",
    null="initialisation, about 0",
    function="units.dead_units",
    within="units/<stack>.<layer>/{}",
    taken=BY_PROBE,
    together=LARGEST_LAYER,
)
WEIGHT_NORM = Measure(
    key="weight_norm",
    says="length of the weights",
    null="initialisation",
    function="weights.weight_norm",
    within=GROUPS,
    taken=BY_UPDATES,
    together=Together("", lambda norms: math.hypot(*norms)),
)
UPDATE_RATIO = Measure(
    key="update_ratio",
    label="update over weight",
    says="length of a step over that of the weights; about 1e-3 is healthy, a rule of thumb",
    null="0",
    function="gradients.update_ratio",
    within=GROUPS,
    taken=BY_UPDATES,
)
STABLE_RANK = Measure(
    key="stable_rank",
    says="directions in which the matrices are large, in the mean",
    null="initialisation",
    function="weights.stable_rank",
    within=PARTS,
    taken=BY_SPECTRA,
    together=Together("mean of parts", fmean),
)
EFFECTIVE_LR = Measure(
    key="effective_lr",
    label="effective rate",
    says="lr over the length of the weights: how fast they can turn",
    null="initialisation",
    function="weights.effective_lr_of_unit_updates",
    within=GROUPS,
    taken=BY_SPECTRA,
)
GRADIENT_NORM = Measure(
    key="grad_norm",
    label="gradient norm",
    says="before clipping",
    null="initialisation",
    function="weights.weight_norm",
    within=WHOLE,
    taken=AT_LOG,
    together=ONLY,
)
CLIPPED_GRADIENT_NORM = Measure(
    key="grad_norm_clipped",
    label="gradient norm after clipping",
    says="what the optimizer is given, where there is clipping",
    null="the norm before it",
    function="weights.weight_norm",
    within=WHOLE,
    taken=AT_LOG,
)
GRADIENT_NORM_OF_PART = Measure(
    key="grad_norm",
    label="gradient norm of each part",
    says="before clipping; the squares add up to that of the whole",
    null="initialisation",
    function="gradients.norms_by_part",
    within=PARTS,
    taken=BY_GRADIENTS,
)
UNTRAINED = Measure(
    key="untrained",
    label="untrained embeddings",
    says="rows of the lookup tables that no logged step has reached",
    unit="share",
    null="0",
    within="embedding/{}",
    taken=Taken("embedding_rows", LOGGED),
)
SHARPNESS = _of_curvature(
    key="sharpness",
    says="largest eigenvalue of the Hessian; 2 / lr is the edge of stability",
    null="initialisation",
    function="sharpness.sharpness",
)
ADAM_SHARPNESS = _of_curvature(
    key="adam_sharpness",
    label="Adam sharpness",
    says="the same under Adam's preconditioner; 38 / lr is the edge at b1 = 0.9",
    null="initialisation",
    function="sharpness.adam_sharpness",
)
NOISE_SCALE = _of_noise(
    key="examples",
    label="gradient noise scale",
    says="the batch size beyond which more does not help",
    unit="examples",
    null="infinite for pure noise",
    together=ONLY,
)
NOISE_TRACE = _of_noise(
    key="trace",
    label="variance of gradients",
    says="summed over all weights, of one example",
    null="0",
)
GRADIENT_SQUARE = _of_noise(
    key="gradient_square",
    label="squared mean gradient",
    says="without its noise",
    null="0 for pure noise",
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
