"""Daybreak itself, as tasks import it: this very code, its data and its compiled library, sent with the session."""

import atexit
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import lookup

if TYPE_CHECKING:
    from pyspark import SparkContext

PACKAGES = (Path(__file__).parents[2], Path(lookup.__file__).parent)


def send_package(context: "SparkContext") -> None:
    """Send the packages to the executors, which unpack each in a folder that Python workers import from first."""
    folder = Path(tempfile.mkdtemp(prefix="daybreak-package-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for package in PACKAGES:
        path = folder / f"{package.name}.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(package.rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    archive.write(file, file.relative_to(package))
        context.addArchive(f"{path}#{package.name}")
