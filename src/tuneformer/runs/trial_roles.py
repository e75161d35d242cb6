"""What draws a trial of a search and what it is for, as its configuration and its record say it."""

from collections.abc import Mapping
from types import MappingProxyType

ASK = "ask"
"""The sampler of a question with a budget (`sweeps.ask`)."""

SAMPLERS: Mapping[str, bool] = MappingProxyType(
    {"random": True, "halton": True, "tpe": False, "cmaes": False, ASK: False}
)
"""What may draw trials, and whether it draws each without regard to how the others went."""

CHECK, EXPLORE, REFINE, CONFIRM, REPORT = "check", "explore", "refine", "confirm", "report"
"""Of a question: the check of the baseline, the three parts of tuning, and the report with fresh seeds."""

ROLES = (CHECK, EXPLORE, REFINE, CONFIRM, REPORT)
