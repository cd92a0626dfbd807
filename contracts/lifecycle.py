"""The lifecycle stage of a customer: one rule table, from which the Python, Spark and SQL forms come.

The share of delivered activations is compared as integers, so no form of the rules can round differently.
"""

from collections.abc import Callable
from dataclasses import dataclass

EVANGELIST_MIN_CENTS = 500_000


@dataclass(frozen=True)
class StageRule:
    """A stage and what must hold for it. The first rule that holds gives the stage.

    `lifetime_value_over_cents` and `delivered_over_pct` are exclusive bounds, `delivered_from_pct` is inclusive.
    """

    stage: str
    min_orders: int = 0
    lifetime_value_over_cents: int | None = None
    delivered_from_pct: int | None = None
    delivered_over_pct: int | None = None


RULES: tuple[StageRule, ...] = (
    StageRule("evangelist", lifetime_value_over_cents=EVANGELIST_MIN_CENTS, delivered_from_pct=70),
    StageRule("high-value", lifetime_value_over_cents=EVANGELIST_MIN_CENTS),
    StageRule("engaged", min_orders=1, delivered_over_pct=50),
    StageRule("customer", min_orders=1),
    StageRule("prospect"),
)
STAGES: tuple[str, ...] = tuple(rule.stage for rule in RULES)


def _conditions(rule: StageRule) -> list[str]:
    """The rule's conditions in the syntax that Python and SQL share.

    Without any activation the rate is 0: `delivered > 0` keeps `0 >= 0` from holding.
    """
    found = []
    if rule.lifetime_value_over_cents is not None:
        found.append(f"lifetime_value_cents > {rule.lifetime_value_over_cents}")
    if rule.min_orders:
        found.append(f"order_count >= {rule.min_orders}")
    if rule.delivered_from_pct is not None:
        found.append(f"delivered > 0 and delivered * 100 >= {rule.delivered_from_pct} * (delivered + failed)")
    if rule.delivered_over_pct is not None:
        found.append(f"delivered * 100 > {rule.delivered_over_pct} * (delivered + failed)")
    return found


def stage_sql() -> str:
    """The rules as a SQL CASE over the columns order_count, lifetime_value_cents, delivered and failed."""
    *conditional, last = RULES
    whens = " ".join(f"WHEN {' AND '.join(_conditions(rule))} THEN '{rule.stage}'" for rule in conditional)
    return f"CASE {whens} ELSE '{last.stage}' END"


def _holds(rule: StageRule) -> Callable[[int, int, int, int], bool]:
    """The rule as a Python predicate of order_count, lifetime_value_cents, delivered, failed."""

    def predicate(order_count: int, lifetime_value_cents: int, delivered: int, failed: int) -> bool:
        total = delivered + failed
        over_value = rule.lifetime_value_over_cents
        from_pct, over_pct = rule.delivered_from_pct, rule.delivered_over_pct
        return (
            order_count >= rule.min_orders
            and (over_value is None or lifetime_value_cents > over_value)
            and (from_pct is None or (delivered > 0 and delivered * 100 >= from_pct * total))
            and (over_pct is None or delivered * 100 > over_pct * total)
        )

    return predicate


def stage_of(order_count: int, lifetime_value_cents: int, delivered: int, failed: int) -> str:
    """The lifecycle stage of a customer with these counts and this sum in cents."""
    for rule in RULES:
        if _holds(rule)(order_count, lifetime_value_cents, delivered, failed):
            return rule.stage
    raise AssertionError("the last rule holds for every customer")
