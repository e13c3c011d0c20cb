"""The embedded store, in one SQLite file. `store.SqliteStore` puts the modules together, each of one subject."""
