#!/usr/bin/env python3
"""Draw the figure of test PSNR over training time: psnr_figure.py OUTPUT.png REPORT.json [REPORT.json ...]

The reports are those that `run_viewer.py train --output DIR` writes; each becomes a curve with its dataset's name.
"""

import json
import sys
from itertools import cycle
from pathlib import Path

from matplotlib.figure import Figure

_COLORS = ("#2f6fb0", "#d9822b", "#2f8f5b", "#8a4f9e")


def draw(output: Path, reports: list[Path]) -> None:
    """Draw a curve for each report; raises FileExistsError if the picture exists."""
    figure = Figure((7.5, 3.6), dpi=120, layout="constrained")
    axes = figure.subplots()
    for color, path in zip(cycle(_COLORS), reports):
        report = json.loads(path.read_text(encoding="utf-8"))
        history = [point for point in report["history"] if point["psnr"] is not None]
        seconds, psnrs = ([point[name] for point in history] for name in ("seconds", "psnr"))
        axes.plot(seconds, psnrs, "o-", color=color, label=Path(report["dataset"]).name)
        axes.annotate(
            f"{psnrs[-1]:.1f} dB", (seconds[-1], psnrs[-1]), (4, -12), textcoords="offset points", color=color
        )
    axes.set_xlabel("training time (s)")
    axes.set_ylabel("test PSNR (dB)")
    axes.set_xlim(left=0.0)
    axes.margins(x=0.08)
    axes.grid(color="#e4e6ea")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower right")
    with output.open("xb") as file:
        figure.savefig(file, format="png", metadata={"Software": None})


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    draw(Path(sys.argv[1]), [Path(x) for x in sys.argv[2:]])
