"""Undo and redo of immutable values. Pure."""

from typing import Generic, TypeVar

T = TypeVar("T")

MOST = 200
"""Changes that can be undone."""


class History(Generic[T]):
    """A value, those before it and those that were undone.

    Attributes:
        present: the value now.
    """

    def __init__(self, present: T):
        self.present = present
        self._before: list[T] = []
        self._undone: list[T] = []
        self._kind = ""

    def record(self, value: T, kind: str = "") -> None:
        """Take another value.

        Args:
            kind: names a change that goes on, such as a drag: those of one kind in a row are undone at once.
        """
        if value == self.present:
            return
        if not (kind and kind == self._kind):
            self._before = [*self._before, self.present][-MOST:]
        self.present, self._undone, self._kind = value, [], kind

    def settle(self) -> None:
        """A change that went on is over: the next one is another."""
        self._kind = ""

    def undo(self) -> bool:
        """Go back to the value before; returns whether there was one."""
        if not self._before:
            return False
        self._undone.append(self.present)
        self.present, self._kind = self._before.pop(), ""
        return True

    def redo(self) -> bool:
        """Take back an undo; returns whether there was one."""
        if not self._undone:
            return False
        self._before.append(self.present)
        self.present, self._kind = self._undone.pop(), ""
        return True
