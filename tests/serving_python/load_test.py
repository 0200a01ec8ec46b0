"""A small run of bench/serving_load.py."""
from __future__ import annotations

import os
import subprocess
import sys

import servers


def test_mixed_load() -> None:
    run = subprocess.run([sys.executable, str(servers.SOURCE / "bench" / "serving_load.py"), "--server", os.environ["KANDINSKY_SERVER"],
                          "--model", str(servers.MODEL), "--requests", "150", "--cases", "8", "--pictures", "0"],
                         capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "wrong answers: 0" in run.stdout and "150 requests" in run.stdout
