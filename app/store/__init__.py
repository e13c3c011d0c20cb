"""The stores behind `app.auth.ports.Store`, and what an operator does with a whole database, by its URL."""

from app.store.drivers import DRIVERS, MeasuredStore, inspect_schema, open_dump, open_store

__all__ = ["DRIVERS", "MeasuredStore", "inspect_schema", "open_dump", "open_store"]
