"""What is said when a form's CSRF token is missing or does not count: to people, and to the form's author."""

from __future__ import annotations

from typing import Final

import structlog
from flask import current_app, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from app.web.context import duet
from app.web.cookies import own_origins
from app.web.errors.texts import FORM_OUT_OF_DATE, ErrorText
from app.web.flask_wtf_names import MISSING
from app.web.redirects import path_of

#: What an author writes into a form, for the log and the page.
_CURE: Final = (
    "Put {{ form.hidden_tag() }} into a FlaskForm, into any other form "
    '<input type="hidden" name="csrf_token" value="{{ csrf_token() }}">, '
    "and let a script send the header X-CSRFToken."
)

_log = structlog.get_logger(__name__)


def text_of(error: CSRFError) -> ErrorText:
    """Returns what the page says. The author of a form without a token is told what is missing, and where.

    They are told so in the log, and on the page where the site is only served to this machine.
    """
    if error.description != MISSING or _is_duets():
        return FORM_OUT_OF_DATE
    sent_to = f"{request.method} {request.url_rule}"
    page = _sending_page()
    _log.warning("csrf_token_missing", endpoint=request.endpoint, sent_to=sent_to, page=page or "-", why=_CURE)
    if not duet().is_local:
        return FORM_OUT_OF_DATE
    sender = f"The form on {page}" if page else "The form"
    return ErrorText(
        title=FORM_OUT_OF_DATE.title,
        explanation=f"{sender} was sent to {sent_to} ({request.endpoint}) without its csrf_token.",
        advice=f"{_CURE} On a site with another PUBLIC_URL, people only read that the form is out of date.",
    )


def _is_duets() -> bool:
    owner = current_app.blueprints.get((request.endpoint or "").partition(".")[0])
    return owner is None or owner.import_name.startswith("app.web.")


def _sending_page() -> str | None:
    """Returns the rule of the page that sent the form: never its path, which may hold a mailed link's token."""
    origins = own_origins(duet().public_url, scheme=request.scheme, host=request.host)
    path = path_of(request.headers.get("Referer", ""), origins)
    urls = current_app.create_url_adapter(request)
    if path is None or urls is None:
        return None
    try:
        rule, _ = urls.match(path.partition("?")[0], "GET", return_rule=True)
    except HTTPException:
        return None
    return str(rule)
