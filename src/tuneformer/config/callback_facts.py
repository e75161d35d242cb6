"""What is known of a callback besides its settings: said on its settings object.

A class of the user's own says it itself, and one over `WeightAverage` has it from there:

    class Noise(pl.Callback):
        facts = CallbackFacts(determines_weights=True)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuneformer.config.building import component_of
from tuneformer.config.described import description_of
from tuneformer.config.registry import TARGET, allowed_by_user
from tuneformer.errors import UserError


@dataclass(frozen=True, kw_only=True)
class CallbackFacts:
    """What a callback does beyond watching a run.

    Attributes:
        determines_weights: the weights that come out differ with it: a run's identity has its settings.
        averages_weights: it gives an average of the weights, on which the run is evaluated.
    """

    determines_weights: bool = False
    averages_weights: bool = False


AVERAGE = CallbackFacts(determines_weights=True, averages_weights=True)
STOP = CallbackFacts(determines_weights=True)
"""Of what ends a run by what it measures."""


def averaging_callbacks(callbacks: Mapping[str, Any]) -> dict[str, Any]:
    """Those of conf/callbacks that average the weights."""
    return {name: each for name, each in callbacks.items() if facts_of_callback(name, each).averages_weights}


def facts_of_callback(name: str, settings: Any) -> CallbackFacts:
    """What is known of `callbacks.<name>`, without torch for one of ours.

    Of what nobody describes, or is not to be found here, its names tell what they told when it was saved.
    """
    target = settings.get(TARGET) if isinstance(settings, Mapping) else None
    said = _said(("callbacks", name), settings) if isinstance(target, str) else None
    if said is not None:
        return said
    if name == "averaging":
        return AVERAGE
    return STOP if str(target).endswith("EarlyStopping") else CallbackFacts()


def _said(place: tuple[str, str], settings: Mapping[str, Any]) -> CallbackFacts | None:
    try:
        sayers = [description_of(place, settings)]
        if allowed_by_user(settings[TARGET]) is not None:
            sayers.append(component_of(place, settings))
    except UserError:
        return None
    facts = (getattr(each, "facts", None) for each in sayers)
    return next((each for each in facts if isinstance(each, CallbackFacts)), None)
