"""Serves the app with uvicorn."""
