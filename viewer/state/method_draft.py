"""The method that is being chosen beside the one that is trained. Pure: the panel changes it."""

from collections.abc import Mapping
from typing import Any

from core.config.setting import Setting
from core.training.build import Overrides
from viewer.protocol.runs import RunSummary, names_of
from viewer.protocol.status import Status


class MethodDraft:
    """The method that training would start again with.

    Attributes:
        trained: the method that is trained, or None without a scene.
        chosen: the chosen one. The settings of each kind are remembered until another method is trained.
    """

    def __init__(self) -> None:
        self.trained: Overrides | None = None
        self._usual: Mapping[str, str] = {}
        self._names: dict[str, str] = {}
        self._values: dict[tuple[str, str], dict[str, Any]] = {}

    @property
    def chosen(self) -> Overrides:
        values = {choice: self.values(choice) for choice in ("field", "sampler")}
        names = {choice: name for choice, name in self._names.items() if name != self._usual.get(choice)}
        return Overrides(method=names, **values)

    @property
    def changed(self) -> bool:
        return self.chosen != (self.trained or Overrides())

    def follow(self, trained: Overrides | None, usual: Mapping[str, str]) -> None:
        """Follow a scene's method; another one discards what was chosen.

        Args:
            usual: the default kinds, by choice.
        """
        if (trained, usual) != (self.trained, self._usual):
            self.trained, self._usual = trained, usual
            self.revert()

    def revert(self) -> None:
        """Choose the method that is trained."""
        self._names, self._values = {}, {}
        if self.trained is not None:
            self._names = {**self._usual, **self.trained.method}
            for choice in ("field", "sampler"):
                self._values[choice, self._names[choice]] = dict(getattr(self.trained, choice))

    def name(self, choice: str) -> str:
        """The name of the chosen kind, "" without a scene."""
        return self._names.get(choice, "")

    def choose(self, choice: str, name: str) -> None:
        if self.trained is not None:
            self._names[choice] = name

    def values(self, choice: str) -> dict[str, Any]:
        """The settings of the chosen kind that differ from the defaults, by name."""
        return dict(self._values.get((choice, self.name(choice)), {}))

    def set(self, choice: str, setting: str, value: Any) -> None:
        """Change a setting of the chosen kind."""
        self._values.setdefault((choice, self.name(choice)), {})[setting] = value


def question_text(status: Status, chosen: Overrides) -> str:
    """What is asked before training starts again, and what becomes of the runs that there are."""
    psnr = f", {status.psnrs[-1].psnr:.1f} dB" if status.psnrs else ""
    text = (
        f"Start training again with {names_of(chosen)}? "
        f"The present run (step {status.step}{psnr}) is kept for comparison."
    )
    if status.former is not None:
        text += f" The one kept so far, {status.former.title} (step {status.former.step}), is dropped."
    return text


def forget_text(former: RunSummary) -> str:
    """The question before the former run is dropped."""
    psnr = f", {former.psnrs[-1].psnr:.1f} dB" if former.psnrs else ""
    return f"Forget A? That run, {former.title} (step {former.step}{psnr}), is dropped and can't be restored."


def label_of(name: str, setting: Setting) -> str:
    """What a setting is called in the window: its label, or what can be read from its name."""
    return setting.label or name.removeprefix("n_").replace("_", " ").capitalize()
