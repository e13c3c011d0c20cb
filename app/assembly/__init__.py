"""Makes one app of the parts: both halves, what the root serves, the layers around them, and the lifespan."""

from app.assembly.halves import create_halves
from app.assembly.layers import create_layers
from app.assembly.lifespan import create_lifespan, create_mail
from app.assembly.parts import Core, Site
from app.assembly.refusals import draw_errors
from app.assembly.routes import create_routes

__all__ = [
    "Core",
    "Site",
    "create_halves",
    "create_layers",
    "create_lifespan",
    "create_mail",
    "create_routes",
    "draw_errors",
]
