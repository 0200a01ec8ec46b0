#!/usr/bin/env python3
"""Seconds from starting build/bin/kandinsky to the first image token, as a person at a terminal sees it."""
import os
import pty
import signal
import sys
import time

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
command = [os.path.join(root, "build/bin/kandinsky"), "generate", "--model", os.path.join(root, "models/emojich-nano"),
           "--prompt", "красное сердце на синем фоне", "--out", "/tmp/kandinsky-first-token", *sys.argv[1:]]


def once():
    start = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    seen = b""
    try:
        while b"drawing" not in seen:
            seen += os.read(terminal, 4096)
    except OSError:
        sys.exit(seen.decode(errors="replace"))
    taken = time.perf_counter() - start
    os.kill(child, signal.SIGINT)
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass
    os.waitpid(child, 0)
    os.close(terminal)
    return taken


times = sorted(once() for _ in range(5))
print(f"first token after {times[2]:.2f} s (median of 5; {times[0]:.2f} to {times[4]:.2f})")
