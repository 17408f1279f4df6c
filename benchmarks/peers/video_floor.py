"""Decode every frame on one thread and save nothing: `video_floor CLIP`. What decoding everything costs at least."""

import av


def main(clip: str) -> None:
    with av.open(clip) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        for _ in container.decode(stream):
            pass
