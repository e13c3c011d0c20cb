"""Accounts: how they are created, change and end."""

from app.auth.accounts.accounts import Accounts
from app.auth.accounts.addresses import Addresses
from app.auth.accounts.administration import Administration
from app.auth.accounts.credentials import Credentials
from app.auth.accounts.import_lines import BadLine, records
from app.auth.accounts.importing import Importing, Tally
from app.auth.accounts.invitations import Invitations
from app.auth.accounts.own_account import OwnAccount
from app.auth.accounts.registration import Registration

__all__ = [
    "Accounts",
    "Addresses",
    "Administration",
    "BadLine",
    "Credentials",
    "Importing",
    "Invitations",
    "OwnAccount",
    "Registration",
    "Tally",
    "records",
]
