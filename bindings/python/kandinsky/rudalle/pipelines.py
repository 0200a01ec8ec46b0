from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Iterator, Optional, Sequence

import numpy as np
import PIL.Image

from .._arrays import ids
from .._run import OnProgress, Progress
from ..errors import InvalidArgumentError
from . import utils
from .dalle import DalleModel
from .image_prompts import ImagePrompts
from .realesrgan import RealESRGAN
from .ruclip import Predictor
from .vae import VQGanGumbelVAE


def generate_images(text: str, tokenizer: Any, dalle: DalleModel, vae: VQGanGumbelVAE, top_k: int, top_p: float,
                    images_num: int, image_prompts: Optional[ImagePrompts] = None, temperature: float = 1.0, bs: int = 8,
                    seed: Optional[int] = None, use_cache: bool = True) -> tuple[list[PIL.Image.Image], list[float]]:
    """Pillow images and their perplexities, the lowest (best) first. `use_cache` changes nothing here."""
    seed = utils.next_seed(seed)
    config = dalle.transformer.config
    input_ids = tokenizer.encode_text(text.lower().strip(), text_seq_length=config.text_length)
    forced = None
    if image_prompts is not None:
        prompt = ids("image_prompts", image_prompts.image_prompts).reshape(-1)
        if prompt.size != config.grid**2:
            raise InvalidArgumentError(f"image_prompts: has {prompt.size} tokens, expected {config.grid**2}: a picture of "
                                       f"{config.grid * vae.patch}x{config.grid * vae.patch} pixels", "image_prompts")
        forced = np.full(prompt.size, -1, np.int32)
        kept = sorted(image_prompts.image_prompts_idx)
        forced[kept] = prompt[kept]
    with _bar(images_num, bs) as progress:
        drawn = dalle.transformer.draw(input_ids, images=images_num, batch=bs, seed=seed, temperature=temperature,
                                       top_k=top_k, top_p=top_p, forced=forced, progress=progress)
    drawn.sort(key=lambda picture: picture.ppl)
    pil_images: list[PIL.Image.Image] = []
    for first in range(0, len(drawn), bs):
        pil_images += vae.decode_to_pil(np.stack([picture.tokens.reshape(-1) for picture in drawn[first: first + bs]]))
    return pil_images, [picture.ppl for picture in drawn]


def super_resolution(pil_images: Sequence[PIL.Image.Image], realesrgan: RealESRGAN,
                     batch_size: int = 4) -> list[PIL.Image.Image]:
    return [realesrgan.predict(pil_image, batch_size=batch_size) for pil_image in pil_images]


def cherry_pick_by_ruclip(pil_images: Sequence[PIL.Image.Image], text: str, clip_predictor: Predictor,
                          count: int = 4) -> tuple[list[PIL.Image.Image], list[float]]:
    """The `count` pictures that fit the text best, best first, and their cosines."""
    text_latents = clip_predictor.get_text_latents([text])
    scores = (clip_predictor.get_image_latents(pil_images) @ text_latents.T).reshape(-1)
    best = np.argsort(-scores, kind="stable")[:count]
    return [pil_images[index] for index in best], [float(scores[index]) for index in best]


def show(pil_images: Sequence[PIL.Image.Image], nrow: int = 4, size: float = 14, save_dir: Optional[Any] = None,
         show: bool = True) -> None:
    """A grid of pictures of one size, `nrow` in a row, on the screen (needs matplotlib) and, with `save_dir`, as
    save_dir/group_N.png beside each picture as save_dir/img_N.png."""
    grid = _grid([pil_image.convert("RGB") for pil_image in pil_images], nrow)
    if save_dir is not None:
        folder = Path(save_dir)
        folder.mkdir(parents=True, exist_ok=True)
        count = len(list(folder.glob("img_*.png")))
        for index, pil_image in enumerate(pil_images):
            pil_image.save(folder / f"img_{count + index}.png")
        grid.save(folder / f"group_{len(list(folder.glob('group_*.png')))}.png")
    if show:
        import matplotlib.pyplot as plt

        figure, axes = plt.subplots(figsize=(size, size))
        axes.imshow(np.asarray(grid))
        axes.set(xticklabels=[], yticklabels=[], xticks=[], yticks=[])
        figure.show()
        plt.show()


def _grid(pictures: Sequence[PIL.Image.Image], nrow: int, padding: int = 2) -> PIL.Image.Image:
    if not pictures:
        raise InvalidArgumentError("pil_images: is empty", "pil_images")
    width, height = pictures[0].size
    if any(picture.size != (width, height) for picture in pictures):
        raise InvalidArgumentError("pil_images: have different sizes", "pil_images")
    columns = min(nrow, len(pictures))
    rows = -(-len(pictures) // columns)
    grid = PIL.Image.new("RGB", (columns * (width + padding) + padding, rows * (height + padding) + padding))
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        grid.paste(picture, (padding + column * (width + padding), padding + row * (height + padding)))
    return grid


@contextlib.contextmanager
def _bar(images_num: int, bs: int) -> Iterator[Optional[OnProgress]]:
    """A tqdm bar as the original's, where tqdm is installed."""
    try:
        from tqdm.auto import tqdm
    except ImportError:
        yield None
        return
    with tqdm() as bar:
        def update(progress: Progress) -> None:
            if progress.step < bar.n:  # the next batch
                bar.reset()
            bar.total = progress.steps
            bar.update(progress.step - bar.n)

        yield update
