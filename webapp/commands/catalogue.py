"""What customers are called and what they buy. Pure data: products are listed by popularity."""

from dataclasses import dataclass
from itertools import accumulate

FIRST_NAMES = (
    *("Ada", "Amir", "Anna", "Aiko", "Ben", "Bianca", "Carlos", "Chloe", "Dana", "David", "Elena", "Emil"),
    *("Fatima", "Felix", "Grace", "Hana", "Hugo", "Ines", "Ivan", "Jonas", "Julia", "Kofi", "Lara", "Leo"),
    *("Lina", "Luca", "Maya", "Milan", "Nadia", "Noah", "Olga", "Omar", "Paula", "Priya", "Rosa", "Samir"),
    *("Sofia", "Tariq", "Tess", "Theo", "Uma", "Vera", "Wei", "Xenia", "Yara", "Yusuf", "Zoe", "Zoltan"),
)
LAST_NAMES = (
    *("Adler", "Ahmed", "Becker", "Bianchi", "Castro", "Chen", "Costa", "Dubois", "Eriksen", "Fischer"),
    *("Garcia", "Haas", "Hansen", "Ito", "Jansen", "Keller", "Khan", "Kim", "Kowalski", "Lopez", "Mendez"),
    *("Meyer", "Moreau", "Nagy", "Novak", "Okafor", "Olsen", "Patel", "Petrov", "Quinn", "Rossi", "Sato"),
    *("Schmidt", "Silva", "Singh", "Tanaka", "Urban", "Vogel", "Wagner", "Weber", "Yilmaz", "Zhang"),
)
MAIL_DOMAINS = ("example.com", "example.net", "example.org")
ORDER_CHANNELS = ("web", "app", "store", "partner")
ORDER_CHANNEL_WEIGHTS = (55, 30, 10, 5)
ZIPF_EXPONENT = 1.05


@dataclass(frozen=True)
class Product:
    """A product; `price_cents` is the price of one."""

    sku: str
    price_cents: int


_PRICES_CENTS = (
    *(1_299, 499, 2_450, 899, 3_995, 1_750, 649, 5_900, 2_199, 1_099, 7_950, 349, 4_490, 12_900, 1_999),
    *(2_850, 8_900, 599, 19_900, 3_299, 1_490, 24_900, 6_450, 999, 9_990, 34_900, 4_990, 15_900, 2_290, 49_900),
    *(7_490, 11_900, 1_850, 64_900, 5_490, 89_900, 17_900, 3_790, 29_900, 129_900),
)
PRODUCTS = tuple(Product(f"SKU-{rank:04d}", price) for rank, price in enumerate(_PRICES_CENTS, 1))
PRODUCT_CUM_WEIGHTS = tuple(accumulate(1 / rank**ZIPF_EXPONENT for rank in range(1, len(PRODUCTS) + 1)))
