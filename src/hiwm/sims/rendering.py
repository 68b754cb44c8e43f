"""Chooses how MuJoCo renders without a display; must run before `mujoco` is first imported."""

from __future__ import annotations

import ctypes.util
import os
import sys

from hiwm.errors import BadInput


def choose_renderer() -> str:
    """Sets `MUJOCO_GL` unless the user has: EGL where its library is, else OSMesa. Returns the choice.

    Raises BadInput where a Linux machine has neither.
    """
    if sys.platform != "linux" or os.environ.get("MUJOCO_GL"):
        return os.environ.get("MUJOCO_GL", "default")
    for name, library in (("egl", "EGL"), ("osmesa", "OSMesa")):
        if ctypes.util.find_library(library):
            os.environ["MUJOCO_GL"] = name
            return name
    raise BadInput(
        "expected libEGL or libOSMesa for rendering, found neither; "
        "on Debian: apt-get install libegl1 libgl1-mesa-dri libgles2, then run this again"
    )
