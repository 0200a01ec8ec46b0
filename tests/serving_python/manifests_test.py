"""The manifests hold nothing that Kubernetes' and KServe's own models do not know."""
from __future__ import annotations

import pathlib
import re
from typing import Any

import kserve
import kubernetes.client
import pytest
import yaml

import servers

FOLDER = servers.SOURCE / "deploy" / "kserve"
MODELS = {
    ("serving.kserve.io/v1alpha1", "ClusterServingRuntime"): "V1alpha1ClusterServingRuntime",
    ("serving.kserve.io/v1beta1", "InferenceService"): "V1beta1InferenceService",
    ("v1", "Namespace"): "V1Namespace",
    ("v1", "PersistentVolumeClaim"): "V1PersistentVolumeClaim",
    ("autoscaling/v2", "HorizontalPodAutoscaler"): "V2HorizontalPodAutoscaler",
    ("policy/v1", "PodDisruptionBudget"): "V1PodDisruptionBudget",
}
SCALARS: dict[str, Any] = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object, "datetime": str,
                           "ResourceQuantity": (str, int), "IntOrString": (str, int), "K8sIoApimachineryPkgUtilIntstrIntOrString": (str, int)}


def documents() -> list[tuple[str, dict[str, Any]]]:
    return [(f"{path.name} {document['kind']}", document) for path in sorted(FOLDER.glob("*.yaml"))
            for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if "kind" in document]


def one(kind: str) -> dict[str, Any]:
    [document] = [document for _, document in documents() if document["kind"] == kind]
    return document


def class_of(name: str) -> Any:
    return getattr(kserve, name, None) or getattr(kserve.models, name, None) or getattr(kubernetes.client, name, None)


def check(where: str, value: Any, kind: str) -> None:
    """A value against the type that a model states: "str", "list[V1Container]", "dict(str, str)" or a model's name."""
    if match := re.fullmatch(r"[Ll]ist\[(.*)\]", kind):
        assert isinstance(value, list), f"{where}: {value!r} is no list"
        for index, item in enumerate(value):
            check(f"{where}[{index}]", item, match[1])
    elif match := re.fullmatch(r"[Dd]ict[\[(](.*?), (.*)[\])]", kind):
        assert isinstance(value, dict), f"{where}: {value!r} is no map"
        for key, item in value.items():
            check(f"{where}.{key}", item, match[2])
    elif kind in SCALARS:
        assert isinstance(value, SCALARS[kind]), f"{where}: {value!r} is no {kind}"
        assert kind != "str" or not isinstance(value, bool)
    else:
        model = class_of(kind)
        assert model is not None, f"{where}: there is no model {kind}"
        assert isinstance(value, dict), f"{where}: {value!r} is no {kind}"
        names = {json_name: name for name, json_name in model.attribute_map.items()}
        unknown = set(value) - set(names)
        assert not unknown, f"{where}: {kind} has no {', '.join(sorted(unknown))}"
        for key, item in value.items():
            check(f"{where}.{key}", item, model.openapi_types[names[key]])


@pytest.mark.parametrize("name, document", documents(), ids=lambda value: value if isinstance(value, str) else "")
def test_fields_are_known(name: str, document: dict[str, Any]) -> None:
    kind = MODELS.get((document["apiVersion"], document["kind"]))
    if kind is None:
        assert (document["apiVersion"], document["kind"]) in {
            ("kustomize.config.k8s.io/v1beta1", "Kustomization"), ("monitoring.coreos.com/v1", "PodMonitor")}
        return
    check(document["kind"], document, kind)


def test_the_check_sees_mistakes() -> None:
    for broken in ({"spec": {"predictor": {"model": {"modelFormt": {}}}}}, {"spec": {"predictor": {"minReplicas": "one"}}}):
        with pytest.raises(AssertionError):
            check("InferenceService", broken, "V1beta1InferenceService")


def test_everything_is_listed() -> None:
    listed = set(yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"])
    there = {path.name for path in FOLDER.glob("*.yaml")}
    assert listed == there - {"kustomization.yaml", "prometheus-adapter.yaml"}


def test_the_parts_fit_together() -> None:
    runtime, service, scaler = one("ClusterServingRuntime"), one("InferenceService"), one("HorizontalPodAutoscaler")
    model = service["spec"]["predictor"]["model"]
    assert model["runtime"] == runtime["metadata"]["name"]
    assert model["modelFormat"] in [{key: format[key] for key in ("name", "version")} for format in runtime["spec"]["supportedModelFormats"]]
    assert model["storageUri"].split("/")[2] == one("PersistentVolumeClaim")["metadata"]["name"]
    name = service["metadata"]["name"]
    assert scaler["spec"]["scaleTargetRef"]["name"] == f"{name}-predictor"
    for document in (one("PodDisruptionBudget"), one("PodMonitor")):
        assert document["spec"]["selector"]["matchLabels"] == {"serving.kserve.io/inferenceservice": name}
    [container] = runtime["spec"]["containers"]
    assert one("PodMonitor")["spec"]["podMetricsEndpoints"][0]["port"] in [port["name"] for port in container["ports"]]
    arguments = dict(argument.split("=", 1) for argument in container["args"])
    assert int(arguments["--shutdown-timeout"]) < service["spec"]["predictor"]["terminationGracePeriodSeconds"]
    rules = yaml.safe_load((FOLDER / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    assert scaler["spec"]["metrics"][0]["pods"]["metric"]["name"] in [rule["name"]["as"] for rule in rules]


def test_pods_are_restricted() -> None:
    """What the namespace's Pod Security level asks for, and more."""
    security = one("ClusterServingRuntime")["spec"]["containers"][0]["securityContext"]
    assert security["runAsNonRoot"] and security["readOnlyRootFilesystem"] and not security["allowPrivilegeEscalation"]
    assert security["capabilities"] == {"drop": ["ALL"]} and security["seccompProfile"] == {"type": "RuntimeDefault"}


def test_the_server_knows_the_arguments_and_metric(native: servers.Native) -> None:
    arguments = [argument for argument in one("ClusterServingRuntime")["spec"]["containers"][0]["args"]
                 if not argument.startswith(("--model=", "--port=", "--host="))]
    arguments = [argument.replace("{{.Name}}", "kandinsky") for argument in arguments]
    with servers.ready_native(*arguments):
        pass
    assert "kandinsky_queue_length" in native.metrics()


def test_compose_and_image_agree() -> None:
    folder = servers.SOURCE / "deploy" / "docker"
    dockerfile = (folder / "Dockerfile").read_text(encoding="utf-8")
    for name in ("compose.yaml", "compose.gpu.yaml"):
        build = yaml.safe_load((folder / name).read_text(encoding="utf-8"))["services"]["server"]["build"]
        for argument, value in build["args"].items():
            assert re.search(rf"^ARG {argument}=", dockerfile, re.M), argument
            assert value in dockerfile, value
    ignored = pathlib.Path(servers.SOURCE / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = {word for line in re.findall(r"^COPY (?!--from)(.*) \S+$", dockerfile, re.M) for word in line.split()}
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
