"""What a trial of a question (`search=ask`) is for, as its configuration and its record say it."""

CHECK, EXPLORE, REFINE, CONFIRM, REPORT = "check", "explore", "refine", "confirm", "report"
"""The check of the baseline, the three parts of tuning, and the report with fresh seeds."""

ROLES = (CHECK, EXPLORE, REFINE, CONFIRM, REPORT)
