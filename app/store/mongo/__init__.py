"""The store on MongoDB. `store.MongoStore` puts the modules together, each of one subject."""
