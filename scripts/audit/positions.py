"""Sets of record positions, one byte each: what is known about (topic, partition, offset)."""

from collections.abc import Iterator

PAGE = 65_536
Partition = tuple[str, int]
"""A topic's name and a partition's number."""

PRESENT = 1
AGAIN = 2
FAULTY = 4
QUARANTINED = 8


class Marks:
    """A byte of marks per position, in pages that exist only where something was marked."""

    def __init__(self) -> None:
        self._pages: dict[Partition, dict[int, bytearray]] = {}
        self.count = 0

    def add(self, topic: str, partition: int, offset: int, marks: int = 0) -> None:
        """Mark a position as present, with further `marks`; a second time it is also marked AGAIN."""
        number, place = divmod(offset, PAGE)
        pages = self._pages.setdefault((topic, partition), {})
        page = pages.get(number)
        if page is None:
            page = pages[number] = bytearray(PAGE)
        known = page[place]
        page[place] = known | PRESENT | marks | (AGAIN if known else 0)
        self.count += 1

    def get(self, topic: str, partition: int, offset: int) -> int:
        """The marks of a position, 0 where there is none."""
        number, place = divmod(offset, PAGE)
        page = self._pages.get((topic, partition), {}).get(number)
        return page[place] if page else 0

    def partitions(self) -> set[Partition]:
        """The partitions that have a position."""
        return set(self._pages)

    def pages(self, partition: Partition) -> dict[int, bytearray]:
        """The pages of one partition by their number."""
        return self._pages.get(partition, {})


def walk(left: Marks, right: Marks) -> Iterator[tuple[str, int, int, int, int]]:
    """Every position that either side knows: topic, partition, offset, marks left, marks right; in order."""
    nothing = bytes(PAGE)
    for topic, partition in sorted(left.partitions() | right.partitions()):
        pages_left, pages_right = left.pages((topic, partition)), right.pages((topic, partition))
        for number in sorted(pages_left.keys() | pages_right.keys()):
            first = number * PAGE
            pairs = zip(pages_left.get(number, nothing), pages_right.get(number, nothing), strict=True)
            for place, (in_left, in_right) in enumerate(pairs):
                if in_left or in_right:
                    yield topic, partition, first + place, in_left, in_right
