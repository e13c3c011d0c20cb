"""A form that failed is shown again with what was typed, except passwords."""

from __future__ import annotations

import httpx
import pytest

from tests.kit.duet import PASSWORD
from tests.web.conftest import Visit

TYPED = "not-the-password-5Qx"

FAILURES = [
    ("/login", {"email": "{email}", "password": TYPED}, 401, "The e-mail address or the password is wrong."),
    ("/login", {"email": "ada", "password": TYPED}, 401, "The e-mail address or the password is wrong."),
    ("/login", {"email": "", "password": TYPED}, 401, "Please enter your e-mail address."),
    ("/login", {"email": "{email}", "password": ""}, 401, "Please enter your password."),
    ("/login", {"email": "{email}", "password": TYPED * 300}, 401, "That is too long."),
    ("/register", {"email": "ada", "password": PASSWORD, "name": "Ada"}, 422, "That is not an e-mail address."),
    ("/register", {"email": "{email}", "password": PASSWORD, "name": "Ada"}, 422, "There is an account with this"),
    ("/register", {"email": "n@example.com", "password": "too short", "name": "Ada"}, 422, "At least 15"),
    ("/register", {"email": "n@example.com", "password": PASSWORD, "name": "A" * 101}, 422, "A name has at most"),
    ("/register", {"email": "n@example.com", "password": "", "name": ""}, 422, "Please choose a password."),
]
OWN_FAILURES = [
    ("/account", {"name": "A" * 101}, "A name has at most 100 characters"),
    ("/account/password", {"current_password": TYPED, "new_password": PASSWORD + " 2"}, "The password is wrong."),
    ("/account/password", {"current_password": PASSWORD, "new_password": TYPED[:8]}, "At least 15"),
    ("/account/password", {"current_password": "", "new_password": ""}, "Please choose a new password."),
    ("/account/email", {"email": "n@example.com", "password": TYPED}, "The password is wrong."),
    ("/account/email", {"email": "n", "password": PASSWORD}, "That is not an e-mail address."),
    ("/account/delete", {"password": TYPED}, "The password is wrong."),
    ("/reauthenticate", {"password": TYPED}, "The password is wrong."),
]


def is_shown_again(answer: httpx.Response, fields: dict[str, str], message: str) -> bool:
    """Whether the form is shown again with what was typed and the message, and without any password."""
    assert message in answer.text
    assert "<title>Error: " in answer.text
    for name, value in fields.items():
        if "password" in name:
            assert not value or value not in answer.text, "a password is on the page"
        else:
            assert f'value="{value}"' in answer.text
    return True


@pytest.mark.parametrize(("path", "fields", "status", "message"), FAILURES)
def test_a_failed_form_is_shown_again(
    visit: Visit, email: str, path: str, fields: dict[str, str], status: int, message: str
) -> None:
    """A failed form is a 401 at the login and a 422 elsewhere, and logs nobody in."""
    browser = visit()
    fields = {name: value.replace("{email}", email) for name, value in fields.items()}
    answer = browser.submit(path, **fields)
    assert answer.status_code == status
    assert is_shown_again(answer, fields, message)
    assert browser.get("/account").status_code == 303


@pytest.mark.parametrize(("path", "fields", "message"), OWN_FAILURES)
def test_a_failed_form_of_the_account_is_shown_again(
    visit: Visit, email: str, path: str, fields: dict[str, str], message: str
) -> None:
    """It is a 422 and changes nothing: the person stays logged in, with the old name and password."""
    browser = visit(email)
    answer = browser.submit(path, **fields)
    assert answer.status_code == 422
    assert is_shown_again(answer, fields, message)
    assert 'value="Ada"' in browser.get("/account").text
    assert visit(email).get("/").status_code == 200


def test_a_wrong_password_and_an_unknown_address_look_alike(visit: Visit, email: str) -> None:
    """The pages are the same but for the email address that was typed and the form's token."""
    pages = []
    for address in (email, "nobody@example.com"):
        browser = visit()
        token = browser.csrf_token()
        answer = browser.post("/login", data={"csrf_token": token, "email": address, "password": TYPED})
        again = answer.text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
        pages.append((answer.status_code, answer.text.replace(address, "").replace(again, "")))
    assert pages[0] == pages[1]
