"""The security headers that every answer carries, no matter which layer wrote it."""

from collections.abc import Iterable

Header = tuple[bytes, bytes]

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self'; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)

# The referrer policy is `same-origin` and not `no-referrer`: with the latter, Chromium sends `Origin: null` with
# a page's own forms, and the check of the Origin would refuse them.
SECURITY_HEADERS: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode("ascii")),
    (
        b"permissions-policy",
        b"camera=(), display-capture=(), geolocation=(), microphone=(), midi=(), payment=(), usb=()",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    # An answer that does not allow caching holds somebody's data, or may do so (RFC 6749 §5.1, CVE-2023-30861).
    (b"cache-control", b"no-store"),
)

# Two years, as V3.4.1 and the preload lists ask. `includeSubDomains` is left out, because Duet must not decide
# about other hosts.
STRICT_TRANSPORT_SECURITY: Header = (b"strict-transport-security", b"max-age=63072000")


_SET_COOKIE = b"set-cookie"
# What tells browsers, or the caches on the way, whether and for how long they may keep an answer (RFC 9111
# section 5), besides the `…-Cache-Control` of single makers (RFC 9213).
_CACHING = frozenset({b"expires", b"pragma", b"surrogate-control", b"edge-control", b"x-accel-expires", b"age"})


def without_sharing(headers: Iterable[Header]) -> list[Header]:
    """Return the headers of an answer that sets a cookie: nobody but its receiver may have it, whatever it said.

    A view that lets its page be cached does not know that the gate has renewed the session meanwhile.
    """
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() not in _CACHING and not name.lower().endswith(b"cache-control")
    ]
    vary = [value for name, value in kept if name.lower() == b"vary"]
    if not {b"cookie", b"*"} & {item.strip().lower() for value in vary for item in value.split(b",")}:
        kept.append((b"vary", b"Cookie"))
    return [*kept, (b"cache-control", b"private, no-store")]


def with_security_headers(headers: Iterable[Header], *, https: bool) -> list[Header]:
    """Return `headers`, with each security header added that they do not set themselves."""
    result = list(headers)
    present = {name.lower() for name, _ in result}
    if _SET_COOKIE in present:
        result = without_sharing(result)
        present = {name.lower() for name, _ in result}
    result += [header for header in SECURITY_HEADERS if header[0] not in present]
    if https and STRICT_TRANSPORT_SECURITY[0] not in present:
        result.append(STRICT_TRANSPORT_SECURITY)
    return result
