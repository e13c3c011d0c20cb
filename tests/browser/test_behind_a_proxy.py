"""A person in Chromium on https, behind each proxy: over HTTP/2, with cookies that a browser must accept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.people import EMAIL, OpenProfile, heading, log_in, log_out, path
from tests.deploy.proxies import PROXIES, site


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_person_logs_in_over_https(proxy: str, tmp_path: Path, open_profile: OpenProfile) -> None:
    """The login works, the cookie is the browser's `__Host-` one, and nothing on the pages leaves https."""
    with site(PROXIES[proxy], tmp_path, trusted_proxies=("127.0.0.1",)) as https:
        https.duet.make_user(EMAIL)
        # The certificate is made by the test.
        profile = open_profile(https.url, ignore_https_errors=True)
        page = profile.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        log_in(page, path="/account/sessions")
        assert path(page) == "/account/sessions"
        (cookie,) = [one for one in profile.cookies() if "session" in one.get("name", "")]
        assert (cookie.get("name"), cookie.get("secure"), cookie.get("httpOnly")) == ("__Host-session", True, True)
        log_out(page)
        assert heading(page) == "Log in"
        assert all(url.startswith(f"{https.url}/") for url in asked)
