#!/usr/bin/env python3
"""Load on a kandinsky-server that this script starts: mixed requests (right, wrong, slow, disconnecting, too large), each
answer compared with what the server answered to the same request alone; then throughput of 8 clients against one.

    bench/serving_load.py --server build/bin/kandinsky-server --model models/emojich-nano

Needs nothing but Python 3.11. Exits with 1 if an answer was wrong, a request stayed behind in the server, or its memory
grew beyond --memory-growth."""
from __future__ import annotations

import argparse
import asyncio
import base64
import collections
import contextlib
import dataclasses
import json
import pathlib
import random
import signal
import statistics
import sys
import tempfile
import time
from typing import Any, AsyncIterator, Awaitable, Callable, Optional

PROMPTS = ["красное сердце на синем фоне", "лиса на фиолетовом фоне", "панда на зеленом фоне", "", "Ёжик 🦔 в тумане"]
PREDICT = "/v1/models/kandinsky:predict"
STREAM = "/v1/models/kandinsky:stream"
INFER = "/v2/models/kandinsky/infer"
MAX_BODY = 1 << 20


class Wrong(Exception):
    """An answer that should have been another."""


@dataclasses.dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    if headers.get("transfer-encoding", "") == "chunked":
        body = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    elif "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    else:
        body = await reader.read()
    return Answer(int(head[0].split()[1]), headers, body)


def request_bytes(path: str, body: bytes, headers: Optional[dict[str, str]] = None, method: str = "POST") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}", "Connection: close",
             *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Server:
    def __init__(self, port: int, process: asyncio.subprocess.Process, log: pathlib.Path) -> None:
        self.port = port
        self.process = process
        self.log = log

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 24)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def ask(self, path: str, body: bytes = b"", method: str = "POST", headers: Optional[dict[str, str]] = None) -> Answer:
        async with self.connection() as (reader, writer):
            writer.write(request_bytes(path, body, headers, method))
            with contextlib.suppress(ConnectionError):  # it may answer, and stop reading, before all is sent
                await writer.drain()
            return await read_answer(reader)

    async def metrics(self) -> dict[str, float]:
        text = (await self.ask("/metrics", method="GET")).body.decode()
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))}


@contextlib.asynccontextmanager
async def running(program: str, model: str, *options: str) -> AsyncIterator[Server]:
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        with log.open("wb") as file:
            process = await asyncio.create_subprocess_exec(program, "--model", model, "--port", "0", "--max-body", str(MAX_BODY),
                                                           *options, stdout=file, stderr=file)
        try:
            server = Server(await _port(process, log), process, log)
            while (await server.ask("/v2/health/ready", method="GET")).status != 200:
                await asyncio.sleep(0.1)
            yield server
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 60)


async def _port(process: asyncio.subprocess.Process, log: pathlib.Path) -> int:
    for _ in range(400):
        for line in log.read_text().splitlines():
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event.get("event") == "listening":
                    return int(event["port"])
        if process.returncode is not None:
            break
        await asyncio.sleep(0.05)
    sys.exit(f"the server does not listen:\n{log.read_text()}")


# ---- Requests ----------------------------------------------------------------------------------------------------------

@dataclasses.dataclass(frozen=True)
class Case:
    """A right request: a prompt with its params."""

    query: str
    params: tuple[tuple[str, Any], ...]

    def instance(self, **more: Any) -> dict[str, Any]:
        return {"query": self.query, "params": {**dict(self.params), **more}}

    def body(self, **more: Any) -> bytes:
        return json.dumps({"instances": [self.instance(**more)]}).encode()


def make_cases(count: int, chance: random.Random) -> list[Case]:
    cases = []
    for number in range(count):
        images = chance.choice([1, 1, 1, 2])
        cases.append(Case(chance.choice(PROMPTS), tuple({
            "images_to_gen": images, "images_to_cherry_pick": chance.randint(1, images), "seed": 1000 + number,
            "top_k": chance.choice([1, 64, 512, 0]), "top_p": chance.choice([0.5, 0.95, 1]), "temperature": chance.choice([0.7, 1, 1.3]),
            "super_res": number % 8 == 0, "format": chance.choice(["jpeg", "png"]), "details": True}.items())))
    return cases


def check(what: str, got: Any, expected: Any) -> None:
    if got != expected:
        def short(value: Any) -> str:
            return repr(value)[:300]
        raise Wrong(f"{what}: {short(got)}, expected {short(expected)}")


class Mixed:
    """The kinds of requests. `expected`: what the server answered to each case alone."""

    def __init__(self, server: Server, chance: random.Random, expected: dict[Case, dict[str, Any]]) -> None:
        self.server = server
        self.chance = chance
        self.expected = expected
        self.cases = list(expected)

    def case(self) -> Case:
        return self.chance.choice(self.cases)

    async def predict(self) -> None:
        case = self.case()
        answer = await self.server.ask(PREDICT, case.body())
        check("status", answer.status, 200)
        check("answer", answer.json(), self.expected[case])

    async def several(self) -> None:
        cases = [self.case() for _ in range(self.chance.randint(2, 3))]
        answer = await self.server.ask(PREDICT, json.dumps({"instances": [case.instance() for case in cases]}).encode())
        check("status", answer.status, 200)
        check("answer", answer.json(), {"ok": True, "predictions": [self.expected[case] for case in cases]})

    async def stream(self) -> None:
        case = self.case()
        answer = await self.server.ask(STREAM, case.body(preview_every=64))
        check("status", answer.status, 200)
        events = [(dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and not line.startswith(":")))
                  for block in answer.body.decode().split("\n\n") if "event:" in block]
        check("first and last event", (events[0]["event"], events[-1]["event"]), ("queued", "done"))
        pictures = [json.loads(event["data"]) for event in events if event["event"] == "picture"]
        check("pictures", [picture["image"] for picture in pictures], self.expected[case]["images"])

    async def infer(self) -> None:
        case = self.case()
        parameters = dict(case.params)
        del parameters["details"]
        body = {"inputs": [{"name": "query", "datatype": "BYTES", "shape": [1], "data": [case.query]}], "parameters": parameters,
                "outputs": [{"name": "images", "parameters": {"binary_data": True}}, {"name": "seeds"}]}
        answer = await self.server.ask(INFER, json.dumps(body).encode())
        check("status", answer.status, 200)
        binary = answer.body[int(answer.headers["inference-header-content-length"]):]
        files = []
        while binary:
            size = int.from_bytes(binary[:4], "little")
            files.append(base64.b64encode(binary[4:4 + size]).decode())
            binary = binary[4 + size:]
        check("pictures", files, self.expected[case]["images"])

    async def wrong(self) -> None:
        def instances(*given: Any) -> bytes:
            return json.dumps({"instances": list(given)}).encode()
        path, body, status = self.chance.choice([
            (PREDICT, b"", 400), (PREDICT, b"{", 400), (PREDICT, b"[" * 5000, 400), (PREDICT, b"null", 400), (PREDICT, b"{}", 400),
            (PREDICT, b'{"instances":[{"query":"\xff\xfe"}]}', 400), (PREDICT, b'{"instances":[{"query":"\\ud800"}]}', 400),
            (PREDICT, instances(), 400), (PREDICT, instances(7), 400), (PREDICT, instances({"query": 7}), 400),
            (PREDICT, instances({"query": "x" * 9000}), 400),
            *((PREDICT, instances({"query": "x", "params": params}), 400) for params in (
                {"images_to_gen": 0}, {"images_to_gen": -1}, {"images_to_gen": 1 << 70}, {"images_to_gen": 1.5}, {"images_to_gen": True},
                {"images_to_gen": 2, "images_to_cherry_pick": 3}, {"top_p": 0}, {"top_p": 1e400}, {"temperature": "hot"}, {"nothing": 1},
                {"image_prompt": {"image": "AAAA", "up": 1}}, {"seed": 1 << 64})),
            (STREAM, instances({"query": "x"}, {"query": "y"}), 400), (INFER, b'{"inputs":[]}', 400),
            ("/v1/models/other:predict", instances({"query": "x"}), 404), ("/nowhere", b"", 404), ("/v1/models", b"", 405)])
        answer = await self.server.ask(path, body)
        check(f"status of {path} {body[:80]!r}", answer.status, status)
        if not answer.json().get("error"):
            raise Wrong(f"no error text: {answer.body[:200]!r}")

    async def not_http(self) -> None:
        async with self.server.connection() as (reader, writer):
            writer.write(self.chance.choice([b"\0" * 100, b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n"]))
            with contextlib.suppress(ConnectionError):
                head = await reader.read(12)
                check("status", head[:10] in (b"", b"HTTP/1.1 4"), True)

    async def too_large(self) -> None:
        answer = await self.server.ask(PREDICT, b" " * (MAX_BODY + 1))
        check("status", answer.status, 413)

    async def slow(self) -> None:
        case = self.case()
        data = request_bytes(PREDICT, case.body())
        async with self.server.connection() as (reader, writer):
            for start in range(0, len(data), len(data) // 8 + 1):
                writer.write(data[start:start + len(data) // 8 + 1])
                await writer.drain()
                await asyncio.sleep(0.15)
            answer = await read_answer(reader)
        check("status", answer.status, 200)
        check("answer", answer.json(), self.expected[case])

    async def disconnects(self) -> None:
        """Sends a request, or a part of it, and is gone: before, while or after it is worked on."""
        path = self.chance.choice([PREDICT, STREAM, INFER])
        data = request_bytes(path, self.case().body(images_to_gen=4))
        async with self.server.connection() as (_, writer):
            writer.write(data[:self.chance.randint(1, len(data))] if self.chance.random() < 0.3 else data)
            await writer.drain()
            await asyncio.sleep(self.chance.random() * 0.6)
            if self.chance.random() < 0.5:
                writer.transport.abort()

    def kinds(self) -> list[tuple[Callable[[], Awaitable[None]], int]]:
        return [(self.predict, 46), (self.several, 4), (self.stream, 8), (self.infer, 8), (self.wrong, 14), (self.not_http, 3),
                (self.too_large, 3), (self.slow, 5), (self.disconnects, 9)]


# ---- Runs --------------------------------------------------------------------------------------------------------------

async def workers(count: int, jobs: list[Any], body: Callable[[Any], Awaitable[None]]) -> None:
    queue = list(reversed(jobs))

    async def worker() -> None:
        while queue:
            await body(queue.pop())

    await asyncio.gather(*(worker() for _ in range(count)))


async def empty(server: Server) -> dict[str, float]:
    """Waits until the server works on nothing; its metrics then."""
    metrics: dict[str, float] = {}
    for _ in range(200):
        metrics = await server.metrics()
        if metrics["kandinsky_slots_active"] == 0 and metrics["kandinsky_queue_length"] == 0 and metrics["kandinsky_connections"] <= 1:
            break
        await asyncio.sleep(0.1)
    return metrics


def megabytes(metrics: dict[str, float]) -> float:
    return metrics["kandinsky_process_resident_memory_bytes"] / 1e6


async def mixed(options: argparse.Namespace) -> bool:
    chance = random.Random(options.seed)
    wrong: list[str] = []
    counts: collections.Counter[str] = collections.Counter()
    async with running(options.server, options.model) as server:
        expected = {}
        for case in make_cases(options.cases, chance):
            answer = await server.ask(PREDICT, case.body())
            if answer.status != 200:
                sys.exit(f"{case}: {answer.status} {answer.body[:300]!r}")
            expected[case] = answer.json()
        requests = Mixed(server, chance, expected)
        kinds, weights = zip(*requests.kinds())
        jobs = chance.choices(kinds, weights, k=options.requests)

        async def one(kind: Callable[[], Awaitable[None]]) -> None:
            counts[kind.__name__] += 1
            try:
                await asyncio.wait_for(kind(), 120)
            except Exception as error:
                wrong.append(f"{kind.__name__}: {type(error).__name__}: {error}")

        started = time.monotonic()
        quarter = len(jobs) // 4
        await workers(options.clients, jobs[:quarter], one)
        before = megabytes(await empty(server))
        await workers(options.clients, jobs[quarter:], one)
        seconds = time.monotonic() - started
        metrics = await empty(server)
        after = megabytes(metrics)
        again = await server.ask(PREDICT, requests.cases[0].body())
        check("an answer afterwards", again.json(), expected[requests.cases[0]])
        failures = [line for line in server.log.read_text().splitlines() if '"failure"' in line]
    left = {name: metrics[f"kandinsky_{name}"] for name in ("slots_active", "queue_length", "connections")}
    rows = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    print(f"mixed load: {len(jobs)} requests of {options.clients} clients in {seconds:.1f} s ({rows})")
    print(f"  wrong answers: {len(wrong)}   failures in the log: {len(failures)}   exit code: {server.process.returncode}")
    print(f"  left behind: {left['slots_active']:.0f} slots, {left['queue_length']:.0f} queued, {left['connections'] - 1:.0f} connections")
    print(f"  memory: {before:.0f} MB after a quarter, {after:.0f} MB at the end")
    for line in (wrong + failures)[:20]:
        print("  " + line[:400])
    return (not wrong and not failures and server.process.returncode == 0 and after - before <= options.memory_growth
            and left["slots_active"] == left["queue_length"] == 0 and left["connections"] <= 1)


async def work_seconds(server: Server) -> float:
    """What the server spent on pictures since its start."""
    return sum(value for name, value in (await server.metrics()).items()
               if name.startswith("kandinsky_stage_seconds_sum") and 'stage="waiting"' not in name)


async def throughput(options: argparse.Namespace) -> bool:
    rates = {}
    async with running(options.server, options.model) as server:
        for clients in (1, 8):
            times: list[float] = []

            async def one(number: int) -> None:
                started = time.monotonic()
                case = Case(PROMPTS[number % 3], (("images_to_gen", 1), ("images_to_cherry_pick", 1), ("super_res", False), ("seed", number)))
                answer = await server.ask(PREDICT, case.body())
                check("status", answer.status, 200)
                times.append(time.monotonic() - started)

            await workers(clients, list(range(clients)), one)  # warms up
            times.clear()
            worked = await work_seconds(server)
            started = time.monotonic()
            await workers(clients, list(range(options.pictures)), one)
            seconds = time.monotonic() - started
            worked = await work_seconds(server) - worked
            rates[clients] = options.pictures / seconds
            cuts = statistics.quantiles(times, n=100)
            print(f"throughput: {clients} client{'s' if clients > 1 else ' '} {rates[clients]:6.2f} pictures/s   latency p50 {cuts[49] * 1e3:.0f} ms, "
                  f"p95 {cuts[94] * 1e3:.0f} ms, p99 {cuts[98] * 1e3:.0f} ms")
            if clients == 1:
                print(f"  of which not drawing, decoding, ranking or encoding: {(sum(times) - worked) / len(times) * 1e3:.2f} ms a request")
    print(f"  8 clients against one at a time: {rates[8] / rates[1]:.2f}x")
    return True


async def run(options: argparse.Namespace) -> bool:
    good = await mixed(options) if options.requests else True
    return (await throughput(options) if options.pictures else True) and good


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", default="build/bin/kandinsky-server")
    parser.add_argument("--model", default="models/emojich-nano")
    parser.add_argument("--requests", type=int, default=2000, help="mixed ones; 0: leave them out (default: %(default)s)")
    parser.add_argument("--clients", type=int, default=16, help="at once (default: %(default)s)")
    parser.add_argument("--cases", type=int, default=24, help="different right requests (default: %(default)s)")
    parser.add_argument("--pictures", type=int, default=64, help="of each throughput run; 0: leave them out (default: %(default)s)")
    parser.add_argument("--memory-growth", type=float, default=64, help="MB from a quarter of the load to its end (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    sys.exit(0 if asyncio.run(run(parser.parse_args())) else 1)


if __name__ == "__main__":
    main()
