from __future__ import annotations

from typing import Iterator

import pytest

import servers


@pytest.fixture(scope="module")
def native() -> Iterator[servers.Native]:
    with servers.ready_native() as server:
        yield server
