"""The pages: Flask at `/`. A team's own views need the names below, and the markers of `app.auth.policy`."""

from app.web.context import current_client, current_principal, current_user, optional_principal, wait

__all__ = ["current_client", "current_principal", "current_user", "optional_principal", "wait"]
