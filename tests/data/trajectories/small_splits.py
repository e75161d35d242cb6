"""Prepared episodes that are made by hand, without any environment."""

from tests.data.trajectories.test_episodes import HEAD, episodes
from tuneformer.data.trajectories.episodes import Episodes, EpisodesHead
from tuneformer.data.trajectories.windows import Acting, TrajectorySplits, scaling_of


def splits(
    found: Episodes | None = None, *, head: EpisodesHead = HEAD, context_length: int = 2, n_episodes: int = 2
) -> TrajectorySplits:
    """The same episodes in every split."""
    found = episodes(head) if found is None else found
    return TrajectorySplits(
        head=head,
        episodes=dict.fromkeys(("train", "validation", "test"), found),
        scaling=scaling_of(found),
        acting=Acting(n_episodes=n_episodes, target=30.0, asked=(0.0,), context_length=context_length),
        fingerprint="",
        notes=[],
    )
