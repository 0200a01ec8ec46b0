import gc
import os
from pathlib import Path

import pytest

import kandinsky

MODEL = Path(os.environ["KANDINSKY_TEST_MODEL"])


@pytest.fixture(scope="session")
def model() -> Path:
    return MODEL


@pytest.fixture(scope="session")
def pipeline(model):
    with kandinsky.Pipeline(model, threads=1) as pipeline:  # other tests run beside these
        yield pipeline
    assert pipeline.closed


@pytest.fixture(scope="session")
def pictures(pipeline):
    """Drawn once; nobody changes them."""
    return pipeline.generate("красное сердце на синем фоне", images=3, pick=2, seed=7)


@pytest.fixture(autouse=True)
def no_garbage():
    """Every test leaves its objects to the collector, in whatever order it takes them."""
    yield
    gc.collect()
