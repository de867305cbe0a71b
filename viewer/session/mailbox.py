"""What other threads leave for the session's worker: commands in order, and the newest view request."""

import threading
from collections import deque
from collections.abc import Callable

from viewer.protocol.requests import ViewRequest


class Mailbox:
    """Leaving something never blocks; the worker sleeps until something is left.

    Attributes:
        closed: the worker should end; remaining commands are dropped.
    """

    def __init__(self) -> None:
        self.closed = False
        self._wake = threading.Condition()
        self._commands: deque[Callable[[], None]] = deque()
        self._request: ViewRequest | None = None

    def leave(self, command: Callable[[], None]) -> None:
        """Append a command."""
        with self._wake:
            self._commands.append(command)
            self._wake.notify_all()

    def request(self, request: ViewRequest) -> None:
        """Leave a view request, which replaces one that was not taken yet."""
        with self._wake:
            self._request = request
            self._wake.notify_all()

    def close(self) -> None:
        """Tell the worker to end."""
        self.closed = True
        with self._wake:
            self._wake.notify_all()

    def take_command(self) -> Callable[[], None] | None:
        """The oldest command, or None."""
        with self._wake:
            return self._commands.popleft() if self._commands and not self.closed else None

    def take_request(self) -> ViewRequest | None:
        """The newest view request, or None if it was taken already."""
        with self._wake:
            request, self._request = self._request, None
        return request

    def waiting(self, views: bool) -> bool:
        """Whether there is something to do or the mailbox is closed; view requests count only with `views`."""
        return self.closed or bool(self._commands) or (views and self._request is not None)

    def wait(self, views: bool, seconds: float) -> None:
        """Block until something waits, at most for some seconds."""
        with self._wake:
            self._wake.wait_for(lambda: self.waiting(views), seconds)
