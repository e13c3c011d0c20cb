"""Email addresses on the pages: confirmed and changed by the mailed link, which a new mail replaces."""

from __future__ import annotations

from tests.kit.duet import PASSWORD, Running, messages
from tests.kit.mails import read_mails, text_of
from tests.web.conftest import Visit
from tests.web.views.links import comparable, mailed

NEW_LINK = "If there is an account with this address that waits to be confirmed, a new link is on its way."


def is_verified(shared: Running, email: str) -> bool:
    """Whether an account's email address is confirmed."""
    found: bool = shared.wait(shared.auth.accounts.find(email)).is_email_verified
    return found


def test_the_mailed_link_confirms_the_address(shared: Running, visit: Visit, email: str) -> None:
    """The profile shows the state before and after; the link works once, also where nobody is logged in."""
    browser, elsewhere = visit(email), visit()
    assert "not confirmed" in browser.get("/account").text
    answer = browser.submit("/account/resend-verification", page="/account")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    assert messages(browser.get("/account").text) == ["A new link is on its way to you."]
    path = mailed(shared, "verify-email", to=email)
    assert email in elsewhere.get(path).text
    answer = elsewhere.submit(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert messages(elsewhere.get("/login").text) == ["Your e-mail address is confirmed."]
    page = browser.get("/account").text
    assert "not confirmed" not in page
    assert "/account/resend-verification" not in page
    again = elsewhere.get(path)
    assert again.status_code == 400
    assert 'href="/resend-verification"' in again.text
    assert "This link is not valid. It may have been used already, or be too old." in again.text


def test_whoever_is_signed_in_comes_to_the_profile(shared: Running, visit: Visit, email: str) -> None:
    """The link also works in a browser that is logged in, and leads to the profile."""
    browser = visit(email)
    browser.submit("/account/resend-verification", page="/account")
    answer = browser.submit(mailed(shared, "verify-email", to=email))
    assert answer.headers["Location"] == "/account"
    assert messages(browser.get("/account").text) == ["Your e-mail address is confirmed."]


def test_a_new_link_is_asked_for_in_one_way(shared: Running, visit: Visit, email: str) -> None:
    """Unconfirmed, confirmed and unknown email addresses are answered alike (security.md, item 23)."""
    shared.make_user(f"done-{email}")
    done = shared.wait(shared.auth.accounts.find(f"done-{email}"))
    shared.wait(shared.auth.sessions.store.set_email_verified(done.id, email_key=done.email_key))
    seen = []
    for address in (email, f"done-{email}", f"nobody-{email}"):
        browser = visit()
        answer = browser.submit("/resend-verification", email=address)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
        page = browser.get("/login")
        assert messages(page.text) == [NEW_LINK]
        seen.append((comparable(answer), comparable(page)))
    assert seen[0] == seen[1] == seen[2]
    assert read_mails(shared.outbox, to=email)
    assert read_mails(shared.outbox, to=f"done-{email}", count=0) == []
    wrong = visit().submit("/resend-verification", email="no address")
    assert (wrong.status_code, 'value="no address"' in wrong.text) == (422, True)


def test_the_address_is_changed_by_the_link_to_the_new_one(shared: Running, visit: Visit, email: str) -> None:
    """The old email address logs in until then, and gets a notice; the new one logs in afterwards."""
    browser, new = visit(email), f"new-{email}"
    answer = browser.submit("/account/email", email=new, password=PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    told = messages(browser.get("/account").text)
    assert told == ["We mailed a link to the new address. Once you follow it, the address is changed."]
    assert new in "".join(map(text_of, read_mails(shared.outbox, to=email)))
    assert visit(email).get("/").status_code == 200
    path = mailed(shared, "verify-email", to=new)
    page = browser.get(path).text
    assert new in page
    assert "Use this address" in page
    assert browser.submit(path).headers["Location"] == "/account"
    assert new in browser.get("/account").text
    assert is_verified(shared, new)
    assert visit().log_in(email).status_code == 401
    assert visit(new).get("/").status_code == 200


def test_a_change_of_address_needs_the_password(shared: Running, visit: Visit, email: str) -> None:
    """A wrong password or an invalid email address is a 422 with what was typed, and no mail is sent."""
    browser, new = visit(email), f"new-{email}"
    for fields, message in (
        ({"email": new, "password": "not-the-password-5Qx"}, "The password is wrong."),
        ({"email": new, "password": ""}, "Please enter your password."),
        ({"email": "no address", "password": PASSWORD}, "That is not an e-mail address."),
        ({"email": "", "password": PASSWORD}, "Please enter your new e-mail address."),
    ):
        answer = browser.submit("/account/email", **fields)
        assert answer.status_code == 422
        assert message in answer.text
        assert f'value="{fields["email"]}"' in answer.text
        assert not fields["password"] or fields["password"] not in answer.text
    assert read_mails(shared.outbox, to=new, count=0) == []


def test_a_taken_address_is_not_told(shared: Running, visit: Visit, email: str) -> None:
    """Asking for somebody else's email address is answered as for a free one; no link to it is mailed."""
    other = f"other-{email}"
    shared.make_user(other)
    browser, seen = visit(email), []
    for address in (other, f"free-{email}"):
        seen.append(comparable(browser.submit("/account/email", email=address, password=PASSWORD)))
        browser.get("/account")  # takes the message
    assert seen[0] == seen[1]
    mails = read_mails(shared.outbox, to=other)
    assert all("/verify-email/" not in text_of(mail) for mail in mails)


def test_an_address_that_was_taken_meanwhile_is_told(shared: Running, visit: Visit, email: str) -> None:
    """If somebody registers the new address before the link is followed, a message says so and nothing changes."""
    browser, new = visit(email), f"new-{email}"
    browser.submit("/account/email", email=new, password=PASSWORD)
    path = mailed(shared, "verify-email", to=new)
    shared.make_user(new)
    token = browser.csrf_token(path)
    answer = browser.post(path, data={"csrf_token": token})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account")
    page = browser.get("/account").text
    assert "There is an account with this e-mail address already." in messages(page)[-1]
    assert email in page
