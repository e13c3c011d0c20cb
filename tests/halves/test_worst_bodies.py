"""The worst bodies that each call and each form of Duet's own permits, and those that are just too large.

The calls come from the OpenAPI document and the forms from the URL map, so a new one is covered by itself.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import httpx
import pytest
from fastapi import FastAPI

from app.bodies import OWN_BYTES, OWN_FIELDS
from app.main import create_app
from app.testing import PASSWORD, TestClient, csrf_token, login_as
from tests.kit.cost import FORM, JSON, MOST_CALLS, Body, Counter, counting, form_bodies, json_bodies, worst_forms
from tests.kit.duet import make_settings
from tests.kit.naughty import quiet

#: Faults of pydantic's: as many as one value may have, and some of others.
MOST_FAULTS: Final = 600
_numbers = itertools.count()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """Duet without extensions."""
    return create_app(make_settings(tmp_path_factory.mktemp("duet")))


@pytest.fixture(scope="module")
def site(app: FastAPI) -> Iterator[tuple[TestClient, Counter]]:
    """That Duet while it runs, and what counts the calls that it makes."""
    with quiet(), counting(app) as counted:
        yield counted


def new_admin(client: TestClient) -> str:
    """Logs an admin in, who is new. Returns their email address."""
    email = f"admin{next(_numbers)}@example.com"
    client.cookies.clear()
    login_as(client, email, roles=["admin"])
    return email


def bearer(client: TestClient) -> str:
    """The value of the header that proves on the API that somebody is an admin."""
    form = {"grant_type": "password", "username": new_admin(client), "password": PASSWORD}
    token: str = client.post("/api/auth/token", data=form).json()["access_token"]
    return f"Bearer {token}"


def calls(app: FastAPI) -> list[tuple[str, str, str, list[str]]]:
    """Each call of the OpenAPI document that takes a body: its method, path, media type, and known fields."""
    document = app.state.api.openapi()
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for kind, content in operation.get("requestBody", {}).get("content", {}).items():
                schema = content["schema"]
                if "$ref" in schema:
                    schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
                target = "/api" + re.sub(r"\{\w+\}", "x", path)
                found.append((method.upper(), target, kind, list(schema["properties"])))
    return found


def forms(app: FastAPI) -> list[tuple[str, str]]:
    """Each method and path of the URL map that may take a form."""
    return [
        (method, re.sub(r"<[^>]+>", "x", rule.rule))
        for rule in app.state.pages.url_map.iter_rules()
        for method in sorted(rule.methods - {"GET", "HEAD", "OPTIONS"})
    ]


def send(client: TestClient, method: str, path: str, kind: str, body: Any, **headers: str) -> httpx.Response:
    """Sends a body as it is."""
    if kind:
        headers["Content-Type"] = kind
    answer: httpx.Response = client.request(method, path, content=body, headers=headers)
    return answer


class Most(NamedTuple):
    """What one request may cost.

    Args:
        calls: calls of Python.
        answered: bytes of the answer.
    """

    calls: int = MOST_CALLS
    answered: int = 10_000


#: The calls of a page, in a thread: 30 ms on the machine where the limits were chosen.
CALLS_OF_A_PAGE: Final = 300_000


def fault_of(answer: httpx.Response, spent: Counter, most: Most) -> str:
    """What is wrong with the answer to a permitted body, or with what it cost, or nothing."""
    if answer.status_code >= 500 or answer.status_code == 413:
        return f"is a {answer.status_code}"
    if spent.calls > most.calls:
        return f"took {spent.calls} calls"
    if spent.faults > MOST_FAULTS:
        return f"made {spent.faults} faults"
    if len(answer.content) > most.answered:
        return f"was answered by {len(answer.content)} bytes"
    if answer.headers["Content-Type"] == "application/problem+json" and len(answer.json().get("errors", ())) > 20:
        return "had a long list of faults"
    return ""


def cost_of(
    site: tuple[TestClient, Counter], method: str, path: str, body: Body, most: Most, **headers: str
) -> str:
    """What is wrong with a permitted body each time that it is sent, or nothing.

    It is sent again where something is: what Duet does besides, such as sending a mail, is counted as well.
    """
    client, counter = site
    name, kind, content = body
    fault = ""
    for _ in range(3):
        counter.reset()
        answer = send(client, method, path, kind, content, **headers)
        fault = fault_of(answer, counter, most)
        if not fault:
            return ""
    return f"{method} {path}: {name} {fault}"


def test_s38_the_worst_body_of_each_call_costs_little(app: FastAPI, site: tuple[TestClient, Counter]) -> None:
    """No JSON and no form of a permitted size makes a call of the API work, or answer, without measure."""
    token, faults, found = bearer(site[0]), list[str](), calls(app)
    assert len(found) >= 15
    for method, path, kind, names in found:
        bodies: Iterator[Body] = json_bodies(OWN_BYTES, names)
        if kind == FORM:
            bodies = itertools.chain(form_bodies(OWN_BYTES, OWN_FIELDS, names), json_bodies(OWN_BYTES, []))
        faults += [cost_of(site, method, path, body, Most(), Authorization=token) for body in bodies]
    assert not [fault for fault in faults if fault]


def test_s38_the_worst_body_of_each_form_costs_little(app: FastAPI, site: tuple[TestClient, Counter]) -> None:
    """No form of a permitted size makes a page work, or answer, without measure."""
    client, faults, found = site[0], list[str](), forms(app)
    assert len(found) >= 15
    for method, path in found:
        new_admin(client)
        token = b"csrf_token=" + csrf_token(client, "/account").encode() + b"&"
        bodies = form_bodies if path == "/login" else worst_forms
        for body in bodies(OWN_BYTES, OWN_FIELDS, ["email", "password"], before=token):
            # A form that is refused is shown again, with what was typed.
            most = Most(calls=CALLS_OF_A_PAGE, answered=10_000 + 6 * len(body[2]))
            faults.append(cost_of(site, method, path, body, most))
    assert not [fault for fault in faults if fault]


def pieces(body: bytes) -> Iterator[bytes]:
    """The body without an announced length."""
    yield body[:1000]
    yield body[1000:]


def is_refused(answer: httpx.Response, path: str) -> bool:
    """Whether it is a 413, in the form of the place."""
    kind, member = {
        True: ("application/json", '"error":"invalid_request"'),
        False: ("application/problem+json", '"title":'),
    }[path.startswith("/api/auth/")]
    if not path.startswith("/api/"):
        kind, member = "text/html; charset=utf-8", "That is too big"
    return (answer.status_code, answer.headers["Content-Type"]) == (413, kind) and member in answer.text


def too_large(kinds: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Bodies of one byte more than is permitted, announced and not, and forms with one field more."""
    body = b"a=" + b"x" * (OWN_BYTES - 1)
    for kind in kinds:
        yield kind, body
        yield kind, pieces(body)
    if FORM in kinds:
        yield FORM, b"a=b&" * OWN_FIELDS + b"a=b"


def test_s38_a_call_refuses_what_is_too_large(app: FastAPI, site: tuple[TestClient, Counter]) -> None:
    """One byte more than 64 KB is a 413 at each call of the API, and so is a form's 501st field."""
    client, token = site[0], bearer(site[0])
    for method, path, kind, _ in calls(app):
        for sent, body in too_large([kind]):
            answer = send(client, method, path, sent, body, Authorization=token)
            assert is_refused(answer, path), (method, path, sent, answer.status_code)


def test_s38_a_form_refuses_what_is_too_large(app: FastAPI, site: tuple[TestClient, Counter]) -> None:
    """One byte more than 64 KB is a 413 at each form, whatever its type says, and so is a 501st field or part."""
    client = site[0]
    new_admin(client)
    for method, path in forms(app):
        for sent, body in too_large([FORM, JSON, "multipart/form-data; boundary=b", ""]):
            assert is_refused(send(client, method, path, sent, body), path), (method, path, sent)
        part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
        answer = send(client, method, path, "multipart/form-data; boundary=b", part * (OWN_FIELDS + 1) + b"--b--")
        assert is_refused(answer, path), (method, path)


def test_s38_an_answer_lists_twenty_faults(site: tuple[TestClient, Counter]) -> None:
    """An answer lists twenty faults at most, and says how many there are, in both forms that the API speaks."""
    client = site[0]
    for count in (19, 200, 5000):
        body = {"email": "", "password": PASSWORD, **{str(number): 1 for number in range(count)}}
        problem = client.post("/api/users", json=body).json()
        assert (problem["status"], problem["code"]) == (422, "invalid_input")
        assert len(problem["errors"]) == {19: 20, 200: 20, 5000: 1}[count]
        assert (f"more faults than are listed: {count + 1} in all" in problem["detail"]) == (count > 19)
        del body["password"]
        oauth = client.post("/api/auth/forgot-password", json=body)
        assert (oauth.status_code, oauth.json()["error"]) == (400, "invalid_request")
        assert (f"more faults than are listed: {count + 1} in all" in oauth.json()["error_description"]) == (
            count > 19
        )
        assert len(oauth.content) < 1000
