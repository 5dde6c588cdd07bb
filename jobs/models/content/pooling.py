"""How the tokens of a text make its vector, as the files of a model say."""

from typing import Any

from jobs.errors import ConfigError

POOLING = "1_Pooling/config.json"
"""The file of a model that says it; without one, the mean counts."""


def pools_first_token(said: dict[str, Any], model: str) -> bool:
    """Say whether the vector of a text is that of its first token; otherwise it is the mean of all tokens.

    said: what the file says. Raises ConfigError, naming the model, when it needs another pooling.
    """
    modes = {name.removeprefix("pooling_mode_") for name, on in said.items() if on is True and "_mode_" in name}
    modes = modes or {str(said.get("pooling_mode", "mean"))}
    if modes <= {"mean_tokens", "mean"}:
        return False
    if modes <= {"cls_token", "cls"}:
        return True
    raise ConfigError(f"{model}: pools tokens by {', '.join(sorted(modes))}; only mean and cls are supported")
