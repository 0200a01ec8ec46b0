"""The model class that KServe's ModelServer runs."""
from __future__ import annotations

import asyncio
import base64
import uuid
from typing import Any, Mapping, Optional, Union

import kserve
import numpy as np
import orjson
from kserve import InferOutput, InferRequest, InferResponse

from .backend import Backend, Drawn
from .failure import Failure, bad, known
from .params import Params, query_of

_OUTPUTS = {"images": "BYTES", "clip_scores": "FP32", "ppl": "FP64", "seeds": "UINT64", "numbers": "INT32"}


class KandinskyModel(kserve.Model):
    """Answers V1 requests as the original service did, and the Open Inference Protocol (V2), like kandinsky-server."""

    def __init__(self, name: str, backend: Backend, *, max_images: int = 64) -> None:
        """`max_images`: pictures that one request may have drawn, all instances together."""
        super().__init__(name)
        self._backend = backend
        self._max_images = max_images

    def load(self) -> bool:
        self._backend.load()
        self.ready = True
        return True

    async def healthy(self) -> bool:
        return self.ready and await self._backend.ready()

    def get_input_types(self) -> list[dict[str, Any]]:
        return [{"name": "query", "datatype": "BYTES", "shape": [-1]}]

    def get_output_types(self) -> list[dict[str, Any]]:
        return [{"name": name, "datatype": datatype, "shape": [-1, -1]} for name, datatype in _OUTPUTS.items()]

    def validate(self, payload: Any) -> Any:
        return payload  # predict() does, and names the field

    async def predict(self, payload: Union[dict[str, Any], InferRequest], headers: Optional[dict[str, str]] = None,
                      response_headers: Optional[dict[str, str]] = None) -> Union[dict[str, Any], InferResponse]:
        return await (self._v2(payload) if isinstance(payload, InferRequest) else self._v1(payload))

    async def _draw(self, requests: list[tuple[str, Params]]) -> list[list[Drawn]]:
        images = sum(params.images_to_gen for _, params in requests)
        if images > self._max_images:
            raise Failure(400, f"instances: images_to_gen is {images} for all together, expected at most {self._max_images}")
        return list(await asyncio.gather(*(self._backend.draw(query, params) for query, params in requests)))

    # ---- V1 ------------------------------------------------------------------------------------------------------------

    async def _v1(self, payload: object) -> dict[str, Any]:
        requests = [self._instance(f"instances[{index}]", instance) for index, instance in enumerate(_instances(payload))]
        drawn = await self._draw(requests)
        answers = [_prediction(pictures, params.details) for pictures, (_, params) in zip(drawn, requests)]
        return answers[0] if len(answers) == 1 else {"ok": True, "predictions": answers}

    def _instance(self, where: str, instance: object) -> tuple[str, Params]:
        if not isinstance(instance, Mapping):
            raise bad(where, instance, "an object")
        known(where, instance, ("query", "params"))
        if "query" not in instance:
            raise Failure(400, f"{where}.query: is missing, expected a string")
        return (query_of(f"{where}.query", instance["query"]),
                Params.of(f"{where}.params", {} if instance.get("params") is None else instance["params"], self._max_images))

    # ---- V2 ------------------------------------------------------------------------------------------------------------

    async def _v2(self, request: InferRequest) -> InferResponse:
        given = dict(request.parameters or {})
        given.pop("binary_data_output", None)
        for name in ("details", "image_prompt", "preview_every"):
            if name in given:
                raise Failure(400, f"parameters: {name} is a parameter of V1 alone")
        params = Params.of("parameters", given, self._max_images)
        drawn = await self._draw([(query, params) for query in _queries(request)])
        wanted = request.request_outputs or []
        ranked = all(picture.clip_score is not None for pictures in drawn for picture in pictures)
        names = [output.name for output in wanted] or ["images", *(["clip_scores"] if ranked else [])]
        binary = {output.name: output.binary_data for output in wanted}
        outputs = []
        for name in names:
            if name not in _OUTPUTS:
                raise Failure(400, f"outputs: {name!r} is not one of {', '.join(_OUTPUTS)}")
            use_binary = bool(request.use_binary_outputs if binary.get(name) is None else binary[name])
            outputs.append(_tensor(name, drawn, params.format, use_binary))
        for output in wanted:  # to_rest() looks there
            output.parameters = {"binary_data": bool(request.use_binary_outputs if output.binary_data is None else output.binary_data)}
        return InferResponse(request.id or str(uuid.uuid4()), self.name, outputs, model_version="1",
                             use_binary_outputs=request.use_binary_outputs, requested_outputs=wanted)


def _instances(payload: object) -> list[object]:
    if isinstance(payload, bytes):  # another Content-Type than JSON's
        try:
            payload = orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            raise Failure(400, f"the body is not JSON: {error}") from None
    if not isinstance(payload, Mapping) or not isinstance(payload.get("instances"), list) or not payload["instances"]:
        raise Failure(400, "instances: is missing, expected a list of objects with query and params")
    known("body", payload, ("instances",))
    return list(payload["instances"])


def _prediction(pictures: list[Drawn], details: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "ok": True,
        "images": [base64.b64encode(picture.file).decode("ascii") for picture in pictures],
        "clip_scores": [picture.clip_score for picture in pictures if picture.clip_score is not None],
    }
    if details:
        answer.update(ppl=[picture.ppl for picture in pictures], seeds=[picture.seed for picture in pictures],
                      numbers=[picture.number for picture in pictures])
    return answer


def _queries(request: InferRequest) -> list[str]:
    if len(request.inputs) != 1 or request.inputs[0].name != "query":
        raise Failure(400, "inputs: expected one, named query")
    tensor = request.inputs[0]
    if tensor.datatype != "BYTES":
        raise bad("inputs[0].datatype", tensor.datatype, "BYTES")
    values = tensor.data if tensor.data is not None else tensor.as_numpy().reshape(-1).tolist()
    shape = list(tensor.shape)
    if shape not in ([len(values)], [len(values), 1]) or not values:
        raise Failure(400, f"inputs[0].shape: {shape} does not fit {len(values)} queries")
    queries = []
    for index, value in enumerate(values):
        where = f"inputs[0].data[{index}]"
        if isinstance(value, bytes):
            try:
                value = value.decode("utf-8")
            except UnicodeDecodeError:
                raise Failure(400, f"{where}: is not valid UTF-8") from None
        queries.append(query_of(where, value))
    return queries


def _tensor(name: str, drawn: list[list[Drawn]], format: str, binary: bool) -> InferOutput:
    rows: list[list[Any]]
    if name == "images":
        rows = [[picture.file if binary else base64.b64encode(picture.file) for picture in pictures] for pictures in drawn]
    else:
        field = {"clip_scores": "clip_score", "seeds": "seed", "numbers": "number"}.get(name, name)
        rows = [[getattr(picture, field) for picture in pictures] for pictures in drawn]
        if any(value is None for row in rows for value in row):
            raise Failure(400, "outputs: clip_scores are not there: the model has no ruCLIP")
    dtype = {"BYTES": np.object_, "FP32": np.float32, "FP64": np.float64, "UINT64": np.uint64, "INT32": np.int32}
    values = np.array(rows, dtype=dtype[_OUTPUTS[name]])
    parameters = {"content_type": f"image/{format}", **({} if binary else {"encoding": "base64"})} if name == "images" else {}
    output = InferOutput(name, list(values.shape), _OUTPUTS[name], parameters=parameters)
    output.set_data_from_numpy(values, binary_data=binary)
    return output
