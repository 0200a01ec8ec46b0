import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pytest

import kandinsky

LONG = dict(images=64, batch=8, super_resolution=False)


def later(seconds, work):
    timer = threading.Timer(seconds, work)
    timer.start()
    return timer


@pytest.mark.parametrize("options", [
    {},
    {"progress": lambda progress: None},
    {"cancel": kandinsky.Cancel()},
    {"preview": lambda number, tokens, image: None, "preview_every": 32},
])
def test_ctrl_c(pipeline, options):
    pressed = []

    def press():
        pressed.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    later(0.3, press)
    with pytest.raises(KeyboardInterrupt):
        pipeline.generate("кот", **LONG, **options)
    assert time.monotonic() - pressed[0] < 2  # one token takes some milliseconds, on a machine that does other things too
    assert not options.get("cancel", kandinsky.Cancel()).triggered  # it is the caller's


def test_ctrl_c_while_a_model_loads(model):
    interrupted = 0
    for delay in range(12):
        try:
            timer = later(0.004 * delay, lambda: os.kill(os.getpid(), signal.SIGINT))
            loaded = kandinsky.Transformer(model / "rudalle_kandinsky.bin", threads=1)
            timer.join()
            time.sleep(1)  # where it is due, if loading was the faster
            del loaded
        except KeyboardInterrupt:
            interrupted += 1
    assert interrupted == 12  # none is lost
    assert all(thread.name != "kandinsky" for thread in threading.enumerate())


def test_other_signal_handlers(pipeline):
    class Stop(Exception):
        pass

    def handler(number, frame):
        raise Stop

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        later(0.2, lambda: os.kill(os.getpid(), signal.SIGUSR1))
        with pytest.raises(Stop):
            pipeline.generate("кот", **LONG)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_cancel_from_another_thread(pipeline):
    with kandinsky.Cancel() as cancel:
        later(0.2, cancel.trigger)
        with pytest.raises(kandinsky.CancelledError):
            pipeline.generate("кот", **LONG, cancel=cancel)
        assert cancel.triggered
        with pytest.raises(kandinsky.CancelledError):
            pipeline.transformer.draw([2] * 32, cancel=cancel)
        with pytest.raises(kandinsky.CancelledError):
            pipeline.real_esrgan.upscale(np.zeros((8, 8, 3), np.uint8), cancel=cancel)


def test_callbacks_stop_by_false_and_by_exceptions(pipeline):
    with pytest.raises(kandinsky.CancelledError):
        pipeline.generate("кот", **LONG, progress=lambda progress: progress.step < 3)
    with pytest.raises(kandinsky.CancelledError):
        pipeline.generate("кот", **LONG, preview=lambda number, tokens, image: False, preview_every=8)

    def fail(progress):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        pipeline.generate("кот", **LONG, progress=fail)
    errors = []

    def elsewhere():
        try:
            pipeline.generate("кот", **LONG, progress=fail)
        except LookupError as error:
            errors.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert errors == ["mine"]


def test_callbacks_are_forgotten(pipeline):
    class Callback:
        def __call__(self, progress):
            pass

    for fail in (False, True):
        callback = Callback()
        gone = weakref.ref(callback)
        gc.disable()
        try:
            options = dict(images=0) if fail else dict(images=1, super_resolution=False)
            try:
                pipeline.generate("кот", progress=callback, **options)
            except kandinsky.InvalidArgumentError:
                pass
            del callback
            assert gone() is None
        finally:
            gc.enable()


def test_callbacks_run_where_the_call_was_made(pipeline):
    def draw(seen):
        pipeline.generate("кот", images=1, pick=1, super_resolution=False,
                          progress=lambda progress: seen.append(threading.get_ident()))
        seen.append(threading.get_ident())

    here, there = [], []
    draw(here)
    thread = threading.Thread(target=draw, args=(there,))
    thread.start()
    thread.join()
    assert set(here) == {threading.get_ident()} and len(set(there)) == 1 and set(there) != set(here)


def test_threads_share_a_pipeline(pipeline):
    def draw(prompt, into):
        into[prompt] = pipeline.generate(prompt, images=2, seed=3, super_resolution=False)[0]

    alone, together = {}, {}
    prompts = ["красное сердце", "жёлтое солнце"]
    for prompt in prompts:
        draw(prompt, alone)
    threads = [threading.Thread(target=draw, args=(prompt, together)) for prompt in prompts]
    for thread in threads:
        thread.start()
    counted = 0  # the GIL is free
    while any(thread.is_alive() for thread in threads):
        counted += 1
        time.sleep(0.001)
    assert counted > 10
    for prompt in prompts:
        assert together[prompt].image.tobytes() == alone[prompt].image.tobytes()


def test_closing_while_another_thread_draws(model):
    pipeline = kandinsky.Pipeline(model, rank=False, super_resolution=False, threads=1)
    drawn = []
    started = threading.Event()
    thread = threading.Thread(target=lambda: drawn.extend(
        pipeline.generate("кот", images=2, progress=lambda progress: started.set())))
    thread.start()
    started.wait()
    pipeline.close()
    thread.join()
    assert len(drawn) == 2


def test_ctrl_c_in_a_script(model):
    """As a person meets it: a traceback, and the exit status of an interrupted program."""
    script = ("import sys, kandinsky\n"
              "pipeline = kandinsky.Pipeline(sys.argv[1], super_resolution=False)\n"
              "print('drawing', flush=True)\n"
              "pipeline.generate('кот', images=4096)\n")
    program = subprocess.Popen([sys.executable, "-c", script, str(model)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert program.stdout.readline() == b"drawing\n"
    time.sleep(0.3)
    program.send_signal(signal.SIGINT)
    _, errors = program.communicate(timeout=60)
    assert errors.decode().strip().endswith("KeyboardInterrupt") and program.returncode == -signal.SIGINT
