"""KServe's own clients against kandinsky-server, and against the Python model class under KServe's ModelServer: over the
binding, and over a kandinsky-server. The answers are the same."""
from __future__ import annotations

import asyncio
import base64
import io
import json
from typing import Any, Awaitable, Callable, Iterator

import httpx
import numpy as np
import PIL.Image
import pytest
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.protocol.infer_type import RequestedOutput

import servers

HEART = "красное сердце на синем фоне"
FOX = "лиса на фиолетовом фоне"
SMALL = {"images_to_gen": 2, "images_to_cherry_pick": 1, "seed": 7, "format": "png", "super_res": False}


@pytest.fixture(scope="module", params=["native", "python over the binding", "python over HTTP"])
def url(request: pytest.FixtureRequest, native: servers.Native) -> Iterator[str]:
    if request.param == "native":
        yield native.url
    elif request.param == "python over HTTP":
        with servers.kserve_model_server("--server", native.url) as address:
            yield address
    elif not servers.BINDING.is_dir():
        pytest.skip("there is no Python binding")
    else:
        with servers.kserve_model_server("--model_dir", str(servers.MODEL)) as address:
            yield address


def ask(protocol: str, body: Callable[[InferenceRESTClient], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with InferenceRESTClient(RESTConfig(protocol=protocol, timeout=120)) as client:
            return await body(client)

    return asyncio.run(run())


def predict(url: str, *instances: dict[str, Any]) -> dict[str, Any]:
    return dict(ask("v1", lambda client: client.infer(url, {"instances": list(instances)}, model_name="kandinsky")))


def failure(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(httpx.HTTPStatusError) as raised:
        call()
    return raised.value.response.status_code, str(raised.value)


def pixels(picture: str | bytes) -> np.ndarray:
    file = base64.b64decode(picture) if isinstance(picture, str) else picture
    return np.asarray(PIL.Image.open(io.BytesIO(file)))


def infer_request(*queries: str, outputs: list[RequestedOutput] | None = None, binary: bool = False, **parameters: Any) -> InferRequest:
    tensor = InferInput("query", [len(queries)], "BYTES")
    tensor.set_data_from_numpy(np.array([query.encode() for query in queries], dtype=np.object_), binary_data=binary)
    return InferRequest("kandinsky", [tensor], request_id="of mine", parameters={**SMALL, **parameters}, request_outputs=outputs)


def infer(url: str, request: InferRequest) -> Any:
    return ask("v2", lambda client: client.infer(url, request, model_name="kandinsky"))


def test_health(url: str) -> None:
    assert ask("v1", lambda client: client.is_server_live(url)) is True
    assert ask("v2", lambda client: client.is_server_live(url)) is True
    assert ask("v2", lambda client: client.is_server_ready(url)) is True
    for protocol in ("v1", "v2"):
        assert ask(protocol, lambda client: client.is_model_ready(url, "kandinsky")) is True
    assert ask("v2", lambda client: client.is_model_ready(url, "malevich")) is False


def test_metadata(url: str) -> None:
    model = httpx.get(f"{url}/v2/models/kandinsky").json()
    assert model["name"] == "kandinsky"
    assert [tensor["name"] for tensor in model["inputs"]] == ["query"]
    assert {tensor["name"]: tensor["datatype"] for tensor in model["outputs"]}.items() >= {
        "images": "BYTES", "clip_scores": "FP32"}.items()
    assert httpx.get(f"{url}/v1/models").json() == {"models": ["kandinsky"]}


def test_v1_answers_as_the_original_did(url: str) -> None:
    answer = predict(url, {"query": HEART, "params": {"images_to_gen": 3, "images_to_cherry_pick": 2, "top_k": 512, "top_p": 0.95, "super_res": True}})
    assert set(answer) == {"ok", "images", "clip_scores"}
    assert answer["ok"] is True
    assert len(answer["images"]) == len(answer["clip_scores"]) == 2
    assert answer["clip_scores"] == sorted(answer["clip_scores"], reverse=True)
    for picture in answer["images"]:
        image = PIL.Image.open(io.BytesIO(base64.b64decode(picture)))
        assert (image.format, image.size) == ("JPEG", (512, 512))


def test_v1_defaults(url: str) -> None:
    answer = predict(url, {"query": FOX, "params": {"super_res": False, "details": True}})
    assert len(answer["images"]) == len(answer["ppl"]) == len(set(answer["numbers"])) == 4
    assert set(answer["numbers"]) <= set(range(8))
    assert len(set(answer["seeds"])) == 1


def test_v1_several_instances_have_their_own_params(url: str) -> None:
    two = predict(url, {"query": HEART, "params": {**SMALL, "details": True}},
                  {"query": FOX, "params": {**SMALL, "images_to_gen": 3, "seed": 8, "details": True}})
    assert two["ok"] is True and len(two["predictions"]) == 2
    heart, fox = two["predictions"]
    assert (heart["seeds"], fox["seeds"]) == ([7], [8])
    alone = predict(url, {"query": FOX, "params": {**SMALL, "images_to_gen": 3.0, "seed": 8.0}})  # whole numbers, too
    np.testing.assert_array_equal(pixels(alone["images"][0]), pixels(fox["images"][0]))


def test_pictures_are_those_of_the_native_server(url: str, native: servers.Native) -> None:
    instance = {"query": HEART, "params": {**SMALL, "details": True}}
    here, there = predict(url, instance), predict(native.url, instance)
    np.testing.assert_array_equal(pixels(here["images"][0]), pixels(there["images"][0]))
    assert here["numbers"] == there["numbers"] and here["seeds"] == there["seeds"] == [7]
    assert here["clip_scores"] == pytest.approx(there["clip_scores"], abs=1e-5)
    assert here["ppl"] == pytest.approx(there["ppl"], rel=1e-5)


def test_v1_image_prompt(url: str, native: servers.Native) -> None:
    first = predict(native.url, {"query": HEART, "params": SMALL})["images"][0]
    prompt = {"image": first, "up": 8}
    answer = predict(url, {"query": HEART, "params": {**SMALL, "seed": 9, "image_prompt": prompt}})
    again = predict(native.url, {"query": HEART, "params": {**SMALL, "seed": 9, "image_prompt": prompt}})
    drawn = pixels(answer["images"][0])
    np.testing.assert_array_equal(drawn, pixels(again["images"][0]))
    assert np.abs(drawn[:40].astype(int) - pixels(first)[:40]).mean() < 20  # the top was kept
    assert not np.array_equal(drawn, pixels(first))


@pytest.mark.parametrize("params, field", [
    ({"images_to_gen": 0}, "instances[0].params.images_to_gen"),
    ({"images_to_gen": 1 << 40}, "instances[0].params.images_to_gen"),
    ({"images_to_gen": 2.5}, "instances[0].params.images_to_gen"),
    ({"images_to_gen": "8"}, "instances[0].params.images_to_gen"),
    ({"images_to_gen": 2, "images_to_cherry_pick": 3}, "instances[0].params.images_to_cherry_pick"),
    ({"top_p": 0}, "instances[0].params.top_p"),
    ({"top_k": -1}, "instances[0].params.top_k"),
    ({"temperature": 0}, "instances[0].params.temperature"),
    ({"seed": -1}, "instances[0].params.seed"),
    ({"super_res": 1}, "instances[0].params.super_res"),
    ({"format": "gif"}, "instances[0].params.format"),
    ({"quality": 101}, "instances[0].params.quality"),
    ({"colour": "red"}, "instances[0].params: unknown field \"colour\""),
    ({"image_prompt": {"image": "!", "up": 1}}, "instances[0].params.image_prompt.image"),
])
def test_v1_bad_params_name_the_field(url: str, params: dict[str, Any], field: str) -> None:
    status, message = failure(lambda: predict(url, {"query": HEART, "params": params}))
    assert status == 400
    assert message.startswith(field), message


def test_v1_failures_are_the_originals(url: str) -> None:
    answer = httpx.post(f"{url}/v1/models/kandinsky:predict", json={"instances": [{}]})
    assert answer.status_code == 400
    assert answer.json() == {"ok": False, "error": "instances[0].query: is missing, expected a string"}
    assert httpx.post(f"{url}/v1/models/malevich:predict", json={"instances": [{"query": HEART}]}).status_code == 404
    assert failure(lambda: predict(url))[0] == 400
    assert httpx.post(f"{url}/v1/models/kandinsky:predict", content=b"{").status_code == 400


def test_v2_infer(url: str) -> None:
    answer = infer(url, infer_request(HEART, FOX))
    assert (answer.model_name, answer.id) == ("kandinsky", "of mine")
    images, scores = answer.get_output_by_name("images"), answer.get_output_by_name("clip_scores")
    assert (images.datatype, images.shape) == ("BYTES", [2, 1])
    assert (scores.datatype, scores.shape) == ("FP32", [2, 1])
    alone = predict(url, {"query": FOX, "params": SMALL})
    np.testing.assert_array_equal(pixels(images.data[1]), pixels(alone["images"][0]))
    assert scores.data[1] == pytest.approx(alone["clip_scores"][0], abs=1e-6)


def test_v2_binary_input_and_requested_outputs(url: str) -> None:
    outputs = [RequestedOutput("clip_scores", {"binary_data": True}), RequestedOutput("seeds", {"binary_data": True}),
               RequestedOutput("numbers"), RequestedOutput("ppl", {"binary_data": True})]
    answer = infer(url, infer_request(HEART, FOX, outputs=outputs, binary=True, images_to_cherry_pick=2))
    assert [(output.name, output.datatype, output.shape) for output in answer.outputs] == [
        ("clip_scores", "FP32", [2, 2]), ("seeds", "UINT64", [2, 2]), ("numbers", "INT32", [2, 2]), ("ppl", "FP64", [2, 2])]
    assert answer.get_output_by_name("seeds").data == [7, 7, 7, 7]
    assert sorted(answer.get_output_by_name("numbers").data) == [0, 0, 1, 1]
    plain = infer(url, infer_request(HEART, FOX, images_to_cherry_pick=2))
    assert answer.get_output_by_name("clip_scores").data == pytest.approx(plain.get_output_by_name("clip_scores").data, abs=1e-6)


def test_v2_null_is_as_if_it_were_not_there(url: str) -> None:
    body = {**infer_request(HEART, images_to_cherry_pick=1).to_rest()[0], "outputs": [{"name": "seeds", "parameters": None}]}
    for request in (body, {**body, "parameters": None}):
        answer = httpx.post(f"{url}/v2/models/kandinsky/infer", json=request, timeout=120)
        assert answer.status_code == 200, answer.text
        assert [output["name"] for output in answer.json()["outputs"]] == ["seeds"]


def test_v2_binary_pictures_are_files(url: str) -> None:
    # Read by hand: KServe's client takes binary BYTES for text.
    body = infer_request(HEART, binary_data_output=True, format="jpeg").to_rest()[0]
    answer = httpx.post(f"{url}/v2/models/kandinsky/infer", json=body, timeout=120)
    assert answer.status_code == 200, answer.text
    length = int(answer.headers["Inference-Header-Content-Length"])
    outputs = json.loads(answer.content[:length])["outputs"]
    assert [output["name"] for output in outputs] == ["images", "clip_scores"]
    size = outputs[0]["parameters"]["binary_data_size"]
    element = answer.content[length:length + size]
    assert int.from_bytes(element[:4], "little") == size - 4
    assert PIL.Image.open(io.BytesIO(element[4:])).format == "JPEG"
    assert len(answer.content) == length + size + outputs[1]["parameters"]["binary_data_size"]


def test_v2_errors(url: str) -> None:
    status, message = failure(lambda: infer(url, infer_request(HEART, images_to_gen=0)))
    assert status == 400 and message.startswith("parameters.images_to_gen"), message
    wrong = InferRequest("kandinsky", [InferInput("prompt", [1], "BYTES", data=[HEART])])
    assert failure(lambda: infer(url, wrong))[0] == 400
    assert failure(lambda: ask("v2", lambda client: client.infer(url, infer_request(HEART), model_name="malevich")))[0] == 404


def test_deadline(url: str) -> None:
    status, message = failure(lambda: predict(url, {"query": HEART, "params": {**SMALL, "images_to_gen": 64, "timeout": 0.05}}))
    assert status == 504, message
    assert predict(url, {"query": HEART, "params": SMALL})["ok"] is True  # the model is free again
