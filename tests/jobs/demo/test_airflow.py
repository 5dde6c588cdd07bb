"""Airflow on this machine: nobody else reaches it, and who does must log in."""

import json
import os
import signal
import stat
from pathlib import Path

import pytest

from jobs.demo.airflow import PARTS, environment, make_password, run_all


def test_its_password_is_for_this_user_alone_and_stays(tmp_path: Path) -> None:
    path = make_password(tmp_path / "airflow")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (password,) = json.loads(path.read_text()).values()
    assert len(password) >= 16
    assert make_password(tmp_path / "airflow") == path
    assert json.loads(path.read_text()) == {"admin": password}
    env = environment(tmp_path / "airflow")
    assert env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"] == str(path)
    assert env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"


def test_no_part_listens_to_other_machines() -> None:
    """The log servers of scheduler and triggerer listen on every interface, whatever they are told."""
    assert {part[0]: part[1:] for part in PARTS if part[0] in ("scheduler", "triggerer")} == {
        "scheduler": ("--skip-serve-logs",),
        "triggerer": ("--skip-serve-logs",),
    }
    assert environment()["AIRFLOW__API__HOST"] == "127.0.0.1"


def test_all_parts_end_when_one_does(tmp_path: Path) -> None:
    program = tmp_path / "airflow"
    program.write_text("#!/bin/sh\necho $$ > $0.$1\n[ $1 = short ] || exec sleep 60\n")
    program.chmod(0o755)
    assert run_all((("long",), ("short",)), {"PATH": f"{tmp_path}:/usr/bin:/bin"}) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int(program.with_suffix(".long").read_text()), signal.SIG_DFL)
