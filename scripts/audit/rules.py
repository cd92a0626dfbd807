"""The rules of the books, written down a second time: an error in one form does not hide in the other."""

VIP_FROM_CENTS = 20_000
GROWTH_FROM_ORDERS = 2
HIGH_VALUE_OVER_CENTS = 500_000


def stage(orders: int, cents: int, delivered: int, failed: int) -> str:
    """The lifecycle stage of a customer with so many orders, cents, and delivered and failed activations."""
    activations = delivered + failed
    if cents > HIGH_VALUE_OVER_CENTS:
        loyal = activations > 0 and 10 * delivered >= 7 * activations
        return "evangelist" if loyal else "high-value"
    if orders == 0:
        return "prospect"
    return "engaged" if delivered > failed else "customer"


def segment(orders: int, cents: int, lifecycle_stage: str | None) -> str:
    """The segment: by value, then by the number of orders, else the stage the profile carries."""
    if cents >= VIP_FROM_CENTS:
        return "vip"
    if orders >= GROWTH_FROM_ORDERS:
        return "growth"
    return lifecycle_stage or "unknown"


def score_fits(score: float, orders: int, cents: int) -> bool:
    """Whether `score` is value in $ / 200 + orders / 10, rounded to cents.

    A half may be rounded either way: which one is a matter of the binary fraction before it.
    """
    hundredths = round(score * 100)
    exact_in_20000ths = cents + 2_000 * orders
    return abs(score * 100 - hundredths) < 1e-6 and abs(hundredths * 200 - exact_in_20000ths) <= 100


def average(cents: int, orders: int) -> int:
    """Average order value in whole cents, 0 without orders."""
    return cents // orders if orders else 0


def engagement_rate(delivered: int, failed: int) -> float:
    """Delivered share of all activations, 0.0 without any."""
    return delivered / (delivered + failed) if delivered + failed else 0.0
