"""Provides a queue in which everybody gets their turn, however much any one of them asks for."""

from __future__ import annotations

from collections import OrderedDict, deque
from contextvars import ContextVar
from typing import Final, Generic, NamedTuple, Self, TypeVar

from app.auth.limits.networks import network
from app.auth.models import Client

T = TypeVar("T")


class Asker(NamedTuple):
    """Who waits for a turn: a client on the network, on behalf of an account."""

    #: The name that `network` gives the client; empty for the operator of the site.
    address: str = ""
    #: The account's email address in its normal form.
    account: str = ""

    @classmethod
    def of(cls, client: Client, account: str) -> Self:
        """Returns the asker for a client and the email address of an account, which need not exist."""
        return cls(network(client.ip), account)


_OPERATOR: Final = Asker()
_ASKING: Final[ContextVar[Asker]] = ContextVar("asking", default=_OPERATOR)


def ask_as(asker: Asker) -> None:
    """Has everything that this request does from now on wait in line as `asker`, for the store above all.

    A request is a task of its own, and its threads run in a copy of its context, so this concerns no other one.
    """
    _ASKING.set(asker)


def asking() -> Asker:
    """Returns on whose behalf this context asks: the operator's, where nobody has said."""
    return _ASKING.get()


class Turns(Generic[T]):
    """Holds what waits. Clients take turns, and so do the accounts of each client.

    So a flood from one client, for one account or for many, makes another client wait for only one of its items.
    """

    def __init__(self) -> None:
        self._addresses: OrderedDict[str, OrderedDict[str, deque[T]]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(_size, self._addresses.values()))

    def __bool__(self) -> bool:
        return bool(self._addresses)

    def add(self, asker: Asker, item: T) -> None:
        """Lets `item` wait, behind everything that the asker has waiting already."""
        accounts = self._addresses.setdefault(asker.address, OrderedDict())
        accounts.setdefault(asker.account, deque()).append(item)

    def take(self) -> T:
        """Removes the next item and returns it. Raises `KeyError` if nothing waits."""
        address, accounts = self._addresses.popitem(last=False)
        account, items = accounts.popitem(last=False)
        item = items.popleft()
        # Those who have more waiting go to the end of the line.
        if items:
            accounts[account] = items
        if accounts:
            self._addresses[address] = accounts
        return item

    def remove(self, asker: Asker, item: T) -> None:
        """Removes `item` if it still waits."""
        accounts = self._addresses.get(asker.address, OrderedDict())
        items = accounts.get(asker.account, deque())
        if item not in items:
            return
        items.remove(item)
        if not items:
            del accounts[asker.account]
        if not accounts:
            del self._addresses[asker.address]

    def make_room(self, asker: Asker) -> T | None:
        """Removes and returns the last item of those who have the most waiting, if the asker would have fewer.

        Returns None if nobody crowds the asker out; then it is the asker who has to come back later.
        """
        address = max(self._addresses, key=lambda one: _size(self._addresses[one]), default="")
        accounts = self._addresses.get(address, OrderedDict())
        account = max(accounts, key=lambda one: len(accounts[one]), default="")
        if address == asker.address:
            most, own = len(accounts.get(account, ())), len(accounts.get(asker.account, ()))
        else:
            most, own = _size(accounts), _size(self._addresses.get(asker.address, OrderedDict()))
        if most <= own + 1:
            return None
        item = accounts[account][-1]
        self.remove(Asker(address, account), item)
        return item


def _size(accounts: OrderedDict[str, deque[T]]) -> int:
    return sum(map(len, accounts.values()))
