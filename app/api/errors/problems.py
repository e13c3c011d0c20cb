"""Errors in the form of the API: problem details (RFC 9457), or under `/api/auth` OAuth's own (RFC 6749)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi.responses import JSONResponse

from app.api.errors.wording import title_of

Headers = Mapping[str, str]

#: The media type of a problem detail.
PROBLEM_JSON: Final = "application/problem+json"


def problem(
    status: int,
    detail: str,
    *,
    code: str | None = None,
    errors: Sequence[Mapping[str, str]] = (),
    members: Mapping[str, Any] | None = None,
    headers: Headers | None = None,
) -> JSONResponse:
    """Returns a problem detail.

    Args:
        status: the HTTP status.
        detail: a sentence for people.
        code: the reason, for machines.
        errors: `{pointer, detail}` for each fault in the input.
        members: an author's own members (RFC 9457 section 3.2).
        headers: more headers.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title_of(status),
        "status": status,
        "detail": detail,
        **(members or {}),
    }
    if code:
        body["code"] = code
    if errors:
        body["errors"] = list(errors)
    answer = JSONResponse(body, status, headers, media_type=PROBLEM_JSON)
    if status == 401:  # it has to name a way to authenticate, whoever refuses (RFC 9110 section 11.6.1)
        answer.headers.setdefault("WWW-Authenticate", "Bearer")
    return answer


def quotable(text: str) -> str:
    """Returns `text` as it may stand in quotation marks, in a challenge or an error.

    It has no quotation marks, no backslash and nothing beyond ASCII (RFC 6749 appendix A.8, RFC 6750 section 3).
    """
    return re.sub(r"[^\x20\x21\x23-\x5b\x5d-\x7e]", "'", text)


def oauth_error(status: int, error: str, description: str, *, headers: Headers | None = None) -> JSONResponse:
    """Returns an error of the token endpoints (RFC 6749 section 5.2), which must not be cached (section 5.1)."""
    body = {"error": error, "error_description": quotable(description)}
    return JSONResponse(body, status, {"Cache-Control": "no-store", "Pragma": "no-cache", **(headers or {})})
