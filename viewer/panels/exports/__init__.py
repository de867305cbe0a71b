"""What the menu Export offers: one card per file, which ends with its `CARD`, and a line for each below."""

from typing import TYPE_CHECKING

from core.config.registry import Registry

if TYPE_CHECKING:
    from viewer.widgets.card import Card

EXPORTS: "Registry[type[Card]]" = Registry("CARD")
"""Cards by name, in the order of the menu."""

EXPORTS.register("video", "viewer.panels.exports.video")
