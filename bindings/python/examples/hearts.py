#!/usr/bin/env python3
"""Draws pictures of a prompt into a folder.

    python3 hearts.py [MODEL [PROMPT [FOLDER]]]
"""
import sys
from pathlib import Path

import kandinsky

model = sys.argv[1] if len(sys.argv) > 1 else "models/emojich-nano"
prompt = sys.argv[2] if len(sys.argv) > 2 else "красное сердце на синем фоне"
folder = Path(sys.argv[3] if len(sys.argv) > 3 else "pictures")


def show(progress: kandinsky.Progress) -> None:
    if sys.stderr.isatty():
        print(f"\r{progress.stage:9} {progress.step:3}/{progress.steps} ", end="", file=sys.stderr)


try:
    folder.mkdir(parents=True, exist_ok=True)
    with kandinsky.Pipeline(model) as pipeline:
        pictures = pipeline.generate(prompt, images=8, pick=4, seed=7, progress=show)
except kandinsky.Error as error:
    sys.exit(f"{error}")
except KeyboardInterrupt:
    sys.exit("stopped")
if sys.stderr.isatty():
    print(file=sys.stderr)
for place, picture in enumerate(pictures, start=1):
    path = folder / f"{place}.png"
    picture.image.save(path)
    score = "" if picture.clip_score is None else f"{picture.clip_score:.3f}  "
    print(f"{path}  {score}(image {picture.number}, ppl {picture.ppl:.1f})")
