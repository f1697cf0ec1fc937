"""A node with a real zygote, for the tests of what trials do on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from shepherd_cases import BOXED, Node


@pytest.fixture(params=["none", BOXED])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path, request.param)
    yield node
    node.close()


@pytest.fixture
def open_node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path, "none")
    yield node
    node.close()
