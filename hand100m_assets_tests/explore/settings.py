"""Random settings of each encoder: the group structures and coding tools that files in the field have."""

from __future__ import annotations

import random
from typing import Any


def h264(rng: random.Random, **fixed: Any) -> dict[str, str]:
    """Settings of x264."""
    keyint = rng.choice([1, 3, 8, 15, 25, 250])
    parameters = {
        "keyint": keyint,
        "min-keyint": rng.randint(1, keyint),
        "bframes": rng.choice([0, 1, 2, 3, 6, 16]),
        "b-pyramid": rng.choice(["none", "strict", "normal"]),
        "b-adapt": rng.choice([0, 1, 2]),
        "ref": rng.choice([1, 2, 4, 8, 16]),
        "open-gop": rng.randint(0, 1),
        "weightp": rng.randint(0, 2),
        "slices": rng.choice([1, 1, 3]),
        "scenecut": rng.choice([0, 40]),
        "cabac": rng.randint(0, 1),
        "intra-refresh": int(rng.random() < 0.1),
        "repeat-headers": int(rng.random() < 0.3),
        "aud": rng.randint(0, 1),
        "crf": rng.choice([10, 20, 30]),
        "cpu-independent": 1,  # or the same settings do not always make the same bytes
    }
    return {"preset": "veryfast", "x264-params": joined(_fitting(parameters | dashed(fixed)))}


def h264_with_reordering(rng: random.Random, **fixed: Any) -> dict[str, str]:
    """Settings of x264 whose pictures are decoded in another order than shown."""
    return h264(
        rng, **{"keyint": rng.choice([8, 15, 25, 250]), "bframes": rng.choice([1, 2, 3, 5]), "b_adapt": 0} | fixed
    )


def hevc(rng: random.Random, **fixed: Any) -> dict[str, str]:
    """Settings of x265."""
    keyint = rng.choice([1, 8, 15, 25, 250])
    parameters = {
        "keyint": keyint,
        "min-keyint": rng.randint(1, keyint),
        "bframes": rng.choice([0, 1, 3, 6]),
        "b-pyramid": rng.randint(0, 1),
        "b-adapt": rng.choice([0, 1]),
        "ref": rng.choice([1, 2, 4]),
        "open-gop": rng.randint(0, 1),
        "scenecut": rng.choice([0, 40]),
        "ctu": rng.choice([16, 32]),
        "repeat-headers": int(rng.random() < 0.3),
        "log-level": "none",
        "pools": "none",
        "frame-threads": 1,
        "rc-lookahead": 20,
    }
    return {"preset": "ultrafast", "x265-params": joined(_fitting(parameters | dashed(fixed)))}


def hevc_with_reordering(rng: random.Random, **fixed: Any) -> dict[str, str]:
    """Settings of x265 whose pictures are decoded in another order than shown."""
    return hevc(rng, **{"keyint": rng.choice([8, 15, 25, 250]), "bframes": rng.choice([1, 3, 4]), "b_adapt": 0} | fixed)


def vp9(rng: random.Random, **fixed: Any) -> dict[str, str]:
    """Settings of libvpx: hidden pictures, with a look-ahead, or none."""
    settings = {
        "g": rng.choice([1, 8, 25, 250]),
        "deadline": "realtime",
        "cpu-used": 8,
        "lag-in-frames": rng.choice([0, 10]),
        "auto-alt-ref": rng.choice([0, 1]),
        "error-resilient": rng.choice(["0", "0", "default"]),
        "b": rng.choice(["100k", "300k"]),
    }
    return {name: str(value) for name, value in (settings | dashed(fixed)).items()}


def vp8(rng: random.Random) -> dict[str, str]:
    """Settings of libvpx for VP8."""
    return {"g": str(rng.choice([1, 8, 25])), "deadline": "realtime", "cpu-used": "8", "b": "300k"}


def av1(rng: random.Random) -> dict[str, str]:
    """Settings of SVT-AV1."""
    keyint = rng.choice([8, 16, 64])
    return {"preset": "12", "g": str(keyint), "svtav1-params": joined({"lp": 1, "pred-struct": rng.choice([1, 2])})}


def mpeg(rng: random.Random) -> dict[str, str]:
    """Settings of MPEG-2 and MPEG-4 part 2."""
    return {"g": str(rng.choice([1, 8, 15])), "bf": str(rng.choice([0, 1, 2])), "q": "4"}


def mjpeg(rng: random.Random, **fixed: str) -> dict[str, str]:
    """Settings of MJPEG."""
    return {"qmin": "3", "qmax": str(rng.choice([4, 12])), "huffman": rng.choice(["default", "optimal"]), **fixed}


OF_CODEC = {
    "h264": h264,
    "hevc": hevc,
    "vp9": vp9,
    "vp8": vp8,
    "av1": av1,
    "mpeg4": mpeg,
    "mpeg2": mpeg,
    "mjpeg": mjpeg,
}


def _fitting(parameters: dict[str, Any]) -> dict[str, Any]:
    """The shortest group is no longer than the longest: x265 crashes otherwise."""
    return parameters | {"min-keyint": min(parameters["min-keyint"], parameters["keyint"])}


def joined(parameters: dict[str, Any]) -> str:
    """As x264, x265 and SVT-AV1 want them."""
    return ":".join(f"{name}={value}" for name, value in parameters.items())


def dashed(fixed: dict[str, Any]) -> dict[str, Any]:
    """`b_adapt` -> `b-adapt`."""
    return {name.replace("_", "-"): value for name, value in fixed.items()}
