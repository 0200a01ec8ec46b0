"""A small run of bench/serving_load.py."""
from __future__ import annotations

import os
import subprocess
import sys

import servers


def test_mixed_load() -> None:
    run = subprocess.run([sys.executable, str(servers.SOURCE / "bench" / "serving_load.py"), "--server", os.environ["KANDINSKY_SERVER"],
                          "--model", str(servers.MODEL), "--requests", "150", "--cases", "8", "--pictures", "0",
                          # A quarter of so few requests may come before the peak, some 150 MB above (600 MB, where long runs settle).
                          "--memory-growth", "192"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "wrong answers: 0" in run.stdout and "150 requests" in run.stdout
