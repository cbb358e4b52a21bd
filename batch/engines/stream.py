"""A thread pool that keeps order and bounds what is in flight by bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def map_ordered(
    function: Callable[[T], R], items: Iterable[T], *, threads: int, budget_bytes: int, size_of: Callable[[T], int]
) -> Iterator[R]:
    """Yields `function` of each item, in order. At most `budget_bytes` of items wait or run (always at least one).

    The first exception of `function` or `items` goes up; what had begun is finished, the rest is dropped.
    """
    waiting: deque[tuple[Future[R], int]] = deque()
    held = 0
    with ThreadPoolExecutor(threads, thread_name_prefix="facings-map") as pool:
        try:
            for item in items:
                size = size_of(item)
                while waiting and (held + size > budget_bytes or waiting[0][0].done()):
                    future, weight = waiting.popleft()
                    held -= weight
                    yield future.result()
                waiting.append((pool.submit(function, item), size))
                held += size
            while waiting:
                yield waiting.popleft()[0].result()
        finally:
            for future, _ in waiting:
                future.cancel()
