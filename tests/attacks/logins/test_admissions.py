"""Item 45: whoever lets somebody in still may when the account is made, not only when the form came."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from app.auth.limits import Asker
from app.auth.models import ADMIN, Client, LinkPurpose
from tests.attacks.conftest import new_address
from tests.kit.duet import Browser, Running, make_settings, running
from tests.kit.programs import wait_until

FRESH = "seven sober walruses hum"
CLIENT = Client("test")


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Running]:
    """A Duet on each store that hashes one password at a time."""
    with running(make_settings(tmp_path, database_url=database_url, hash_threads=1)) as one:
        yield one


@contextmanager
def no_hash_ends(site: Running) -> Iterator[None]:
    """Keeps the one thread busy, so that what needs a hash waits until the block is left."""
    go_on = threading.Event()
    queue = site.auth.passwords.queue
    with ThreadPoolExecutor(1) as pool:
        busy = pool.submit(site.wait, queue.run(go_on.wait, Asker.of(CLIENT, "")))
        try:
            wait_until(lambda: queue.running == 1)
            yield
        finally:
            go_on.set()
        busy.result()


def by_api(site: Running, link: str, email: str) -> bool:
    """Registers over the API; whether that was taken."""
    body = {"email": email, "password": FRESH, "invite": link.rpartition("/")[2]}
    answer = httpx.post(f"{site.url}/api/users", json=body, timeout=60)
    assert answer.status_code in (201, 422), answer.text
    return answer.status_code == 201


def by_page(site: Running, link: str, email: str) -> bool:
    """Fills in the page of the link; whether that was taken."""
    path = "/" + link.split("/", 3)[3]
    with Browser(site.url) as browser:
        answer = browser.submit(path, email=email, name="", password=FRESH)
    assert answer.status_code in (303, 400, 404, 422), answer.status_code
    return answer.status_code == 303


Dismiss = Callable[[Running, str], object]
DISMISSALS: dict[str, Dismiss] = {
    "demoted": lambda site, who: site.wait(site.auth.administration.set_roles(who, [], CLIENT)),
    "disabled": lambda site, who: site.wait(site.auth.administration.set_active(who, False, CLIENT)),
    "deleted": lambda site, who: site.wait(site.auth.administration.delete(who, CLIENT)),
}


@pytest.mark.parametrize("way", [by_api, by_page])
@pytest.mark.parametrize("dismiss", DISMISSALS.values(), ids=DISMISSALS)
def test_s45_a_dismissed_admin_s_invitation_makes_no_account(
    site: Running, way: Callable[[Running, str, str], bool], dismiss: Dismiss
) -> None:
    """A registration that waited for its hash while its inviter was dismissed makes no account."""
    site.make_user("other@example.com", roles=(ADMIN,))
    inviter = site.make_user("admin@example.com", roles=(ADMIN,))
    email = new_address()
    made = site.auth.links.make(LinkPurpose.INVITE, roles=[ADMIN], created_by=inviter.id)
    link = site.auth.links.url(site.wait(made))
    with ThreadPoolExecutor(1) as pool, no_hash_ends(site):
        registration = pool.submit(way, site, link, email)
        wait_until(lambda: site.auth.passwords.queue.waiting == 1)
        dismiss(site, inviter.id)
    assert not registration.result()
    assert site.wait(site.auth.accounts.store.user_by_email(email)) is None


def test_s45_an_admin_who_came_meanwhile_ends_the_setup(site: Running) -> None:
    """A setup that waited for its hash makes no second admin once there is one."""
    link = site.wait(site.auth.registration.setup_url())
    again = site.auth.links.url(site.wait(site.auth.links.make(LinkPurpose.SETUP)))
    with ThreadPoolExecutor(2) as pool, no_hash_ends(site):
        setups = [pool.submit(by_page, site, each, new_address()) for each in (link, again)]
        wait_until(lambda: site.auth.passwords.queue.waiting == 2)
    assert sorted(setup.result() for setup in setups) == [False, True]
    page = site.wait(site.auth.administration.search())
    assert [ADMIN in user.roles for user in page.items] == [True]
