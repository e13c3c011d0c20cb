"""Marks views that wait for long, so that they do not take the threads of quick ones."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__duet_slow__"


@overload
def slow(view: F) -> F: ...
@overload
def slow(*, methods: Iterable[str]) -> Callable[[F], F]: ...
def slow(view: F | None = None, *, methods: Iterable[str] | None = None) -> F | Callable[[F], F]:
    """Mark a Flask view that waits for long: for a password hash, a mail, somebody else's service.

    Such a view runs in a second pool of threads, so that sixteen of them do not stop the other pages::

        @slow                       # whatever the method
        @slow(methods=("POST",))    # only where the form is sent

    Args:
        view: the view function, or a `MethodView`'s method or class.
        methods: the HTTP methods that it is slow for; all of them if left out.
    """
    if isinstance(methods, str):
        raise TypeError("methods is a collection of names, such as ('POST',)")
    chosen = None if methods is None else frozenset(method.upper() for method in methods)

    def mark(target: F) -> F:
        setattr(target, _MARK, (chosen,))
        return target

    return mark if view is None else mark(view)


def is_marked_slow(view: Callable[..., Any], method: str) -> bool:
    """Tell whether `view`, as registered with Flask, is marked slow for the HTTP `method`.

    A `MethodView` may carry the marker on the class or on one of its methods. The marker survives a
    decorator that uses `functools.wraps`.
    """
    view_class = getattr(view, "view_class", None)
    carriers = (view, view_class, getattr(view_class, method.lower(), None))
    marks = [mark for carrier in carriers if (mark := getattr(carrier, _MARK, None)) is not None]
    return any(methods is None or method.upper() in methods for (methods,) in marks)
