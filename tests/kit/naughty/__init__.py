"""Strings that break input handling, each made by a rule, and a client that sends them."""

from __future__ import annotations

from tests.kit.naughty.sending import Answer, Sender, form, quiet
from tests.kit.naughty.strings import naughty_strings

__all__ = ["Answer", "Sender", "form", "naughty_strings", "quiet"]
