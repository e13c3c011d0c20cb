"""The Flask half of two services: its login page asks the API for a token, over a connection that is kept open.

The token lies in Flask's session, and each page verifies it by itself, without the API.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import httpx
import jwt
from flask import Flask, abort, redirect, render_template, request, session

SECRET = "only for benchmarks, where it protects nothing"  # the other half has the same


def create_app() -> Flask:
    """The pages, before the API at `PEER_API_URL`."""
    app = Flask(__name__, template_folder=str(Path(__file__).parents[1] / "templates"))
    app.secret_key = "another secret for benchmarks"
    api = httpx.Client(base_url=os.environ["PEER_API_URL"], timeout=60, limits=httpx.Limits(max_connections=40))

    @app.post("/login")
    def log_in() -> Any:
        form = {"username": request.form["email"], "password": request.form["password"]}
        answer = api.post("/token", data=form)
        if answer.status_code != 200:
            abort(401)
        session["token"] = answer.json()["access_token"]
        return redirect("/protected")

    @app.get("/bare")
    def bare() -> str:
        return render_template("bench/page.html", name="nobody")

    @app.get("/protected")
    def protected() -> Any:
        try:
            claims = jwt.decode(session.get("token", ""), SECRET, algorithms=["HS256"])
        except jwt.PyJWTError:
            return redirect("/login")
        return render_template("bench/page.html", name=claims["sub"])

    return app
