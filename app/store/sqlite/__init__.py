"""The embedded store, in one SQLite file. `store.SqliteStore` puts its modules together; each has one subject."""
