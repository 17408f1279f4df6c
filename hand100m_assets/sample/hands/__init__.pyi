from .hand_model import ANGLE_COUNT, KIND_PALM, Array, Flesh, HandShape, PosedHand, Side, pose_hand
from .poses import GESTURES, POSES
from .surface import CLOTH, Plane, Surface, trace_surface

__all__ = [
    "ANGLE_COUNT",
    "CLOTH",
    "GESTURES",
    "KIND_PALM",
    "POSES",
    "Array",
    "Flesh",
    "HandShape",
    "Plane",
    "PosedHand",
    "Side",
    "Surface",
    "pose_hand",
    "trace_surface",
]
