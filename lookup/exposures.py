"""The module of `ExposureLog` in earlier versions. Import it from `lookup`."""

import warnings

from lookup.experiments.exposure_records import Exposure
from lookup.experiments.exposures import ExposureLog

__all__ = ["Exposure", "ExposureLog"]

warnings.warn("lookup.exposures is deprecated: `from lookup import ExposureLog`", DeprecationWarning, stacklevel=2)
