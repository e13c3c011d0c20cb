"""The API: FastAPI at `/api`, JSON in and out."""
