"""Reading the configuration of a night from its TOML file."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from jobs.config import presets
from jobs.config.config import Config, Override, Sections
from jobs.config.toml import fill
from jobs.errors import ConfigError


def load(
    path: Path,
    day: date,
    full: bool = False,
    override: Override | None = None,
    *,
    warm_start: bool = False,
    older: bool = False,
) -> Config:
    """Read a TOML file for the night of `day`; what the other arguments mean stands in `Config`.

    Raises ConfigError with a line for each mistake, which names the file and the key.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # editors of Windows begin with a mark
    except FileNotFoundError:
        where = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise ConfigError(
            f"{path}: there is no such file{where}; `daybreak init DIR` writes one, --config FILE names one"
        ) from None
    except (ValueError, RecursionError) as error:  # of TOML, of UTF-8, or of a number or a nesting without an end
        raise ConfigError(f"{path}: not readable as TOML: {error}") from None
    except OSError as error:
        raise ConfigError(f"{path}: not readable: {error.strerror}") from None
    data.setdefault("preset", presets.AUTO)
    own: dict[str, Any] = {section: data[section] for section in ("train", "embed") if section in data}
    if (kind := data["preset"]) in presets.names():
        data = presets.under(kind, data)
    for several in ("events", "impressions", "searches"):
        if isinstance(data.get(several), dict):
            data[several] = [data[several]]
    sections = fill(Sections, data, str(path))
    if kind == presets.AUTO and sections.train.start_from is not None:
        raise ConfigError(f"{path}: train.from begins with another shop's model: name the preset that it was made with")
    file = path.resolve()
    return Config(
        **vars(sections),
        base=file.parent,
        date=day,
        full=full,
        warm_start=warm_start,
        older=older,
        override=override,
        file=file,
        own=own,
    )
