"""The story of one customer, step by step, and what must be true after each: written down as plain numbers."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Expected:
    """What live and gold must say. Money in cents; `propensity` need only be there, between 0 and 1."""

    orders: int
    cents: int
    average_cents: int
    delivered: int
    failed: int
    rate: float
    stage: str
    is_active: bool
    segment: str


@dataclass(frozen=True)
class Step:
    """One click: `items` are an order's, `engagement` is (channel, status); with neither the customer is created."""

    title: str
    expected: Expected
    items: tuple[tuple[str, int, int], ...] = ()
    engagement: tuple[str, str] | None = None

    @property
    def body(self) -> dict[str, Any]:
        """The JSON that the page's API takes for this step."""
        if self.items:
            names = ("sku", "quantity", "price_cents")
            return {"items": [dict(zip(names, item, strict=True)) for item in self.items]}
        if self.engagement:
            return dict(zip(("channel", "status"), self.engagement, strict=True))
        return {"first_name": "Vera", "last_name": "Fairchild"}


STORY: tuple[Step, ...] = (
    Step("create the customer", Expected(0, 0, 0, 0, 0, 0.0, "prospect", False, "prospect")),
    Step(
        "order for $39.99",
        Expected(1, 3_999, 3_999, 0, 0, 0.0, "customer", True, "customer"),
        items=(("MUG-01", 2, 1_250), ("TEE-07", 1, 1_499)),
    ),
    Step(
        "e-mail, delivered",
        Expected(1, 3_999, 3_999, 1, 0, 1.0, "engaged", True, "engaged"),
        engagement=("email", "delivered"),
    ),
    Step(
        "text message, failed",
        Expected(1, 3_999, 3_999, 1, 1, 0.5, "customer", True, "customer"),
        engagement=("sms", "failed"),
    ),
    Step(
        "order for $150.00",
        Expected(2, 18_999, 9_499, 1, 1, 0.5, "customer", True, "growth"),
        items=(("BAG-03", 3, 5_000),),
    ),
    Step(
        "order up to $5,000.00 in all, which is not past it",
        Expected(3, 500_000, 166_666, 1, 1, 0.5, "customer", True, "vip"),
        items=(("SOFA-11", 1, 481_001),),
    ),
    Step(
        "order for one cent, past $5,000.00",
        Expected(4, 500_001, 125_000, 1, 1, 0.5, "high-value", True, "vip"),
        items=(("STICKER-02", 1, 1),),
    ),
    Step(
        "push message, delivered: 2 of 3",
        Expected(4, 500_001, 125_000, 2, 1, 2 / 3, "high-value", True, "vip"),
        engagement=("push", "delivered"),
    ),
    Step(
        "in-app message, delivered: 3 of 4",
        Expected(4, 500_001, 125_000, 3, 1, 0.75, "evangelist", True, "vip"),
        engagement=("in_app", "delivered"),
    ),
)
