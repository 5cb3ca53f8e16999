"""What an iterator gives, made a little ahead by a thread, so that making it and using it overlap."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from queue import Full, Queue
from typing import Generic, TypeVar

T = TypeVar("T")
LOOK = 0.1  # seconds after which the thread looks whether it is still wanted


class Ahead(Generic[T]):
    """An iterator over `items`, which a thread goes through. What they raise is raised where they are taken.

    Args:
        depth: how many wait to be taken; one more is being made.
    """

    def __init__(self, items: Iterable[T], depth: int):
        self._items, self._made = items, Queue[tuple[T | None, BaseException | None]](depth)
        self._unwanted, self._over = threading.Event(), False
        self._thread = threading.Thread(target=self._make, daemon=True)
        self._thread.start()

    def __iter__(self) -> Ahead[T]:
        return self

    def __next__(self) -> T:
        if self._over:
            raise StopIteration
        item, error = self._made.get()
        if error is not None:
            self._over = True
            raise error
        return item  # type: ignore[return-value]  # None is made only together with an error

    def close(self) -> None:
        """Have the thread end, and wait for that."""
        self._unwanted.set()
        self._over = True
        self._thread.join()

    def _make(self) -> None:
        items, end = iter(self._items), StopIteration()
        try:
            for item in items:
                if not self._put((item, None)):
                    break
        except BaseException as error:
            self._put((None, error))
        else:
            self._put((None, end))
        finally:
            if hasattr(items, "close"):
                items.close()

    def _put(self, made: tuple[T | None, BaseException | None]) -> bool:
        """Whether it could be put where it is taken from."""
        while not self._unwanted.is_set():
            try:
                self._made.put(made, timeout=LOOK)
                return True
            except Full:
                continue
        return False
