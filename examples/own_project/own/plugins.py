"""What tuneformer finds here that is no option: measures, and rules of the diagnosis."""

from own.rules import lone_weights
from own.spread import SPREAD
from tuneformer.analysis.diagnosis.rules import Rule, needs_rows

MEASURES = (SPREAD,)
RULES = (Rule(look=lone_weights, needs=needs_rows(SPREAD, rows=2)),)
