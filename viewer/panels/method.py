"""The method: choose field, sampler and contraction, train with them, and compare the run with the former one."""

from functools import partial

import dearpygui.dearpygui as dpg

from core.config.contractions import default_contraction
from core.training.methods import CHOICES, words_of
from viewer.protocol.frames import Frame
from viewer.protocol.runs import Measured, title_of
from viewer.protocol.status import Status
from viewer.protocol.view_settings import Compare
from viewer.state.method_draft import MethodDraft, forget_text, question_text
from viewer.tools.method import METHOD, MethodAnswer, MethodQuestion
from viewer.widgets import ui
from viewer.widgets.confirmation import Confirmation
from viewer.widgets.context import Context
from viewer.widgets.panel import Panel
from viewer.widgets.run_plots import RunPlots
from viewer.widgets.setting_fields import SettingFields
from viewer.widgets.style import ACCENT, ALARM, DASH, DIM, SECOND
from viewer.widgets.widgets import button, clock, label, tooltip

CHOICES_WIDTH, SETTINGS_WIDTH, LABEL_WIDTH, WRAP = 316, 248, 80, 296
"""Widths at scale 1: of the panel's first two columns, of the choices' labels, and of text beside a scroll bar."""

TAKE_UP_HELP = "Go on training A where it stopped. The present run is kept in its place."
FORGET_HELP = (
    "Drop A. Until then its weights and its optimiser stay in memory, so that it can be rendered. It asks first."
)
COMPARE_HELP = (
    "Show A's picture beside the present one, B, both with the present thresholds, near and far plane included. The "
    "panel Compare sets how they share the picture."
)
RUNS_HELP = "A is the former run, B the present one. PSNR is measured on a few views that training never sees."
NO_FORMER = "Train with another method, and the present run becomes A: its curves and pictures are kept for comparison."


class MethodPanel(Panel):
    """The choices, their settings, and the two runs."""

    tag, title = "method", "Method"
    tools = (METHOD,)

    def __init__(self, context: Context):
        super().__init__(context)
        self._draft = MethodDraft()
        self._asked: MethodQuestion | None = None
        self._confirming: MethodQuestion | None = None
        self._forgetting: int | None = None
        style = context.style
        with ui.group(horizontal=True):
            with ui.child_window(width=style.px(CHOICES_WIDTH), border=False):
                self._build_choices()
            with ui.child_window(width=style.px(SETTINGS_WIDTH), border=False, no_scrollbar=True):
                with ui.child_window(width=-1, border=False) as self._list:
                    self._build_settings()
                with ui.group() as self._foot:
                    self._build_start()
            with ui.child_window(width=-1, border=False):
                self._build_runs()

    def _build_choices(self) -> None:
        style = self._context.style
        self._choices: dict[str, tuple[ui.Item, ui.Item]] = {}
        for choice, (title, kinds) in CHOICES.items():
            with ui.group(horizontal=True, horizontal_spacing=style.px(4)):
                label(title, style, LABEL_WIDTH)
                combo = dpg.add_combo(
                    list(kinds), tag=f"method.{choice}", width=-1, user_data=choice,
                    callback=lambda _, name, choice: self._draft.choose(choice, name),
                )  # fmt: skip
            sentence = dpg.add_text("", color=DIM, wrap=style.px(WRAP), tag=f"method.{choice}.sentence")
            dpg.bind_item_font(sentence, style.small)
            self._choices[choice] = combo, sentence

    def _build_start(self) -> None:
        """Below the settings, which scroll: the text may take several lines and mustn't hide a choice."""
        style, half = self._context.style, self._context.style.px((SETTINGS_WIDTH - 8) // 2)
        wrap = style.px(SETTINGS_WIDTH)
        self._problem = dpg.add_text("", tag="method.problem", color=ALARM, wrap=wrap)
        with ui.group(horizontal=True) as self._first:
            self._start = button(
                "Train with it…", style, self._ask_first, "Start training again with this method. It asks first.",
                tag="method.start", width=half,
            )  # fmt: skip
            button("Revert", style, self._draft.revert, "Back to the method in use.", tag="method.revert",
                   width=half)  # fmt: skip
        self._sure_to_start = Confirmation(
            "method", "Start", "The present run is kept for comparison.", self._train, self._stay, style, half, wrap
        )

    def _build_settings(self) -> None:
        """The field's settings come last: it has many, and most are seldom changed."""
        self._fields: dict[tuple[str, str], SettingFields] = {}
        for choice, (_, kinds) in reversed(CHOICES.items()):
            for name, kind in kinds.items():
                if kind.settings is None:
                    continue
                change = partial(self._draft.set, choice)
                tag, title = f"method.{choice}.{name}", f"Settings of {name}"
                self._fields[choice, name] = SettingFields(self._context, tag, title, kind.settings, change)

    def _build_runs(self) -> None:
        style = self._context.style
        self._runs = []
        for name, color in (("A", ACCENT), ("B", SECOND)):
            with ui.group(horizontal=True) as row:
                dpg.bind_item_font(dpg.add_text(name, color=color), style.strong)
                self._runs.append((row, dpg.add_text("", tag=f"method.run.{name}", wrap=0)))
            tooltip(row, RUNS_HELP, style)
        self._none = dpg.add_text(NO_FORMER, color=DIM, wrap=0)
        with ui.group(horizontal=True) as self._former:
            self._compare = button("Compare pictures", style, self._toggle_compare, COMPARE_HELP, tag="method.compare")
            button("Take A up again", style, self._take_up, TAKE_UP_HELP, tag="method.take_up")
            button("Forget A", style, self._ask_to_forget, FORGET_HELP, tag="method.forget")
        self._sure_to_forget = Confirmation(
            "method.forget",
            "Forget",
            "Its weights are removed from memory.",
            self._forget,
            self._keep,
            style,
            style.px(96),
        )
        self._plots = RunPlots(style, -1)

    def update(self, status: Status, frame: Frame | None) -> None:
        """Show the choices, and how both runs went."""
        scene = status.scene
        usual = {} if scene is None else {"contraction": default_contraction(scene.train.grid_levels)}
        self._draft.follow(None if scene is None else scene.method, usual)
        answer = self._ask(status)
        for choice in CHOICES:
            combo, sentence = self._choices[choice]
            name = self._draft.name(choice)
            dpg.set_value(combo, name)
            kind = words_of(choice, name) if name else None
            dpg.set_value(sentence, "" if kind is None else f"{kind.sentence} {kind.cost}")
        self._show_settings(answer)
        self._show_start(status, answer)
        self._show_runs(status)

    def _ask(self, status: Status) -> MethodAnswer | None:
        """Ask whether training could start with the choices; returns the newest answer. The settings of one to an
        older question may still be shown."""
        question = MethodQuestion(self._draft.chosen, status.scene_serial)
        if question != self._asked or self._context.returned:
            self._asked = question
            self._context.session.ask(METHOD, None if status.scene is None else question)
        return self._context.session.result(METHOD)

    def _show_settings(self, answer: MethodAnswer | None) -> None:
        """Show the usual settings with the changes to them, once they are known for the chosen kinds."""
        for (choice, name), fields in self._fields.items():
            if name != self._draft.name(choice):
                fields.show(None)
            elif answer is not None and answer.question.method.method.get(choice) == name:
                fields.show(answer.usual.get(choice), self._draft.values(choice))

    def _show_start(self, status: Status, answer: MethodAnswer | None) -> None:
        if answer is not None and answer.question != self._asked:
            answer = None  # an older one: until the new one comes, training may well be possible
        ready = self._draft.changed and not (answer is not None and (answer.problem or answer.trained))
        if self._confirming != self._asked or not ready:
            self._confirming = None
        confirming = self._confirming is not None
        self._sure_to_start.show(question_text(status, self._draft.chosen) if confirming else "")
        problem = "" if answer is None else answer.problem
        dpg.set_value(self._problem, problem[:1].upper() + problem[1:] + ".")
        dpg.configure_item(self._problem, show=bool(problem))
        foot = dpg.get_item_rect_size(self._foot)[1]
        dpg.configure_item(self._list, height=-(foot + self._context.style.px(4)))
        dpg.configure_item(self._first, show=not confirming)
        dpg.configure_item(self._start, enabled=ready)
        dpg.bind_item_theme(self._start, self._context.style.chosen if ready else self._context.style.plain)

    def _show_runs(self, status: Status) -> None:
        former, scene = status.former, status.scene
        texts = ["", ""]
        if former is not None:
            texts[0] = _run_text(former.title, former.step, former.seconds, former.psnrs)
        if scene is not None:
            texts[1] = _run_text(title_of(scene.method), status.step, status.seconds, status.psnrs)
        for (row, item), text in zip(self._runs, texts, strict=True):
            dpg.configure_item(row, show=bool(text))
            dpg.set_value(item, text)
        dpg.configure_item(self._none, show=former is None)
        if former is None or self._forgetting != status.scene_serial:
            self._forgetting = None  # A is gone, or is another run by now
        asking = self._forgetting is not None
        dpg.configure_item(self._former, show=former is not None and not asking)
        self._sure_to_forget.show(forget_text(former) if former is not None and asking else "")
        comparing = self._context.state.comparing is Compare.RUN
        dpg.bind_item_theme(self._compare, self._context.style.chosen if comparing else self._context.style.plain)
        self._plots.show(() if former is None else former.psnrs, status.psnrs)

    def _ask_first(self) -> None:
        self._confirming = self._asked

    def _stay(self) -> None:
        self._confirming = None

    def _train(self) -> None:
        if self._confirming is not None:
            self._context.session.train_with(*self._confirming)
            self._confirming = None

    def _toggle_compare(self) -> None:
        state = self._context.state
        state.set_view(compare=Compare.OFF if state.comparing is Compare.RUN else Compare.RUN)

    def _take_up(self) -> None:
        self._context.session.take_up(self._context.state.scene_serial)

    def _ask_to_forget(self) -> None:
        self._forgetting = self._context.state.scene_serial

    def _keep(self) -> None:
        self._forgetting = None

    def _forget(self) -> None:
        if self._forgetting is not None:
            self._context.session.forget_former(self._forgetting)
            self._forgetting = None


def _run_text(title: str, step: int, seconds: float, psnrs: tuple[Measured, ...]) -> str:
    """One line about a run, with its figures first: titles may be long."""
    psnr = f"{psnrs[-1].psnr:.1f} dB" if psnrs else DASH
    return f"{psnr}   ·   step {step}, {clock(seconds)}   ·   {title}"


PANEL = MethodPanel
