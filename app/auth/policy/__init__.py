"""Who may call what: markers for endpoints of both frameworks, the table that they make, and the one decision."""

from app.auth.policy.decision import FRESH, LOGIN, PUBLIC, Caller, Policy, decide
from app.auth.policy.errors import PolicyError
from app.auth.policy.markers import (
    BODY_MARK,
    Marker,
    carried,
    given_policy,
    policy_of,
    public,
    refuse_marks,
    require,
)
from app.auth.policy.parts import attribute, name_of
from app.auth.policy.reach import Root, refuse_lost_marks
from app.auth.policy.table import Covered, Rule

__all__ = [
    "BODY_MARK",
    "FRESH",
    "LOGIN",
    "PUBLIC",
    "Caller",
    "Covered",
    "Marker",
    "Policy",
    "PolicyError",
    "Root",
    "Rule",
    "attribute",
    "carried",
    "decide",
    "given_policy",
    "name_of",
    "policy_of",
    "public",
    "refuse_lost_marks",
    "refuse_marks",
    "require",
]
