"""Takes a way out of a collapsed training."""

from core.config.march import MarchSettings
from core.training.trainer import Trainer
from viewer.protocol.rescues import Rescue


def rescue(trainer: Trainer, way: Rescue, own: MarchSettings) -> str:
    """Take a way out; returns what was done, in one sentence.

    Args:
        own: the thresholds that the scene was opened with.

    Raises:
        FirstlightError: it isn't possible, or doesn't help.
    """
    if way is Rescue.OWN:
        trainer.set_march(own)
        trainer.rebuild_grid()
        return "Training uses the thresholds that the scene was opened with; the grid is rebuilt."
    if way is Rescue.LOWER:
        march = trainer.lower_thresholds()
        return (
            f"Training's alpha threshold is {march.alpha_thre:g} and its occupancy threshold {march.occ_thre:g} now; "
            "the grid is rebuilt."
        )
    if way is Rescue.REBUILD:
        trainer.rebuild_grid()
        return "The grid is rebuilt: every cell that may hold something is occupied until it proves empty."
    rate = trainer.settings.learning_rate
    step = trainer.restore_last_good()
    slower = trainer.settings.learning_rate
    rates = f", with a learning rate of {slower:g} instead of {rate:g}" if slower < rate else ""
    return f"Back at step {step}{rates}."
