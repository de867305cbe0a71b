"""Drives a running window from outside: xdotool for mouse and keys, the screen's pixels, the program's status log."""

import ctypes
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageGrab

PATIENCE = 240.0
"""Seconds to wait for an event: long enough for kernels to compile on a slow machine. An event that takes longer never
happens."""

_FRAMES = 2
"""Frames after the one in progress: the first sees a click, the second shows its effect."""

_SEEN = 1
"""Frames after the one in progress until the window has certainly seen the mouse or a key."""

_ENTRY_HEIGHT = 18
"""Height of a list's entry in pixels."""


class App:
    """The program in its own process."""

    def __init__(self, process: subprocess.Popen, folder: Path, log: Path, display: str, cache: Path):
        self.process, self.folder, self._log, self._display = process, folder, log, display
        self.cache = cache
        self._read, self._printed = 0, 0
        self._last: dict = {}

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.wait()

    def sleep(self) -> None:
        """Stop the process: a window that nobody uses would take half a core from those that are used."""
        self.process.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let the process go on."""
        self.process.send_signal(signal.SIGCONT)

    def pause_after(self, steps: int) -> None:
        """Pause training after a number of steps, so that only the test changes the picture."""
        self.wait_for(lambda s: s["step"] >= steps, f"{steps} steps of training")
        self.toggle("paused")

    def toggle(self, state: str) -> None:
        """Press space over the picture, which pauses or resumes training."""
        x, y, width, height = self.widget("picture")
        self.xdotool("mousemove", x + width // 2, y + height // 4)  # a hint may stand in the middle
        self.key("space")
        self.wait_for(lambda s: s["state"] == state, f"the state {state}")

    def bring(self, panel: str, widget: str) -> None:
        """Bring a panel to the front. A panel that is open behind another is closed and opened again."""
        if widget in self.state()["widgets"]:
            return
        self.click("panels")
        for _ in range(2):
            self.click(f"panels.{panel}")
            if any(widget in self.next_state()["widgets"] for _ in range(4)):
                break
        self.key("Escape")
        self.widget(widget)

    def state(self) -> dict:
        """The newest entries of the status log; widgets and frame are kept until newer ones arrive."""
        if self._log.exists():
            with self._log.open() as file:
                file.seek(self._read)
                for line in file:
                    if not line.endswith("\n"):
                        break
                    self._read += len(line.encode())
                    self._last |= json.loads(line)
        return self._last

    def wait_for(self, condition: Callable[[dict], bool], what: str) -> dict:
        """Wait until a logged state meets a condition and return it; fail at once if the program has ended."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if (state := self.state()) and condition(state):
                return state
            if self.process.poll() is not None:
                raise AssertionError(f"the program ended with {self.process.returncode} before {what}: {self.output()}")
            time.sleep(0.01)
        raise AssertionError(f"timed out waiting for {what}. The last state: {self._last}")

    def wait_for_picture(self, what: str) -> np.ndarray:
        """Wait until the newest request is shown at full resolution and stays; return the pixels, (h, w, 3)."""

        def shown(state: dict) -> tuple[int, int] | None:
            frame = state.get("frame")
            if frame is None or frame["moving"] or frame["serial"] != state["serial"]:
                return None
            return None if frame["width"] != state["widgets"]["picture"][2] else (frame["serial"], frame["width"])

        while shown(self.wait_for(lambda s: shown(s) is not None, what)) != shown(self.next_state()):
            pass
        return self.pixels("picture")

    def next_state(self, frames: int = _FRAMES) -> dict:
        """The first state that certainly reflects all input so far: the window has drawn whole frames since."""
        now = time.time()
        first = self.wait_for(lambda s: s["time"] > now, "another line in the log")["window_frames"]
        return self.wait_for(lambda s: s["window_frames"] >= first + frames, "more frames of the window")

    def widget(self, name: str) -> tuple[int, int, int, int]:
        """Where a visible widget is: x, y, width, height."""
        state = self.wait_for(lambda s: name in s.get("widgets", {}), f"the widget {name}")
        return tuple(state["widgets"][name])

    def screen(self) -> Image.Image:
        """A screenshot of the whole screen."""
        return ImageGrab.grab(xdisplay=self._display)

    def pixels(self, name: str) -> np.ndarray:
        """A widget's pixels as the screen shows them, (height, width, 3) float in [0, 1]."""
        x, y, width, height = self.widget(name)
        return np.asarray(self.screen().crop((x, y, x + width, y + height)), np.float32)[..., :3] / 255.0

    def keep_screen(self, name: str) -> Path:
        """Save the whole screen for a person to look at: NAME.png in FIRSTLIGHT_ARTEFACTS, or in the test's folder."""
        folder = Path(os.environ.get("FIRSTLIGHT_ARTEFACTS") or self.folder)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.png"
        self.screen().save(path)
        return path

    def take_screenshot(self) -> Path:
        """Press F12; returns the file once a toast has named it."""
        folder = self.folder / "screenshots"
        before = set(folder.glob("*.png"))
        self.key("F12")
        self.wait_for(lambda _: set(folder.glob("*.png")) > before, "the screenshot")
        (path,) = set(folder.glob("*.png")) - before
        self.wait_for(lambda s: any(path.name in text for text in s["toasts"]), "the toast that names the file")
        return path

    def put_back(self) -> None:
        """Pause, and go back to the first view and to training's thresholds. Not all that a test may change comes back
        by this; `tests.gui.conftest.demo` looks."""
        self.key("Escape")
        if self.state()["state"] == "training":
            self.toggle("paused")
        self.bring("thresholds", "march.back")
        self.click("march.back")
        self.key("r")
        self.wait_for(lambda s: not s["toasts"], "toasts to go")
        self._printed += len(self.output())

    def settled_widget(self, name: str) -> tuple[int, int, int, int]:
        """Where a widget comes to rest: one that has just appeared may still move."""
        places = [self.widget(name)]
        while len(places) < 2 or places[-1] != places[-2]:
            self.next_state()
            places.append(self.widget(name))
        return places[-1]

    def aim(self, name: str, across: float = 0.5) -> tuple[int, int]:
        """Move the mouse onto a widget, at a share of its width, and follow the widget while it still moves."""
        place = None
        while place != (place := self.widget(name)):
            x, y, width, height = place
            x, y = int(x + across * (width - 1)), y + height // 2
            self.xdotool("mousemove", x, y)
            self.next_state(_SEEN)
        return x, y

    def double_click(self, name: str, across: float = 0.5) -> None:
        self.aim(name, across)
        self.xdotool("click", "--repeat", 2, "--delay", 20, 1)
        self.next_state()

    def click(self, name: str, across: float = 0.5) -> None:
        """Click a widget, at a share of its width."""
        self.aim(name, across)
        self._press()

    def choose(self, name: str, index: int) -> None:
        """Open a list and click its entry."""
        x, y, width, height = self.settled_widget(name)
        self.click(name)
        self.xdotool("mousemove", x + width // 3, y + height + 12 + _ENTRY_HEIGHT * index)
        self.next_state(_SEEN)
        self._press()

    def pick(self, across: float, down: float) -> tuple[int, int]:
        """Hold I and click at shares of the picture's width and height; returns the pixel's column and row."""
        x, y, width, height = self.widget("picture")
        column, row = int(across * width), int(down * height)
        self.xdotool("mousemove", x + column, y + row)
        self.next_state(_SEEN)
        self.xdotool("keydown", "i")
        self.next_state(_SEEN)
        self._press()
        self.xdotool("keyup", "i")
        self.next_state()
        return column, row

    def _press(self) -> None:
        """Press and release the left button where the mouse is."""
        self.xdotool("mousedown", 1)
        self.next_state(_SEEN)
        self.xdotool("mouseup", 1)
        self.next_state()

    def drag(self, name: str, dx: int, dy: int, button: int = 1) -> None:
        """Drag over a widget, from its middle."""
        x, y = self.aim(name)
        self.xdotool("mousedown", button)
        for i in range(1, 6):
            self.xdotool("mousemove", x + dx * i // 5, y + dy * i // 5)
            self.next_state(_SEEN)
        self.xdotool("mouseup", button)
        self.next_state()

    def key(self, *names: str) -> None:
        """Press and release keys, one after the other."""
        for name in names:
            self.xdotool("keydown", name)
            self.next_state(_SEEN)
            self.xdotool("keyup", name)
            self.next_state()

    def type(self, text: str) -> None:
        self.xdotool("type", "--delay", 30, text)
        self.next_state()

    def close(self) -> None:
        """Close the window as a window manager does when its close button is clicked."""
        mine = ("--all", "--pid", self.process.pid, "--name", "Firstlight")  # the shared window may be open below it
        window = self.xdotool("search", "--onlyvisible", *mine).split()[0]
        ask_to_close(self._display, int(window))

    def xdotool(self, *arguments: object) -> str:
        done = subprocess.run(
            ["xdotool", *map(str, arguments)], env=os.environ | {"DISPLAY": self._display},
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout

    def output(self) -> str:
        """What the program has printed, since `put_back` if that was called."""
        return (self.folder / "output.txt").read_text()[self._printed :]


class _ClientMessage(ctypes.Structure):
    """XClientMessageEvent with data as longs, padded to the size of XEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("padding", ctypes.c_long * 24),
    )


def ask_to_close(display: str, window: int) -> None:
    """Send WM_DELETE_WINDOW. There is no window manager on the test's screen, and older xdotools can't send it."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XInternAtom.restype = ctypes.c_ulong
    x11.XInternAtom.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
    x11.XSendEvent.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
    x11.XCloseDisplay.argtypes = (ctypes.c_void_p,)
    connection = x11.XOpenDisplay(display.encode())
    assert connection, f"no X server at {display}"
    event = _ClientMessage(type=33, window=window, format=32)
    event.message_type = x11.XInternAtom(connection, b"WM_PROTOCOLS", 0)
    event.data[0] = x11.XInternAtom(connection, b"WM_DELETE_WINDOW", 0)
    x11.XSendEvent(connection, window, 0, 0, ctypes.byref(event))
    x11.XCloseDisplay(connection)
