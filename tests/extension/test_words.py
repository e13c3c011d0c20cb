"""What the author of a page, a route or a validator says is what people read, and never what they had sent."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from fastapi import APIRouter, HTTPException
from flask import Blueprint, Response, abort, make_response
from pydantic import BaseModel, EmailStr, Field, Json, field_validator, model_validator
from pydantic_core import PydanticCustomError
from werkzeug.exceptions import Conflict
from werkzeug.exceptions import HTTPException as PageException

from app.auth.policy import public
from app.extension import Extension
from app.main import create_app
from app.testing import TestClient, make_settings


class Left(BaseModel):
    """An author's own model, as a detail."""

    left: int


#: What a test's routes and pages raise next.
NEXT: list[Any] = []

_JSON = {"Content-Type": "application/json"}


class SoldOut(Conflict):
    """An author's own class, with its words."""

    description = "All of them are sold."


class Room(BaseModel):
    """One kind of place, told from the other by its tag."""

    kind: Literal["room"]


class Tent(BaseModel):
    """The other kind."""

    kind: Literal["tent"]
    persons: int = Field(gt=3)


class Stay(BaseModel):
    """Input with validators of every kind."""

    start: str = ""
    end: str = ""
    pin: int = 1
    email: EmailStr = "a@example.com"
    tags: list[str] = []
    limits: dict[str, int] = {}
    place: Annotated[Room | Tent, Field(discriminator="kind")] | None = None

    @field_validator("end")
    @classmethod
    def _checked(cls, value: str) -> str:
        if value == "assert":
            raise AssertionError("end may not be that word")
        if value == "custom":
            raise PydanticCustomError("stay", "from {start} on", {"start": "Monday"})
        if value == "plain custom":
            raise PydanticCustomError("value_error", "an error of its own")
        if value.startswith("echo"):
            raise ValueError(f"can't take {value}")
        if value.startswith("part"):
            raise ValueError(f"can't begin with {value[:12]}…")
        if value.startswith("custom echo"):
            raise PydanticCustomError("stay", "not {value}", {"value": value.upper()})
        if value == "bare":
            raise ValueError
        return value

    @field_validator("end")
    @classmethod
    def _formed(cls, value: str) -> str:
        """Borrows the names of pydantic's own errors."""
        if value.startswith("borrowed echo"):
            raise PydanticCustomError("string_pattern_mismatch", "not {value}", {"value": value})
        if value.startswith("borrowed tag"):
            raise PydanticCustomError("union_tag_invalid", "not {value}", {"value": value})
        if value == "borrowed":
            raise PydanticCustomError("string_pattern_mismatch", "not of this form")
        return value

    @field_validator("limits")
    @classmethod
    def _known(cls, value: dict[str, int]) -> dict[str, int]:
        if value:
            raise ValueError(f"there are no limits for {', '.join(value)}")
        return value

    @model_validator(mode="after")
    def _ordered(self) -> Stay:
        if self.end < self.start:
            raise ValueError("end before start")
        if self.pin == 0:
            raise ValueError(f"{self.start} is taken")
        return self


def _team() -> Extension:
    blueprint, router = Blueprint("team", __name__, url_prefix="/team"), APIRouter(prefix="/team")

    @blueprint.get("/")
    @public
    def page() -> str:
        raise NEXT.pop()

    @blueprint.get("/abort")
    @public
    def aborting() -> str:
        args, given = NEXT.pop()
        abort(*args, **given)

    @router.get("")
    @public
    async def route() -> str:
        raise NEXT.pop()

    @router.post("/texts")
    @public
    async def texts(texts: list[Json[int]]) -> int:
        return sum(texts)

    @router.post("/stay")
    @public
    async def stay(stay: Stay) -> str:
        return stay.end

    return Extension("team", blueprints=[blueprint], routers=[router])


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A stranger."""
    app = create_app(make_settings(tmp_path_factory.mktemp("duet")), extensions=[_team()])
    with TestClient(app, follow_redirects=False) as one:
        yield one


# The API


@pytest.mark.parametrize(
    ("status", "detail", "title", "text", "members"),
    [
        (404, "No project 7", "Not Found", "No project 7", {}),
        (405, "Not on Sundays", "Method Not Allowed", "Not on Sundays", {}),
        (404, None, "Not Found", "Not Found", {}),
        (420, "Enhance your calm", "Client Error", "Enhance your calm", {}),
        (499, "Gone away", "Client Error", "Gone away", {}),
        (599, "Timed out", "Server Error", "Timed out", {}),
        (420, "", "Client Error", "Client Error", {}),
        (409, {"detail": "Sold out", "item": 7}, "Conflict", "Sold out", {"item": 7}),
        (409, {"message": "Sold out"}, "Conflict", "Sold out", {"message": "Sold out"}),
        (409, {"type": "x", "title": "y", "status": 1, "left": 0}, "Conflict", "Conflict", {"left": 0}),
        (409, {"detail": {"a": 1}}, "Conflict", "Conflict", {"details": {"a": 1}}),
        (401, "Who is there?", "Unauthorized", "Who is there?", {}),
        (422, [{"loc": ["x"]}], "Unprocessable Content", "Unprocessable Content", {"errors": [{"loc": ["x"]}]}),
        (409, 7, "Conflict", "7", {}),
        (409, b"Taken", "Conflict", "Taken", {}),
        (409, Left(left=0), "Conflict", "Conflict", {"left": 0}),
    ],
)
def test_a_route_s_own_words_are_the_answer(
    client: TestClient, status: int, detail: Any, title: str, text: str, members: dict[str, Any]
) -> None:
    """`detail` is the author's text, a dictionary's members stand beside it, and none replaces another."""
    NEXT.append(HTTPException(status, detail, {"X-Why": "because", "Content-Type": "text/plain"}))
    answer = client.get("/api/team")
    assert (answer.status_code, answer.headers["X-Why"]) == (status, "because")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers.get("WWW-Authenticate") == ("Bearer" if status == 401 else None)
    assert answer.json()["title"].startswith(title.split()[0])
    own = {
        "type": "about:blank",
        "title": answer.json()["title"],
        "status": status,
        "detail": answer.json()["detail"],
    }
    assert answer.json() == {**own, **members}
    assert answer.json()["detail"] == (text if text != title else answer.json()["title"])


def test_the_router_s_own_refusals_are_duet_s_sentences(client: TestClient) -> None:
    """Where no route answers, Duet says so; the Allow header names what this address takes."""
    assert client.get("/api/team/nowhere").json()["detail"] == "There is nothing at this address."
    answer = client.delete("/api/team")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert answer.json()["detail"].startswith("This address does not take that method")


def test_what_is_no_error_is_sent_as_it_was_raised(client: TestClient) -> None:
    """A redirect and an answer without content may be raised, too."""
    NEXT.append(HTTPException(303, headers={"Location": "/api/docs"}))
    assert client.get("/api/team").headers["Location"] == "/api/docs"
    NEXT.append(HTTPException(204))
    assert (client.get("/api/team").status_code, client.get("/api/team/nowhere").status_code) == (204, 404)


# Validators


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"start": "b", "end": "a"}, "end before start"),
        ({"end": "assert"}, "end may not be that word"),
        ({"end": "custom"}, "from Monday on"),
        ({"end": "plain custom"}, "an error of its own"),
        ({"end": "borrowed"}, "not of this form"),
    ],
)
def test_a_validator_s_own_words_are_the_answer(client: TestClient, sent: dict[str, Any], said: str) -> None:
    """A `ValueError`, an `AssertionError` and a custom error say what their author wrote."""
    (error,) = client.post("/api/team/stay", json=sent).json()["errors"]
    assert error["detail"] == said


@pytest.mark.parametrize(
    "sent",
    [
        {"end": "echo the secret"},
        {"end": "echo"},
        {"end": "partly a secret of mine"},
        {"end": "custom echo of it"},
        {"end": "borrowed echo of it"},  # under the name of one of pydantic's own errors
        {"end": "borrowed tag of it"},
        {"start": "kept to itself", "end": "z", "pin": 0},  # told by a validator of the whole
        {"end": "echo" + "x" * 30_000},
        {"limits": {"password": 1}},  # a key may be typed in, too
    ],
)
def test_s32_a_validator_s_words_that_hold_the_input_are_not_shown(
    client: TestClient, sent: dict[str, Any]
) -> None:
    """A message with a value in it, or with a long part of one, is replaced whatever its case."""
    (error,) = client.post("/api/team/stay", json=sent).json()["errors"]
    assert error["detail"] == "The value is not acceptable."


def test_a_body_that_is_not_json_has_no_fields_to_point_at(client: TestClient) -> None:
    """The words say where it breaks off, and the pointer is the whole body; JSON in a field has its place."""
    (error,) = client.post("/api/team/stay", content='{"pin": 1', headers=_JSON).json()["errors"]
    assert error["pointer"] == ""
    assert error["detail"] == "The body is not JSON. The fault is after 9 characters."
    (error,) = client.post("/api/team/texts", json=["1", "{"]).json()["errors"]
    assert (error["pointer"], error["detail"][:12]) == ("/1", "Invalid JSON")
    answer = client.post("/api/auth/forgot-password", content='{"email', headers=_JSON)
    assert answer.json() == {"error": "invalid_request", "error_description": "The request is malformed."}


def test_s32_built_in_messages_stay_as_they_are(client: TestClient) -> None:
    """A type's message names its bounds, and an email address's, which quotes parts of it, is not shown."""
    answer = client.post("/api/team/stay", json={"pin": "abc", "email": "x\u0001y@", "end": "bare", "tags": 1})
    assert {error["pointer"]: error["detail"] for error in answer.json()["errors"]} == {
        "/pin": "Input should be a valid integer, unable to parse string as an integer",
        "/email": "The value is not acceptable.",
        "/end": "The value is not acceptable.",
        "/tags": "Input should be a valid list",
    }


def test_s32_a_wrong_tag_of_a_union_is_not_repeated(client: TestClient) -> None:
    """pydantic quotes the tag that was sent, and only the expected ones are shown; a bound that was sent stays."""
    (error,) = client.post("/api/team/stay", json={"place": {"kind": "my secret"}}).json()["errors"]
    assert error["detail"] == "Input should have one of these tags as 'kind': 'room', 'tent'"
    (error,) = client.post("/api/team/stay", json={"place": {"kind": "tent", "persons": 3}}).json()["errors"]
    assert error["detail"] == "Input should be greater than 3"


# The pages


def _unusual(code: int) -> PageException:
    error = PageException("Words of an own class")
    error.code = code
    return error


@pytest.mark.parametrize(
    ("raised", "status", "words"),
    [
        (_unusual(420), 420, "Words of an own class"),
        (_unusual(599), 599, "Words of an own class"),
        (SoldOut(), 409, "All of them are sold."),
        (Conflict("<b>Taken</b>"), 409, "<b>Taken</b>"),
    ],
)
def test_a_page_s_own_words_are_shown(client: TestClient, raised: Exception, status: int, words: str) -> None:
    """The words stand on the error page as text, and none of Duet's stand beside them."""
    NEXT.append(raised)
    answer = client.get("/team/")
    assert answer.status_code == status
    assert html.escape(words) in answer.text
    assert "does not go together" not in answer.text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 418, 420, 451, 499, 503, 599])
def test_abort_takes_every_status_and_the_author_s_words(client: TestClient, status: int) -> None:
    """`abort(status, description=…)` shows the description, for a status that nobody registered as well."""
    NEXT.append(((status,), {"description": "No project 7"}))
    answer = client.get("/team/abort")
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert "No project 7" in answer.text
    assert answer.headers.get("WWW-Authenticate") == ("Session" if status == 401 else None)
    assert "The address may be misspelled" not in answer.text


def test_a_page_may_raise_a_route_s_exception(client: TestClient) -> None:
    """Code that both halves share raises FastAPI's exception, whose words and headers count on a page as well."""
    NEXT.append(HTTPException(409, "No project 7", {"X-Why": "because"}))
    answer = client.get("/team/")
    assert (answer.status_code, answer.headers["X-Why"]) == (409, "because")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "No project 7" in answer.text


def test_a_page_without_words_has_duet_s(client: TestClient) -> None:
    """`abort(404)` says what Duet says of any unknown page; a header of the exception is kept."""
    NEXT.append(((404,), {}))
    assert "The address may be misspelled" in client.get("/team/abort").text
    assert "The address may be misspelled" in client.get("/team/nowhere").text
    NEXT.append(((503,), {"description": "Closed today", "retry_after": 60}))
    assert client.get("/team/abort").headers["Retry-After"] == "60"


def test_an_answer_that_a_page_made_itself_is_sent(client: TestClient) -> None:
    """`abort(response)` and an exception with a response are not drawn again."""
    NEXT.append(((Response("mine", 409),), {}))
    assert (client.get("/team/abort").text, NEXT) == ("mine", [])
    with client.app.state.pages.test_request_context():  # type: ignore[attr-defined]
        NEXT.append(PageException(response=make_response("mine, too", 420)))
    assert client.get("/team/").text == "mine, too"
