"""The books: from the records of the three event topics, what every table and view must hold. Pure; no input or output.

Rules: the profile with the highest offset counts, a null one erases; the first record of an order or an activation
counts, later ones are duplicates; facts without a profile wait for it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.faults import Kind, Reason
from scripts.audit import rules
from scripts.audit.classify import CONTRACT_RULES, Verdict

Mark = tuple[int, str]
"""(occurred_at_ms, event_id): the greatest is the newest event."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What the newest right profile of a customer says."""

    email: str | None
    first_name: str | None
    last_name: str | None
    created_at_ms: int
    lifecycle_stage: str | None
    is_active: bool
    mark: Mark


@dataclass(slots=True)
class Account:
    """One customer's sums, and the profile, if any. Offsets are those of the profile topic, -1 before the first."""

    profile: Profile | None = None
    erased: bool = False
    profile_offset: int = -1
    broken_offset: int = -1
    orders: int = 0
    cents: int = 0
    first_order_at_ms: int | None = None
    last_order_at_ms: int | None = None
    delivered: int = 0
    failed: int = 0
    newest: Mark = (-1, "")

    @property
    def is_live(self) -> bool:
        """Whether the live side has this customer: a profile that breaks the contract hides it until the next."""
        return self.profile is not None and self.broken_offset < self.profile_offset

    @property
    def has_facts(self) -> bool:
        """Whether there is an order or an activation."""
        return bool(self.orders or self.delivered or self.failed)

    @property
    def stage(self) -> str:
        """The lifecycle stage by the rule."""
        return rules.stage(self.orders, self.cents, self.delivered, self.failed)


@dataclass(slots=True)
class Books:
    """Accounts by customer id, and the first position (partition, offset) of every order and activation."""

    accounts: dict[str, Account] = field(default_factory=dict)
    orders: dict[str, tuple[int, int]] = field(default_factory=dict)
    activations: dict[str, tuple[int, int]] = field(default_factory=dict)
    duplicate_orders: int = 0
    duplicate_activations: int = 0

    def enter(self, kind: Kind, key: bytes | None, position: tuple[int, int], verdict: Verdict) -> None:
        """Enter one record. Facts must come in the order of their offsets, profiles may come in any."""
        if verdict.reason is not None:
            if kind is Kind.PROFILE and key is not None:
                self._enter_broken_profile(key.decode("utf-8", "replace"), position[1], verdict.reason)
        elif kind is Kind.PROFILE and key is not None:
            self.enter_profile(key.decode("utf-8", "replace"), position[1], verdict.row)
        elif verdict.row is not None:
            enter = self.enter_order if kind is Kind.ORDER else self.enter_activation
            enter(position, verdict.row)

    def account(self, customer_id: str) -> Account:
        """The account of a customer, opened at the first mention."""
        found = self.accounts.get(customer_id)
        if found is None:
            found = self.accounts[customer_id] = Account()
        return found

    def enter_profile(self, customer_id: str, offset: int, row: Mapping[str, Any] | None) -> None:
        """Enter a right profile, or an erase (`row` None)."""
        account = self.account(customer_id)
        if offset <= account.profile_offset:
            return
        account.profile_offset = offset
        account.erased = row is None
        account.profile = None if row is None else _profile(row)

    def _enter_broken_profile(self, customer_id: str, offset: int, reason: Reason) -> None:
        """What cannot be decoded is skipped by the live side; what breaks a rule takes the customer off it."""
        if reason in CONTRACT_RULES:
            account = self.account(customer_id)
            account.broken_offset = max(account.broken_offset, offset)

    def enter_order(self, position: tuple[int, int], row: Mapping[str, Any]) -> None:
        """Enter a right order; only the first record of an order counts."""
        if row["order_id"] in self.orders:
            self.duplicate_orders += 1
            return
        self.orders[row["order_id"]] = position
        account, placed = self.account(row["customer_id"]), row["placed_at_ms"]
        account.orders += 1
        account.cents += row["order_total_cents"]
        first, last = account.first_order_at_ms, account.last_order_at_ms
        account.first_order_at_ms = placed if first is None else min(first, placed)
        account.last_order_at_ms = placed if last is None else max(last, placed)
        account.newest = max(account.newest, _mark(row))

    def enter_activation(self, position: tuple[int, int], row: Mapping[str, Any]) -> None:
        """Enter a right activation; only the first record of an activation counts."""
        if row["activation_id"] in self.activations:
            self.duplicate_activations += 1
            return
        self.activations[row["activation_id"]] = position
        account = self.account(row["customer_id"])
        account.delivered += row["status"] == "delivered"
        account.failed += row["status"] == "failed"
        account.newest = max(account.newest, _mark(row))

    def customers(self) -> Iterator[tuple[str, Account, Profile]]:
        """Every customer that has a profile: what silver, gold and the gold view hold."""
        return (
            (customer_id, account, account.profile)
            for customer_id, account in self.accounts.items()
            if account.profile is not None
        )

    def awaiting(self) -> int:
        """Customers with facts whose profile has not come."""
        return sum(1 for a in self.accounts.values() if a.profile is None and not a.erased and a.has_facts)

    def erased(self) -> int:
        """Customers whose newest profile is an erase."""
        return sum(1 for account in self.accounts.values() if account.erased)

    def hidden(self) -> int:
        """Customers that gold has and the live side has not, because their newest profile breaks the contract."""
        return sum(1 for _, account, _ in self.customers() if not account.is_live)


def _mark(row: Mapping[str, Any]) -> Mark:
    return row["occurred_at_ms"], row["event_id"]


def _profile(row: Mapping[str, Any]) -> Profile:
    return Profile(
        row.get("email"),
        row.get("first_name"),
        row.get("last_name"),
        row["created_at_ms"],
        row.get("lifecycle_stage"),
        row["is_active"],
        _mark(row),
    )


def common_row(customer_id: str, account: Account, profile: Profile) -> dict[str, Any]:
    """The fields that the live view and gold share, as both must show them."""
    newest = max(account.newest, profile.mark)
    return {
        "customer_id": customer_id,
        "email": profile.email,
        "first_name": profile.first_name,
        "last_name": profile.last_name,
        "created_at_ms": profile.created_at_ms,
        "is_active": profile.is_active,
        "lifecycle_stage": account.stage,
        "order_count": account.orders,
        "lifetime_value_cents": account.cents,
        "first_order_at_ms": account.first_order_at_ms,
        "last_order_at_ms": account.last_order_at_ms,
        "delivered": account.delivered,
        "failed": account.failed,
        "last_event_id": newest[1],
        "last_event_at_ms": newest[0],
    }


def gold_row(customer_id: str, account: Account, profile: Profile) -> dict[str, Any]:
    """The customer-360 row without its version."""
    return {
        **common_row(customer_id, account, profile),
        "average_order_value_cents": rules.average(account.cents, account.orders),
        "engagement_rate": rules.engagement_rate(account.delivered, account.failed),
    }
