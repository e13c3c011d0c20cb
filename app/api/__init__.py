"""The API: FastAPI at `/api`, which takes and returns JSON."""
