"""What lies in the warehouse, in SQLAlchemy's words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import ForeignKey, String
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The parent of all tables."""


class Item(Base):
    """Something that is kept."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    count: Mapped[int] = mapped_column(default=0)


class Movement(Base):
    """One change of how much there is of something: the last thing that a request does, after its answer."""

    __tablename__ = "movements"

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    by: Mapped[str]
    change: Mapped[int]


class Database:
    """An engine, and sessions over it.

    Args:
        path: of the file, which is made when it is opened for the first time.
    """

    def __init__(self, path: Path) -> None:
        self._engine = create_async_engine(f"sqlite+aiosqlite:///{path}")
        self.sessions = async_sessionmaker(self._engine, expire_on_commit=False)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Makes the tables, and closes the connections at the end: the extension's lifespan."""
        async with self._engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield
        await self._engine.dispose()

    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session whose changes are kept before the answer goes out, unless the route raises: a dependency."""
        async with self.sessions() as session, session.begin():
            yield session
