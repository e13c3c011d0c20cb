"""Flask-JWT-Extended under gunicorn: tokens for passwords, verified without a database.

At its best: the users are in memory, and bcrypt frees the interpreter lock.
"""

from __future__ import annotations

from typing import Any

import bcrypt
from flask import Flask, abort, jsonify, request
from flask_jwt_extended import JWTManager, create_access_token, get_jwt_identity, jwt_required

SECRET = "only for benchmarks, where it protects nothing"


def create_app() -> Flask:
    """The app, without a user yet."""
    app = Flask(__name__)
    app.config["JWT_SECRET_KEY"] = SECRET
    JWTManager(app)
    users: dict[str, bytes] = {}

    @app.post("/users")
    def register() -> Any:
        users[request.json["email"]] = bcrypt.hashpw(request.json["password"].encode(), bcrypt.gensalt(12))
        return jsonify(email=request.json["email"]), 201

    @app.post("/login")
    def log_in() -> Any:
        password_hash = users.get(request.form["email"])
        if password_hash is None or not bcrypt.checkpw(request.form["password"].encode(), password_hash):
            abort(401)
        return jsonify(access_token=create_access_token(request.form["email"]))

    @app.get("/bare")
    def bare() -> Any:
        return jsonify(user="nobody")

    @app.get("/protected")
    @jwt_required()
    def protected() -> Any:
        return jsonify(user=get_jwt_identity())

    return app
