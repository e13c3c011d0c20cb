"""Checks that every answer of the API must pass."""

from __future__ import annotations

import re
from typing import Any

import httpx

from tests.kit import wire


class plain:  # noqa: N801 - reads like the module that it stands for
    """Each request on a connection of its own, with no cookies."""

    get = staticmethod(wire.get)
    post = staticmethod(wire.post)
    request = staticmethod(wire.request)


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem details of a refusal (RFC 9457), after their form is checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["type"] == "about:blank"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert set(body) <= {"type", "title", "status", "detail", "code", "errors"}
    return body


def oauth_error(answer: httpx.Response, error: str, status: int = 400) -> dict[str, Any]:
    """The error code of an endpoint under `/api/auth` (RFC 6749 section 5.2), after its form is checked."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    body: dict[str, Any] = answer.json()
    assert set(body) == {"error", "error_description"}
    assert body["error"] == error
    # What may stand there (RFC 6749 appendices A.7 and A.8).
    assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", body["error_description"])
    return body


def pointers(answer: httpx.Response) -> list[str]:
    """The JSON pointers of a 422, which say where the input is wrong."""
    return [error["pointer"] for error in problem(answer, 422)["errors"]]
