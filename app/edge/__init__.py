"""The outermost ASGI layer, for both halves: is this request well-formed, and is its answer safe?"""

from app.edge.headers import SECURITY_HEADERS
from app.edge.layer import Edge, Refuse

__all__ = ["SECURITY_HEADERS", "Edge", "Refuse"]
