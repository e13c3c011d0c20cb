"""What the API takes and returns as JSON. Teams describe the refusals of their routes with `Problem`."""

from app.api.schemas.common import Problem

__all__ = ["Problem"]
