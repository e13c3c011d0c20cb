"""A pending change of the email address, when somebody else turns out to know the password."""

from __future__ import annotations

import pytest

from tests.kit.duet import PASSWORD, ApiClient, Running
from tests.kit.mails import mail_with_link, token_in

NEW = "another long password of mine"


@pytest.mark.parametrize("way", ["reset", "change"])
def test_a_new_password_ends_a_change_of_the_address(duet: Running, api: ApiClient, way: str) -> None:
    """A thief with the old password asked to move the account to their own email address, and their link is
    dead."""
    duet.make_user()
    api.log_in()
    asked = api.post("/api/users/me/email", json={"password": PASSWORD, "email": "mallory@example.com"})
    assert asked.status_code == 202
    link = token_in(mail_with_link(duet.outbox, "verify-email", to="mallory@example.com"))
    if way == "reset":
        api.post("/api/auth/forgot-password", json={"email": "ada@example.com"})
        reset = token_in(mail_with_link(duet.outbox, "reset-password", to="ada@example.com"))
        done = api.post("/api/auth/reset-password", json={"token": reset, "password": NEW})
    else:
        done = api.post("/api/users/me/password", json={"current_password": PASSWORD, "new_password": NEW})
    assert done.status_code == 204, done.text
    assert api.post("/api/auth/verify-email", json={"token": link}).status_code == 400
    assert api.log_in(password=NEW).status_code == 200
