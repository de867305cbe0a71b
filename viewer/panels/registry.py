"""The panels there are."""

from viewer.panels.compare import ComparePanel
from viewer.panels.dataset import DatasetPanel
from viewer.panels.images import ImagesPanel
from viewer.panels.inspector import InspectorPanel
from viewer.panels.method import MethodPanel
from viewer.panels.occupancy import GridPanel
from viewer.panels.scene import PlacePanel
from viewer.panels.sweep import SweepPanel
from viewer.panels.thresholds import ThresholdsPanel
from viewer.panels.training import TrainingPanel
from viewer.panels.view import ViewPanel
from viewer.widgets.panel import Panel

PANELS: list[type[Panel]] = [
    TrainingPanel,
    ThresholdsPanel,
    ViewPanel,
    GridPanel,
    InspectorPanel,
    PlacePanel,
    SweepPanel,
    ComparePanel,
    ImagesPanel,
    MethodPanel,
    DatasetPanel,
]
"""In the order of their tabs and of the menu Panels. The first one that wants a press of the mouse gets it: the ray
inspector before the box's handles."""
