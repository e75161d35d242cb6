"""The first of what the forkserver imports: what it imports then is lean, and signals do not end it."""

from tuneformer.process.lean_imports import keep_imports_lean
from tuneformer.process.leaving import outlive_signals

keep_imports_lean()
outlive_signals()
