"""Draws the refusals of the root and of the layers around it, which neither half sees."""

from __future__ import annotations

from fastapi import FastAPI
from flask import Flask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from app.api.errors.errors import leave_to_the_edge
from app.api.errors.problems import oauth_error, problem
from app.edge import Refuse
from app.paths import is_api, speaks_oauth
from app.scope import REQUEST_ID
from app.web.errors import draw_error


def refuse_by(pages: Flask) -> Refuse:
    """Returns what draws a refusal as the half in question would: JSON under `/api`, and a page elsewhere."""

    def refuse(scope: Scope, status: int, detail: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
        path = scope.get("path", "")
        answer: Response
        if speaks_oauth(path):
            answer = oauth_error(status, "temporarily_unavailable" if status == 503 else "invalid_request", detail)
        elif is_api(path):
            answer = problem(status, detail)
        else:
            request_id = scope.get(REQUEST_ID, "")
            answer = HTMLResponse(draw_error(pages.jinja_env, status, request_id=request_id), status)
        return answer.raw_headers, bytes(answer.body)

    return refuse


def draw_errors(root: FastAPI, refuse: Refuse) -> None:
    """Makes refusals of the root itself, for example of a missing static file, look like the pages."""

    async def draw(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        headers, body = refuse(request.scope, error.status_code, error.detail)
        answer = Response(body, error.status_code, media_type="text/html")
        answer.raw_headers = headers
        if error.status_code == 405:
            answer.headers["Allow"] = "GET, HEAD"  # for everything that the root serves by itself
        return answer

    root.add_exception_handler(HTTPException, draw)
    root.add_exception_handler(Exception, leave_to_the_edge)
