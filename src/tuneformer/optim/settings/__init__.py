"""What each optimizer can be set to and what is known of it; nothing here imports torch."""

from tuneformer.optim.settings import adam_like, matrices, others, param_groups, signs

__all__ = ["adam_like", "matrices", "others", "param_groups", "signs"]
