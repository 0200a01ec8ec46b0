"""A small run of bench/serving_load.py."""
from __future__ import annotations

import os
import subprocess
import sys

import servers


def test_mixed_load() -> None:
    # Large blocks go back at once, so that what the server's memory shows is what it uses, not what its allocator keeps.
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "131072"}
    run = subprocess.run([sys.executable, str(servers.SOURCE / "bench" / "serving_load.py"), "--server", os.environ["KANDINSKY_SERVER"],
                          "--model", str(servers.MODEL), "--requests", "150", "--cases", "8", "--pictures", "0"],
                         capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "wrong answers: 0" in run.stdout and "150 requests" in run.stdout
