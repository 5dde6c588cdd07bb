"""The examples for Kubernetes are valid, and the commands, volumes and settings in them are those that there are."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from jobs.config.config import Config
from lookup.travel.__main__ import parser
from tests.jobs.cli.understood import understood

ROOT = Path(__file__).parents[1]
EXAMPLES = ("lookup/kubernetes.yaml", "dags/kubernetes.yaml")
VERSION = "1.31"
"""Of Kubernetes: the oldest that is maintained anywhere."""


def objects(example: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / example).read_text(encoding="utf-8")))


def data_of(name: str) -> dict[str, str]:
    """The data of a ConfigMap of the night."""
    (found,) = (one["data"] for one in objects("dags/kubernetes.yaml") if one["metadata"]["name"] == name)
    return dict(found)


def pods() -> Iterator[dict[str, Any]]:
    """The specification of every pod in the examples."""
    for example in EXAMPLES:
        for one in objects(example):
            spec = one.get("spec", {})
            spec = spec.get("jobTemplate", {}).get("spec", spec)
            if one["kind"] in ("Pod", "Deployment", "CronJob"):
                yield spec["template"]["spec"] if "template" in spec else spec


def containers() -> list[dict[str, Any]]:
    return [one for pod in pods() for one in (*pod.get("initContainers", ()), *pod["containers"])]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_object_is_valid(example: str) -> None:
    for one in objects(example):
        kubernetes_validate.validate(one, VERSION, strict=True)


def test_a_mistake_would_be_told() -> None:
    (deployment,) = (one for one in objects("lookup/kubernetes.yaml") if one["kind"] == "Deployment")
    deployment["spec"]["template"]["spec"]["containers"][0]["volumeMount"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSION, strict=True)


def test_every_command_is_understood() -> None:
    seen = set()
    for one in containers():
        match [*one.get("command", ()), *one.get("args", ())]:
            case ["daybreak-fetch", *words]:
                given = parser().parse_args(words)
                (mount,) = (mount for mount in one["volumeMounts"] if mount["mountPath"] == str(given.dir))
                assert not mount.get("readOnly")
                seen.add(f"fetch, follow {given.follow}")
            case ["daybreak", *words]:
                seen.add(understood(words).command)
            case ["gunicorn", *_]:
                seen.add("backend")
            case []:
                assert one["name"] == "base"  # Airflow puts in the command of the task
            case words:
                pytest.fail(f"nothing checks {words}")
    assert seen == {"fetch, follow False", "fetch, follow True", "run", "backend"}


def test_the_backend_waits_for_a_release_and_follows_it() -> None:
    (pod,) = (pod for pod in pods() if pod.get("initContainers"))
    assert [one["name"] for one in pod["initContainers"]] == ["fetch"]
    assert [one["name"] for one in pod["containers"]] == ["backend", "follow"]
    assert pod["securityContext"]["runAsUser"]  # of all three: releases are for their user alone


def test_every_volume_account_and_config_map_is_declared() -> None:
    names = {(one["kind"], one["metadata"]["name"]) for example in EXAMPLES for one in objects(example)}
    for pod in pods():
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert ("ServiceAccount", pod["serviceAccountName"]) in names
        for one in (*pod.get("initContainers", ()), *pod["containers"]):
            assert {mount["name"] for mount in one["volumeMounts"]} <= set(volumes)
            for source in one.get("envFrom", ()):
                assert "secretRef" in source or ("ConfigMap", source["configMapRef"]["name"]) in names
        claims = [volume["persistentVolumeClaim"]["claimName"] for volume in volumes.values() if len(volume) > 1
                  and "persistentVolumeClaim" in volume]  # fmt: skip
        assert all(("PersistentVolumeClaim", claim) in names for claim in claims)


def test_the_settings_of_spark_load() -> None:
    (text,) = (
        one["data"]["spark.toml"]
        for one in objects("dags/kubernetes.yaml")
        if one["metadata"]["name"] == "daybreak-spark"
    )
    settings = tomllib.loads(text)["spark"]
    made = Config.__pydantic_validator__.validate_python(
        {
            "items": {"files": "i", "item_id": "i"},
            "events": [{"files": "e", "user_id": "u", "item_id": "i", "time": "t"}],
            "spark": settings,
            "base": ROOT,
            "date": "2026-11-22",
        }
    )
    assert made.spark == settings


def test_airflow_submits_to_the_cluster() -> None:
    """The connection names a master that Spark takes for Kubernetes, once Airflow has put the port after the host."""
    connection = json.loads(data_of("daybreak-airflow")["AIRFLOW_CONN_DAYBREAK_SPARK"])
    assert (connection["conn_type"], connection["host"], connection["port"]) == (
        "spark",
        "k8s://https://kubernetes.default.svc",
        443,
    )
