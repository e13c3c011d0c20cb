"""The outermost ASGI layer, for both halves: it checks that requests are well-formed, and makes answers safe."""

from app.edge.headers import SECURITY_HEADERS
from app.edge.layer import Edge, MaxBodyBytes, Refuse

__all__ = ["SECURITY_HEADERS", "Edge", "MaxBodyBytes", "Refuse"]
