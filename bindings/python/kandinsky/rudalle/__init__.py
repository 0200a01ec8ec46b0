"""The names of the original ruDALL-E package over libkandinsky: a script runs after changing its imports.

    from kandinsky.rudalle import get_rudalle_model, get_tokenizer, get_vae, get_realesrgan, ruclip
    from kandinsky.rudalle.pipelines import generate_images, show, super_resolution, cherry_pick_by_ruclip
    from kandinsky.rudalle.image_prompts import ImagePrompts
    from kandinsky.rudalle.utils import seed_everything

What differs: nothing is downloaded (weights are looked for in `cache_dir`, else in $KANDINSKY_MODELS, else where the
original kept its downloads), arrays are numpy's instead of torch's, models cannot be trained, and the same seed draws other
pictures, for torch's random numbers cannot be had without torch.
"""
from . import dalle, image_prompts, pipelines, realesrgan, ruclip, tokenizer, utils, vae
from .dalle import get_rudalle_model
from .realesrgan import get_realesrgan
from .ruclip import get_ruclip
from .tokenizer import get_tokenizer
from .vae import get_vae

__all__ = ["dalle", "get_realesrgan", "get_ruclip", "get_rudalle_model", "get_tokenizer", "get_vae", "image_prompts",
           "pipelines", "realesrgan", "ruclip", "tokenizer", "utils", "vae"]
