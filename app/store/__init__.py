"""Opens the stores behind `app.auth.ports.Store`, and dumps or inspects a whole database, given its URL."""

from app.store.drivers import DRIVERS, MeasuredStore, inspect_schema, open_dump, open_store

__all__ = ["DRIVERS", "MeasuredStore", "inspect_schema", "open_dump", "open_store"]
