"""How uvicorn serves the app."""
