"""Long calls: progress, previews, cancelling, Ctrl-C.

Python runs signal handlers between bytecodes of the main thread, so Ctrl-C has no effect while that thread is inside the
library. Hence a long call from the main thread runs on a helper thread, and the main thread waits for it in a way that
signals interrupt; callbacks are handed over to it, so that they run where the call was made. On other threads, which
signals never reach, the call runs where it is. The GIL is free all the while but for the callbacks themselves.

(A Python callback on the main thread would be worse than useless: the first thing that Python does in it is to run the signal
handlers, and there is nobody to whom it could raise KeyboardInterrupt.)
"""
from __future__ import annotations

import ctypes
import queue
import threading
from typing import Any, Callable, Mapping, NamedTuple, Optional, Union

import PIL.Image

from ._arrays import Ids
from ._handle import Closeable, Owner, make
from ._library import lib
from ._structs import ProgressCallback, ProgressStruct

STAGES = ("drawing", "decoding", "ranking", "enlarging")


class Progress(NamedTuple):
    """How far a call is."""

    stage: str
    """"drawing", "decoding", "ranking" or "enlarging"."""
    step: int
    """Done: image tokens while drawing, pictures in the other stages."""
    steps: int
    """Of how many."""
    images: int
    """In work at this step."""
    number: int
    """Which of the drawn images: the one being enlarged; the first of those in work in other stages."""


OnProgress = Callable[[Progress], Optional[bool]]
"""Called after every token and every picture. Returning False cancels, an exception cancels and comes out of the call."""

OnPreview = Callable[[int, int, PIL.Image.Image], Optional[bool]]
"""preview(number, tokens, image): a picture as far as it is drawn; what is not drawn yet is grey. Cancels as above."""

OnTokens = Callable[[int, Ids], Optional[bool]]
"""preview(number, tokens): the ids of a picture that are drawn so far, in raster order. Cancels as above."""


class Watch(NamedTuple):
    """A callback of the caller's for a field of the options."""

    kind: Any
    """Of the C function."""
    callback: Optional[Callable[..., Optional[bool]]]
    convert: Callable[..., tuple[Any, ...]]
    """The C function's arguments without `user` to those of the callback. What they point to lives until it returns."""


def _progress(pointer: int) -> tuple[Progress]:
    now = ProgressStruct.from_address(pointer)
    stage = STAGES[now.stage] if 0 <= now.stage < len(STAGES) else str(now.stage)
    return Progress(stage, now.step, now.steps, now.images, now.number),


class Cancel(Closeable):
    """Stops the calls that were given it, once and for all, from any thread: later calls with it stop at once too."""

    def __init__(self) -> None:
        self._owner = make("cancel", lib.cancel_new)

    def trigger(self) -> None:
        lib.cancel_trigger(self._handle)

    @property
    def triggered(self) -> bool:
        return bool(lib.cancel_triggered(self._handle))


class _Question:
    """A callback that the main thread shall run."""

    def __init__(self, body: Callable[[], Any]) -> None:
        self.body = body
        self.answer = 1
        self.answered = threading.Event()


class _Run:
    def __init__(self, options: Any, watches: Mapping[str, Watch], cancel: Optional[Cancel]) -> None:
        self.stop = False
        self.failure: Optional[BaseException] = None  # of a callback or a signal handler
        self.error: Optional[BaseException] = None    # of the call
        self.finished = False
        self.main = threading.current_thread() is threading.main_thread()
        self.questions: queue.SimpleQueue[Optional[_Question]] = queue.SimpleQueue()
        # A cancel handle of the caller's is not ours to trigger: then Ctrl-C needs the progress callback.
        self.cancel = cancel._handle if cancel is not None else make("cancel", lib.cancel_new)
        self.own_cancel = cancel is None
        options.cancel = self.cancel.pointer
        # The options hold these as long as they live, and nothing here holds the options: no cycle.
        for field, watch in watches.items():
            if watch.callback is not None:
                setattr(options, field, watch.kind(self._asking(watch.callback, watch.convert)))
            elif field == "progress" and self.main and not self.own_cancel:
                options.progress = ProgressCallback(lambda _user, _progress: int(self.stop))

    def _asking(self, callback: Callable[..., Any], convert: Callable[..., tuple[Any, ...]]) -> Callable[..., int]:
        def ask(_user: Any, *values: Any) -> int:
            return 1 if self.stop else self._ask(lambda: callback(*convert(*values)))
        return ask

    def _ask(self, body: Callable[[], Any]) -> int:
        if not self.main:
            return self._answer(body)
        question = _Question(body)
        self.questions.put(question)
        while not question.answered.wait(0.1):
            if self.stop:  # the answer was interrupted
                return 1
        return question.answer

    def _answer(self, body: Callable[[], Any]) -> int:
        if self.stop:
            return 1
        try:
            self.stop = body() is False
        except BaseException as error:
            self._interrupt(error)
        return int(self.stop)

    def _interrupt(self, error: BaseException) -> None:
        self.stop = True
        if self.failure is None:
            self.failure = error
        if self.own_cancel:
            lib.cancel_trigger(self.cancel)

    def _work(self, invoke: Callable[[], None]) -> None:
        try:
            invoke()
        except BaseException as error:
            self.error = error
        finally:
            self.finished = True
            self.questions.put(None)

    def _serve(self) -> None:
        while not self.finished:
            try:
                question = self.questions.get()
                if question is not None:
                    question.answer = self._answer(question.body)
                    question.answered.set()
            except BaseException as error:  # KeyboardInterrupt, or what another signal handler raises
                self._interrupt(error)

    def run(self, invoke: Callable[[], None]) -> None:
        if self.main:
            worker = threading.Thread(target=self._work, args=(invoke,), name="kandinsky")
            try:
                worker.start()
                self._serve()
                worker.join()
            finally:
                if not self.finished:  # one more Ctrl-C, at the worst of times
                    self.stop = True
                    if self.own_cancel:
                        lib.cancel_trigger(self.cancel)
        else:
            self._work(invoke)
        failure, error = self.failure, self.error
        self.failure = self.error = None
        try:
            if failure is not None:
                raise failure
            if error is not None:
                raise error
        finally:
            del failure, error  # else they and this frame would hold each other, and the caller's callbacks with them


def run_making(kind: str, function: Callable[..., int], *arguments: Any, options: Any,
               progress: Optional[OnProgress] = None, cancel: Optional[Cancel] = None, **watches: Watch) -> Owner:
    """make(kind, function, *arguments, &options) that can be watched and stopped."""
    watches["progress"] = Watch(ProgressCallback, progress, _progress)
    for name, watch in watches.items():
        if watch.callback is not None and not callable(watch.callback):
            raise TypeError(f"{name} must be callable, not {type(watch.callback).__name__}")
    if cancel is not None and not isinstance(cancel, Cancel):
        raise TypeError(f"cancel must be a Cancel, not {type(cancel).__name__}")
    made: list[Owner] = []
    state = _Run(options, watches, cancel)
    state.run(lambda: made.append(make(kind, function, *arguments, ctypes.byref(options))))
    return made[0]


def load(kind: str, function: Callable[..., int], *arguments: Any, keep: Any = None) -> Owner:
    """make() of a model, which takes its time and logs. It cannot be stopped: Ctrl-C takes effect when it ends, and the model
    is released. (A second Ctrl-C does not wait for that.)"""
    if threading.current_thread() is not threading.main_thread():
        return make(kind, function, *arguments, keep=keep)
    results: queue.SimpleQueue[Union[Owner, BaseException]] = queue.SimpleQueue()
    unwanted = threading.Event()

    def work() -> None:
        try:
            owner = make(kind, function, *arguments, keep=keep)
            if not unwanted.is_set():
                results.put(owner)
        except BaseException as error:
            results.put(error)

    worker = threading.Thread(target=work, name="kandinsky")
    try:
        worker.start()
        result = results.get()
    except BaseException:
        unwanted.set()
        if worker.is_alive():
            worker.join()
        raise
    if isinstance(result, Owner):
        return result
    try:
        raise result
    finally:
        del result
