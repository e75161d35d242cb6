"""Hydra's composing, whose errors say which override or which file does not go with the rest."""

from typing import Any

from hydra.core.override_parser.types import Override
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from tuneformer.config.messages import CannotMerge, CannotOverride
from tuneformer.config.remembered_files import RememberingConfigLoader


class TellingConfigLoader(RememberingConfigLoader):
    """Raises CannotOverride and CannotMerge where Hydra says it in words alone."""

    @staticmethod
    def validate_sweep_overrides_legal(
        overrides: list[Override], run_mode: RunMode, from_shell: bool
    ) -> None:
        for override in overrides:
            if run_mode == RunMode.RUN and override.is_sweep_override():
                raise CannotOverride(override, "several values")
        RememberingConfigLoader.validate_sweep_overrides_legal(overrides, run_mode, from_shell)

    @staticmethod
    def _apply_overrides_to_config(overrides: list[Override], cfg: DictConfig) -> None:
        for override in overrides:
            try:
                RememberingConfigLoader._apply_overrides_to_config([override], cfg)
            except ConfigCompositionException as error:
                raise CannotOverride(override, str(error)) from error.__cause__

    def _compose_config_from_defaults_list(self, defaults: Any, repo: Any) -> DictConfig:
        try:
            return super()._compose_config_from_defaults_list(defaults, repo)
        except ConfigCompositionException as error:
            if isinstance(error.__context__, OmegaConfBaseException):
                raise CannotMerge(self._loaded_last, error.__context__) from error
            raise

    def _load_single_config(self, default: Any, repo: Any) -> Any:
        self._loaded_last = str(default.config_path)
        return super()._load_single_config(default, repo)
