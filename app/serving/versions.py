"""What an answer to an HTTP/1.0 client must not have, for uvicorn answers everybody in HTTP/1.1."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.serving.uvicorn_names import RequestResponseCycle


def ended_by_closing(app: ASGIApp, cycle: RequestResponseCycle) -> ASGIApp:
    """Makes `app` answer without a transfer coding: an answer of unknown length ends with its connection.

    RFC 9112 section 6.1: only a request of HTTP/1.1 may be answered with `Transfer-Encoding`. RFC 9110 section
    10.1.1: nor is an HTTP/1.0 client asked to go on.

    Args:
        app: the app that is about to answer.
        cycle: uvicorn's state of the request, which is the last one on its connection.
    """
    cycle.waiting_for_100_continue = False

    async def run(scope: Scope, receive: Receive, send: Send) -> None:
        has_length = False

        async def send_plainly(message: Message) -> None:
            nonlocal has_length
            if message["type"] == "http.response.start":
                headers = [
                    header for header in message.get("headers", ()) if header[0].lower() != b"transfer-encoding"
                ]
                has_length = any(name.lower() == b"content-length" for name, _ in headers)
                message = {**message, "headers": headers}
                if not has_length:
                    cycle.chunked_encoding = False
            elif not has_length:
                # uvicorn compares each piece with what the length leaves.
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, send_plainly)

    return run
