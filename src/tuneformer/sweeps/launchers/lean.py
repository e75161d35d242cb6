"""The first of what the forkserver imports: what it imports then is lean."""

from tuneformer.lean_imports import keep_imports_lean

keep_imports_lean()
