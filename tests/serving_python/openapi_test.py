"""schemathesis holds kandinsky-server against its OpenAPI description."""
from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import httpx
import pytest

import servers

FILE = servers.SOURCE / "apps" / "kandinsky-server" / "openapi.json"


def test_is_served_with_the_limits_of_this_server(native: servers.Native) -> None:
    served = httpx.get(f"{native.url}/openapi.json").json()
    written = json.loads(FILE.read_text(encoding="utf-8"))
    assert served["paths"].keys() == written["paths"].keys()
    params = served["components"]["schemas"]["Params"]["properties"]
    assert params["images_to_gen"]["maximum"] == 64 and params["timeout"]["maximum"] == 300
    prompt = served["components"]["schemas"]["ImagePrompt"]["properties"]
    assert prompt["up"]["maximum"] == 16  # the bundled model's grid


@pytest.mark.skipif("KANDINSKY_SCHEMATHESIS_EXAMPLES" not in os.environ,
                    reason="takes minutes: set KANDINSKY_SCHEMATHESIS_EXAMPLES, say to 25")
def test_schemathesis_finds_nothing(tmp_path: pathlib.Path) -> None:
    examples = os.environ["KANDINSKY_SCHEMATHESIS_EXAMPLES"]  # an operation; more for a longer search
    seed = os.environ.get("KANDINSKY_SCHEMATHESIS_SEED", "1")
    here = pathlib.Path(__file__).parent
    with servers.ready_native("--max-images", "2", "--timeout", "20", "--queue", "1000") as server:
        run = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "--config-file", str(here / "schemathesis.toml"), "run",
             f"{server.url}/openapi.json", "--max-examples", examples, "--seed", seed],
            env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": f"{here}{os.pathsep}{os.environ['PYTHONPATH']}"},
            cwd=tmp_path, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout[-20000:] + run.stderr[-4000:]
        metrics = server.metrics()
        assert metrics["kandinsky_slots_active"] == 0 and metrics["kandinsky_queue_length"] == 0
        assert sum(value for name, value in metrics.items()
                   if name.startswith("kandinsky_requests_total") and 'code="200"' in name and 'route="predict"' in name) > 3
        assert not [line for line in server.log.read_text().splitlines() if '"event":"failure"' in line.replace(" ", "")]
