"""Flags of pictures, which several commands share."""

from typing import Annotated, Any

from core.command_line.flags import flags_for
from viewer.protocol.optics import Optics
from viewer.protocol.view_settings import ViewSettings

ViewFlags = Annotated[dict[str, Any], flags_for(ViewSettings)]
OpticsFlags = Annotated[dict[str, Any], flags_for(Optics)]
