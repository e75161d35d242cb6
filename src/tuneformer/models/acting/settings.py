"""What the models that act can be set to; without torch."""

from dataclasses import dataclass
from typing import Annotated

from tuneformer.config.described import describes
from tuneformer.config.ranges import AT_LEAST_ONE
from tuneformer.config.setting import Setting
from tuneformer.models.settings import FamilySettings, TransformerSettings, of_data


@dataclass(frozen=True, kw_only=True)
class PolicySettings(FamilySettings):
    """What every model that acts can be set to."""

    tasks = ("acting",)

    n_states: Annotated[int, of_data("elements of a state")]
    n_actions: Annotated[int, of_data("actions to choose from, or elements of an action")]
    returns: Annotated[
        bool,
        Setting("it reads the return that is asked for; false: behaviour cloning", source="true: 2106.01345"),
    ]


@describes("model", f"{__package__}.decision_transformer.DecisionTransformer")
class DecisionTransformerSettings(TransformerSettings, PolicySettings):
    """A decoder over returns, states and actions."""

    n_times: Annotated[int, of_data("steps of the longest episode")]
    context_length: Annotated[int, Setting("steps that the model reads", AT_LEAST_ONE, unit="steps")]
    time_embedding: Annotated[
        bool, Setting("a learned vector for each step of an episode", source="true: 2106.01345")
    ]


@describes("model", f"{__package__}.mlp_policy.MlpPolicy")
class MlpPolicySettings(PolicySettings):
    """Layers that read the present state alone."""


@describes("model", f"{__package__}.lstm_policy.LstmPolicy")
class LstmPolicySettings(PolicySettings):
    """LSTMs that read step after step."""
