"""The store on MongoDB. `store.MongoStore` puts its modules together; each has one subject."""
