"""What has the shape of a key is taken out, wherever it stands, and no text makes that slow."""

from __future__ import annotations

import time

import pytest

from orgruntime.runtime.redaction import REDACTED, redacted

SECRET = "a1B2" * 8
SLOWEST_S = 10.0
"""For 5 MB, which takes half a second on a slow machine."""


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"KEY=sk-ant-{SECRET}, and on", f"KEY={REDACTED}, and on"),
        (f"ask-{SECRET}", f"ask-{SECRET}"),
        (f"ghp_{SECRET} github_pat_{SECRET}", f"{REDACTED} {REDACTED}"),
        (f"glpat-{SECRET}\nxoxb-{SECRET}\nhf_{SECRET}", f"{REDACTED}\n{REDACTED}\n{REDACTED}"),
        ("AKIA" + "A1" * 8, REDACTED),
        ("AKIA" + "A1" * 9, "AKIA" + "A1" * 9),
        (f"AIza{SECRET}", REDACTED),
        (f"eyJ{SECRET}.{SECRET}.{SECRET}", REDACTED),
        (f"Authorization: Bearer {SECRET}", f"Authorization: Bearer {REDACTED}"),
        (f"x-api-key: {SECRET} X-Api-Key: {SECRET}", f"x-api-key: {REDACTED} X-Api-Key: {REDACTED}"),
        (f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----.", f"{REDACTED}."),
        (f"x-api-key: -----BEGIN RSA PRIVATE KEY-----\n{SECRET}", f"x-api-key: {REDACTED}"),
        ("task-force, risk-averse, the ghost of a key: none", "task-force, risk-averse, the ghost of a key: none"),
    ],
)
def test_keys_go_and_the_rest_stays(text: str, left: str) -> None:
    assert redacted(text) == left


def test_what_is_known_may_stay() -> None:
    key = f"sk-{SECRET}"
    assert redacted(key, known=f"an example: {key}") == key


@pytest.mark.parametrize("piece", ["x", "sk-", "eyJ", "-----BEGIN A PRIVATE KEY-----", "Bearer ", "X-Api-Key: "])
def test_a_flood_is_searched_in_time(piece: str) -> None:
    text = piece * (5_000_000 // len(piece))
    before = time.process_time()
    redacted(text)
    assert time.process_time() - before < SLOWEST_S
