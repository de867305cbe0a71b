"""Makes a device ready: a GPU that fails its self-check is not used, or not with all of its kernels."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from core.rendering.backends import BackendChoice, choose_backend
from core.self_check.supervise import Tell

if TYPE_CHECKING:
    from core.self_check.verdict import Verdict


class Engine(NamedTuple):
    """A device that is ready, with its kernels chosen.

    Attributes:
        device: "cpu" or "cuda".
        verdict: of the GPU's self-check; None where there was none.
        is_new: whether the check ran now; otherwise its verdict was remembered.
    """

    device: str
    verdict: "Verdict | None" = None
    is_new: bool = False


def ready_engine(
    device: str, backend: BackendChoice, check: bool, tell: Callable[[], Tell], say: Callable[[str], None]
) -> Engine:
    """Check a GPU at its first start, and choose the kernels to march and sum with.

    Args:
        device: as `choose_device` returns it.
        check: False: a GPU is trusted.
        tell: returns what is called as the check goes on; what that raises ends the check.
        say: called with a message before anything else that is slow.

    Raises:
        BackendUnavailable: see `choose_backend`.
    """
    verdict, is_new = None, False
    if check and device == "cuda":
        from core.self_check.verdict import prove, remembered  # which import all that a start on a CPU has no need of

        is_new = remembered() is None
        verdict = prove(device, tell())
        if not verdict.usable:
            device = "cpu"
    choose_backend(backend, device, say)
    return Engine(device, verdict, is_new)
