"""What a trained model says of itself."""

import dataclasses
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jobs.config.learning import TrainConfig
from jobs.errors import ConfigError
from jobs.models.behaviour.model_store import Model

DAY = date(2026, 1, 2)


def model(folder: Path, settings: dict[str, Any]) -> Model:
    """A model with these settings, as JSON gives them back."""
    return Model(folder, "m", DAY, DAY, (1,), ((1.0,),), json.loads(json.dumps(settings)), np.zeros(0), None, 0, {})


def test_the_settings_of_a_model_are_those_it_was_fitted_with(tmp_path):
    made = TrainConfig(half_lives=[3, 0.0], fading=[1, 0.25], follow=2, ordered=False)
    assert model(tmp_path, vars(made)).train == made
    before_it = {name: value for name, value in vars(made).items() if name != "kept_next"}
    assert model(tmp_path, before_it).train == dataclasses.replace(made, kept_next=1.0)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"follows": 1.0}, r"model.json: unknown key settings.follows; expected .*; did you mean settings.follow\?"),
        ({"half_lives": [1.0]}, r"model.json: settings.fading must be a list of parts, one for each of"),
        ({"kept": 2}, r"model.json: settings.kept must be a share from 0 to 1, not 2"),
    ],
)
def test_settings_of_another_version_say_what_to_do(tmp_path, changed, message):
    with pytest.raises(ConfigError, match=rf"{message}.*the model is of another version; train one with `--full`"):
        _ = model(tmp_path, vars(TrainConfig()) | changed).train
