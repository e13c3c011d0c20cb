"""What an error page says, by status: what happened, and what a person can do next."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class ErrorText:
    """The words of one error page."""

    title: str
    explanation: str
    advice: str
    #: The endpoint that the button leads to, and what the button says.
    endpoint: str = "home.home"
    action: str = "Go to the home page"


ERROR_TEXTS: Final[Mapping[int, ErrorText]] = MappingProxyType(
    {
        400: ErrorText(
            title="That request got garbled",
            explanation="What arrived was not something we could read, or the form had been open for too long.",
            advice="Go back, reload the page and try once more.",
        ),
        403: ErrorText(
            title="This is not yours to open",
            explanation="You are known here, but your account does not have the rights for this.",
            advice="If you think it should, ask the person who looks after this site.",
        ),
        404: ErrorText(
            title="There is no such page",
            explanation="The address may be misspelled, or what was here has moved or gone.",
            advice="Check the address, or start again from the home page.",
        ),
        405: ErrorText(
            title="It does not work that way",
            explanation="The page exists, but it can't be called like this.",
            advice="Go back and use the buttons and links of the page.",
        ),
        408: ErrorText(
            title="That took too long",
            explanation="Your request did not arrive completely in the time we wait for one.",
            advice="Check your connection and send it again.",
        ),
        409: ErrorText(
            title="That does not fit",
            explanation="What you asked for does not go together with how things are now.",
            advice="Go back, reload the page and look again.",
        ),
        413: ErrorText(
            title="That is too big",
            explanation="You sent more than we take in one go.",
            advice="Send less: a smaller file or a shorter text.",
        ),
        414: ErrorText(
            title="That address is too long",
            explanation="The address of the page is longer than any of ours.",
            advice="Check the link you followed, or start again from the home page.",
        ),
        415: ErrorText(
            title="We can't read that format",
            explanation="What you sent is of a kind that this page does not understand.",
            advice="Go back and use the form of the page, or send another kind of file.",
        ),
        429: ErrorText(
            title="A little slower, please",
            explanation="There were many tries in a short time, so we take a break to keep accounts safe.",
            advice="Wait a moment, then try again. Nothing is lost.",
        ),
        431: ErrorText(
            title="Your browser sent too much along",
            explanation="The cookies or other details sent with the request are larger than we accept.",
            advice="Delete the cookies of this site in your browser, then log in again.",
        ),
        500: ErrorText(
            title="Something broke on our side",
            explanation="It is not your fault. The mistake has been written down so that it can be looked into.",
            advice="Try again in a moment. If it stays, tell the person who looks after this site.",
        ),
        503: ErrorText(
            title="We need a moment",
            explanation="A part of the site is busy or does not answer just now.",
            advice="Try again shortly. What you have saved is safe, and you do not need to log in again.",
        ),
    }
)

#: For a form whose CSRF token is missing or does not count.
FORM_OUT_OF_DATE: Final = ErrorText(
    title="This form is out of date",
    explanation="It was opened before a login or log-out, maybe in another tab. Nothing was changed.",
    advice="Go back, reload the page and send it again.",
)

#: For a registration that is closed. The error's own message explains it.
REGISTRATION_CLOSED: Final = ErrorText(
    title="You cannot register here",
    explanation="",
    advice="If you have an account already, please log in.",
    endpoint="auth.login",
    action="Log in",
)

#: What the page of a mailed link says if the link does not count, by endpoint: how to get another one.
LINK_TEXTS: Final[Mapping[str, ErrorText]] = MappingProxyType(
    {
        "verification.verify": ErrorText(
            title="This link does not work",
            explanation="",
            advice="If you have followed it before, all is done. Otherwise have a new one mailed to you.",
            endpoint="verification.resend",
            action="Mail me a new link",
        ),
        "recovery.reset": ErrorText(
            title="This link does not work",
            explanation="",
            advice="If you have chosen a new password, please log in. Otherwise have another link mailed to you.",
            endpoint="recovery.forgot",
            action="Mail me a new link",
        ),
        "joining.invite": ErrorText(
            title="This invitation does not work",
            explanation="",
            advice="If you have made your account with it, please log in. Otherwise ask for a new invitation.",
            endpoint="auth.login",
            action="Log in",
        ),
        "joining.set_up": ErrorText(
            title="This link does not work",
            explanation="",
            advice="If this site has been set up, please log in. Otherwise start it again: it prints a new link.",
            endpoint="auth.login",
            action="Log in",
        ),
    }
)
