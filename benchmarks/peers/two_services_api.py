"""The FastAPI half of two services: it keeps the users in MongoDB, and hands out tokens for passwords.

At its best: passwords are hashed in threads, off the event loop, and a token is verified without the database.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import bcrypt
import jwt
from fastapi import Depends, FastAPI, Form, HTTPException
from fastapi.concurrency import run_in_threadpool
from fastapi.security import OAuth2PasswordBearer
from motor.motor_asyncio import AsyncIOMotorClient
from pydantic import BaseModel

SECRET = "only for benchmarks, where it protects nothing"  # the other half has the same


class NewUser(BaseModel):
    """The account to be made."""

    email: str
    password: str


def create_app() -> FastAPI:
    """The service, on the database of `PEER_DATABASE_URL`."""
    app = FastAPI()
    client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(os.environ["PEER_DATABASE_URL"])
    users = client.get_default_database()["users"]
    bearer = OAuth2PasswordBearer("token")

    async def subject_of(token: Annotated[str, Depends(bearer)]) -> str:
        try:
            return str(jwt.decode(token, SECRET, algorithms=["HS256"])["sub"])
        except jwt.PyJWTError:
            raise HTTPException(401) from None

    @app.post("/users", status_code=201)
    async def register(user: NewUser) -> dict[str, str]:
        password_hash = await run_in_threadpool(bcrypt.hashpw, user.password.encode(), bcrypt.gensalt(12))
        await users.insert_one({"_id": user.email, "password_hash": password_hash})
        return {"email": user.email}

    @app.post("/token")
    async def token(username: Annotated[str, Form()], password: Annotated[str, Form()]) -> dict[str, str]:
        user = await users.find_one({"_id": username})
        if user is None or not await run_in_threadpool(bcrypt.checkpw, password.encode(), user["password_hash"]):
            raise HTTPException(401)
        claims = {"sub": username, "exp": datetime.now(UTC) + timedelta(minutes=15)}
        return {"access_token": jwt.encode(claims, SECRET, "HS256"), "token_type": "bearer"}

    @app.get("/bare")
    async def bare() -> dict[str, str]:
        return {"user": "nobody"}

    @app.get("/protected")
    async def protected(subject: Annotated[str, Depends(subject_of)]) -> dict[str, str]:
        return {"user": subject}

    return app
