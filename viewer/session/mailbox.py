"""What any thread leaves for the session's worker: commands, done in their order, and the newest view request."""

import threading
from collections import deque
from collections.abc import Callable

from viewer.protocol.requests import ViewRequest


class Mailbox:
    """Leaving something never waits; the worker sleeps until there is something.

    Attributes:
        closed: the worker is to end; what is left then is not done any more.
    """

    def __init__(self) -> None:
        self.closed = False
        self._wake = threading.Condition()
        self._commands: deque[Callable[[], None]] = deque()
        self._request: ViewRequest | None = None

    def leave(self, command: Callable[[], None]) -> None:
        """Leave a command behind those that wait."""
        with self._wake:
            self._commands.append(command)
            self._wake.notify_all()

    def request(self, request: ViewRequest) -> None:
        """Leave a view request in place of the one that waits."""
        with self._wake:
            self._request = request
            self._wake.notify_all()

    def close(self) -> None:
        """Wake the worker for the last time."""
        self.closed = True
        with self._wake:
            self._wake.notify_all()

    def take_command(self) -> Callable[[], None] | None:
        """The oldest command, or None."""
        with self._wake:
            return self._commands.popleft() if self._commands and not self.closed else None

    def take_request(self) -> ViewRequest | None:
        """The newest view request that was not taken yet, or None."""
        with self._wake:
            request, self._request = self._request, None
        return request

    def waiting(self, views: bool) -> bool:
        """Whether there is something to do, or it is closed; a view request counts with `views` only."""
        return self.closed or bool(self._commands) or (views and self._request is not None)

    def wait(self, views: bool, seconds: float) -> None:
        """Return once something waits, or after some seconds."""
        with self._wake:
            self._wake.wait_for(lambda: self.waiting(views), seconds)
