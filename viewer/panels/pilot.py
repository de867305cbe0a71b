"""Moves the camera with the mouse and the fly keys, and to the dataset's views; drags the divider."""

import dearpygui.dearpygui as dpg

from viewer.input import navigation, orbit
from viewer.protocol.requests import PhotoId, Split
from viewer.protocol.scene_info import SceneInfo
from viewer.widgets import ui
from viewer.widgets.canvas import Canvas
from viewer.widgets.context import Context
from viewer.widgets.dock import Dock
from viewer.widgets.panel import Pointer


class Pilot:
    """Moves the state's camera with mouse and keys.

    Args:
        dock: its panels may take the left button instead.
    """

    def __init__(self, context: Context, canvas: Canvas, dock: Dock):
        self._context, self._canvas, self._dock = context, canvas, dock
        self._state, self._drag, self._view_index = context.state, navigation.Drag(), 0
        self._picking = False
        context.go_to = self.go_to
        with ui.handler_registry():
            dpg.add_mouse_wheel_handler(callback=lambda _, notches: self._zoom(notches))

    @property
    def dragging(self) -> bool:
        """Whether a drag on the picture is in progress."""
        return self._drag.button is not None

    def go_home(self) -> None:
        """Back to the first view."""
        scene = self._context.session.status.scene
        if scene is not None:
            self._stand_on(scene, PhotoId(Split.TRAIN, orbit.home_view(scene)))

    def step_view(self, step: int) -> None:
        """Go to the training view that comes `step` views after the last one; a negative step goes back."""
        scene = self._context.session.status.scene
        if scene is not None:
            self.go_to(PhotoId(Split.TRAIN, (self._view_index + step) % scene.n_train))

    def go_to(self, photo: PhotoId) -> None:
        """Go to one of the dataset's views and name it in a toast. A view that the open scene lacks is ignored: it
        is an earlier scene's."""
        scene = self._context.session.status.scene
        if scene is None:
            return
        names = scene.names(photo.split)
        if not 0 <= photo.index < len(names):
            return
        self._stand_on(scene, photo)
        which = "Training" if photo.split is Split.TRAIN else "Test"
        self._context.say(f"{which} view {photo.index + 1} of {len(names)}  {names[photo.index]}")

    def move(self, keys: frozenset[str], seconds: float) -> None:
        """One frame's motion.

        Args:
            keys: those that are held, by name.
            seconds: since the last frame.
        """
        if self._state.camera is None:
            return
        canvas = self._canvas
        down = {b for b in (navigation.LEFT, navigation.RIGHT, navigation.MIDDLE) if dpg.is_mouse_button_down(b)}
        x, y = dpg.get_mouse_pos(local=False)
        if self._context.picker is not None and navigation.LEFT in down and canvas.hovered:
            self._picking, picker, self._context.picker = True, self._context.picker, None
            picker(x, y)
        self._picking = self._picking and navigation.LEFT in down
        if self._picking or (
            self._drag.button is None and self._dock.grabs(Pointer(frozenset(down), x, y, keys), canvas)
        ):
            down -= {navigation.LEFT}
        rect, over_picture, reach = canvas.rect, canvas.hovered, self._context.style.px(navigation.DIVIDER_REACH)
        divider = None if self._state.divider is None else rect.x + self._state.divider * rect.width
        camera = self._drag.moved(self._state.camera, down, x, y, over_picture, rect.height, divider, reach)
        camera = navigation.flown(camera, {key for key in keys if key in navigation.FLY_KEYS}, seconds)
        if camera is not self._state.camera:
            self._state.place(camera)
        if self._drag.divider is not None:
            share = (self._drag.divider - rect.x) / rect.width
            self._state.set_view(divider=round(min(1.0, max(0.0, share)), 4))
        near = divider is not None and over_picture and not self.dragging and abs(x - divider) <= reach
        canvas.mark_divider(near or self._drag.divider is not None)

    def _stand_on(self, scene: SceneInfo, photo: PhotoId) -> None:
        self._state.place(orbit.photo_view(scene, photo), photo, scene.time_of(photo))
        if photo.split is Split.TRAIN:
            self._view_index = photo.index

    def _zoom(self, notches: float) -> None:
        if self._state.camera is None or not self._canvas.hovered:
            return
        rect = self._canvas.rect
        x, y = dpg.get_mouse_pos(local=False)
        u = (x - rect.x - rect.width / 2) / rect.height
        v = (y - rect.y - rect.height / 2) / rect.height
        self._state.place(self._state.camera.zoomed(navigation.ZOOM_STEP**notches, u, v))
