"""The device that the session computes on: a GPU is checked before its first scene, and it may be lost."""

from core.datasets.dataset import Progress
from core.rendering.backends import BackendChoice, describe_backend
from core.self_check.engine import ready_engine
from viewer.protocol.status import Notice


class SessionDevice:
    """The device and its kernels.

    Args:
        backend, check_gpu: as for `ready_engine`.

    Attributes:
        name: "cpu" or "cuda", for what is opened from now on.
        described: which kernels run where, and why.
    """

    def __init__(self, device: str, backend: BackendChoice, check_gpu: bool):
        self._backend: BackendChoice = backend
        self._checks_gpu, self._is_ready = check_gpu, False
        self.name, self.described = device, describe_backend(device)
        if device == "cpu":
            self.get_ready(lambda share, text: None)

    def get_ready(self, progress: Progress) -> Notice | None:
        """Check a GPU and choose the kernels, once; returns what the user should know of it.

        Raises:
            BackendUnavailable: see `ready_engine`.
        """
        if self._is_ready:
            return None
        engine = ready_engine(
            self.name, self._backend, self._checks_gpu, lambda: progress, lambda text: progress(0.0, text)
        )
        self._is_ready, self.name, verdict = True, engine.device, engine.verdict
        if verdict is None or not verdict.faults:
            self.described = describe_backend(self.name)
            return None
        self.described = describe_backend(self.name, verdict.note) + (f"; {verdict.note}" if verdict.usable else "")
        return Notice(verdict.sentence, error=engine.is_new)

    def lose_gpu(self) -> None:
        """Compute on the CPU from now on."""
        self.name = "cpu"
        self.described = describe_backend("cpu", "the GPU is lost until the program is started again")
