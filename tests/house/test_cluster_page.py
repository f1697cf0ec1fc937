"""The files and commands of docs/cluster.md, as far as they can be checked without a cluster of that kind.

What runs of them: tests/functional/test_far_runs.py.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from orgruntime import __version__

PAGE = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text(encoding="utf-8")

_TEXT, _ANY = str, object
KUBERAY: dict[str, Any] = {
    "apiVersion": _TEXT,
    "kind": _TEXT,
    "metadata": {"name": _TEXT},
    "spec": {
        "rayVersion": _TEXT,
        "authOptions": {"mode": _TEXT, "secretName": _TEXT},
        "enableInTreeAutoscaling": bool,
        "headGroupSpec": {"rayStartParams": {"*": _TEXT}, "serviceType": _TEXT, "template": _ANY},
        "workerGroupSpecs": [
            {
                "groupName": _TEXT,
                "replicas": int,
                "minReplicas": int,
                "maxReplicas": int,
                "idleTimeoutSeconds": int,
                "rayStartParams": {"*": _TEXT},
                "template": _ANY,
            }
        ],
    },
}
"""Of the definition of `rayclusters.ray.io`, v1, what a page may use. The API drops an unknown field in silence."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def documents() -> dict[str, dict[str, Any]]:
    found = [one for block in blocks("yaml") for one in yaml.safe_load_all(block)]
    return {one.get("kind", "ray up"): one for one in found}


def faults(value: Any, schema: Any, where: str = "") -> list[str]:
    if isinstance(schema, dict) and isinstance(value, dict):
        found = []
        for key, inner in value.items():
            wanted = schema.get(key, schema.get("*"))
            found += [f"{where}.{key} is unknown"] if wanted is None else faults(inner, wanted, f"{where}.{key}")
        return found
    if isinstance(schema, list) and isinstance(value, list):
        return [fault for number, one in enumerate(value) for fault in faults(one, schema[0], f"{where}[{number}]")]
    kind = type(schema) if isinstance(schema, (dict, list)) else schema
    return [] if isinstance(value, kind) else [f"{where} is no {kind.__name__}"]


@pytest.mark.parametrize("commands", blocks("bash"))
def test_bash_reads_the_commands(commands: str) -> None:
    done = subprocess.run(["bash", "-n", "-c", commands], capture_output=True, text=True, timeout=10)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_manifest_has_fields_that_kuberay_knows_and_a_disk_of_its_own() -> None:
    cluster, claim = documents()["RayCluster"], documents()["PersistentVolumeClaim"]
    assert faults(cluster, KUBERAY) == []
    spec = cluster["spec"]["headGroupSpec"]["template"]["spec"]
    (head,) = spec["containers"]
    (volume,) = spec["volumes"]
    assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    mounts = {mount["name"]: mount["mountPath"] for mount in head["volumeMounts"]}
    assert {one["name"]: one.get("value") for one in head["env"]}["ORGRUN_RUNS"] == mounts[volume["name"]]
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]


def test_a_field_that_kuberay_does_not_know_is_found() -> None:
    wrong = {"spec": {"rayVersion": 2, "workerGroupSpecs": [{"replica": 1}]}}
    assert faults(wrong, KUBERAY) == [".spec.rayVersion is no str", ".spec.workerGroupSpecs[0].replica is unknown"]


def test_rays_launcher_takes_the_file() -> None:
    from ray.autoscaler._private.util import prepare_config, validate_config

    config = prepare_config(documents()["ray up"])
    validate_config(config)
    assert config["available_node_types"]["gpu"]["max_workers"] == 4


def test_the_page_installs_this_release() -> None:
    named = set(re.findall(r"orgruntime(?:\[jobs\])?==([\d.]+)|orgrun:([\d.]+)\b", PAGE))
    assert {one or other for one, other in named} == {__version__}
