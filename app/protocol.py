"""uvicorn's HTTP protocol with the deadlines and caps that can only be kept below ASGI."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class DuetProtocol(HttpToolsProtocol):
    """For uvicorn's `http=`."""

    header_seconds: float = 10
    max_header_bytes: int = 65536
    stall_seconds: float = 20
