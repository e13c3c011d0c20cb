"""fastapi-users with Beanie on MongoDB: its own routers, its JWT strategy, bcrypt.

At its best as it comes: it reads the user at each request, and hashes on the event loop.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from beanie import Document, PydanticObjectId, init_beanie
from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.password import PasswordHelper
from fastapi_users_db_beanie import BeanieBaseUser, BeanieUserDatabase, ObjectIDIDMixin
from pwdlib import PasswordHash
from pwdlib.hashers.bcrypt import BcryptHasher
from pymongo import AsyncMongoClient

SECRET = "only for benchmarks, where it protects nothing"


class User(BeanieBaseUser, Document):
    """An account."""


class Manager(ObjectIDIDMixin, BaseUserManager[User, PydanticObjectId]):
    """Makes accounts and checks passwords."""


def create_app() -> FastAPI:
    """The app, on the database of `PEER_DATABASE_URL`."""
    helper = PasswordHelper(PasswordHash((BcryptHasher(rounds=12),)))

    async def get_manager() -> AsyncIterator[Manager]:
        yield Manager(BeanieUserDatabase(User), helper)

    backend = AuthenticationBackend(
        name="jwt",
        transport=BearerTransport("auth/jwt/login"),
        get_strategy=lambda: JWTStrategy(SECRET, lifetime_seconds=900),
    )
    users = FastAPIUsers[User, PydanticObjectId](get_manager, [backend])

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        client: AsyncMongoClient[Any] = AsyncMongoClient(os.environ["PEER_DATABASE_URL"])
        await init_beanie(client.get_default_database(), document_models=[User])
        yield
        await client.close()

    app = FastAPI(lifespan=lifespan)
    app.include_router(users.get_auth_router(backend), prefix="/auth/jwt")
    app.include_router(
        users.get_register_router(schemas.BaseUser[PydanticObjectId], schemas.BaseUserCreate), prefix="/auth"
    )

    @app.get("/bare")
    async def bare() -> dict[str, str]:
        return {"user": "nobody"}

    @app.get("/protected")
    async def protected(user: Annotated[User, Depends(users.current_user(active=True))]) -> dict[str, str]:
        return {"user": str(user.id)}

    return app
