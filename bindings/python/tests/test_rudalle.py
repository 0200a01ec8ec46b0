"""The example of the original's README, its imports changed."""
import numpy as np
import pytest

import kandinsky


@pytest.fixture(scope="module", autouse=True)
def weights(model):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KANDINSKY_MODELS", str(model))
        yield


@pytest.fixture(scope="module")
def parts():
    from kandinsky.rudalle import get_rudalle_model, get_tokenizer, get_vae

    device = "cpu"
    return (get_tokenizer(), get_rudalle_model("Kandinsky", pretrained=True, fp16=False, device=device),
            get_vae(dwt=False).to(device))


def test_the_original_s_example(parts, tmp_path):
    from kandinsky.rudalle import get_realesrgan, ruclip
    from kandinsky.rudalle.pipelines import cherry_pick_by_ruclip, generate_images, show, super_resolution
    from kandinsky.rudalle.utils import seed_everything

    device = "cpu"
    tokenizer, dalle, vae = parts
    realesrgan = get_realesrgan("x4", device=device)
    clip, processor = ruclip.load("ruclip-vit-base-patch32-384", device=device)
    clip_predictor = ruclip.Predictor(clip, processor, device, bs=2)
    text = "красное сердце на синем фоне"

    def draw(*arguments):
        pil_images, scores = [], []
        for top_k, top_p, images_num in arguments:
            _pil_images, _scores = generate_images(text, tokenizer, dalle, vae, top_k=top_k, images_num=images_num, bs=2,
                                                   top_p=top_p)
            assert _scores == sorted(_scores) and len(_scores) == len(_pil_images) == images_num
            pil_images += _pil_images
            scores += _scores
        return pil_images, scores

    seed_everything(42)
    pil_images, scores = draw((128, 0.9, 1), (512, 0.95, 3))
    assert draw((128, 0.9, 1))[1] != scores[:1]
    seed_everything(42)
    assert draw((128, 0.9, 1))[1] == scores[:1]

    top_images, clip_scores = cherry_pick_by_ruclip(pil_images, text, clip_predictor, count=3)
    assert clip_scores == sorted(clip_scores, reverse=True) and len(top_images) == 3 and clip_scores[0] > 0.5
    assert all(any(top is image for image in pil_images) for top in top_images)
    sr_images = super_resolution(top_images[:1], realesrgan)
    assert sr_images[0].size == (512, 512)

    show(pil_images, 3, save_dir=tmp_path / "pics", show=False)
    show(pil_images, 3, save_dir=tmp_path / "pics", show=False)
    assert sorted(path.name for path in (tmp_path / "pics").iterdir()) == ["group_0.png", "group_1.png"] + [
        f"img_{index}.png" for index in range(8)]
    assert kandinsky.Image.open(tmp_path / "pics" / "group_0.png").size == (3 * 130 + 2, 2 * 130 + 2)
    assert clip_predictor.run(pil_images, clip_predictor.get_text_latents(["красное сердце", "зелёная лягушка"])) == [0] * 4


@pytest.mark.parametrize("borders, crop_first", [
    ({"up": 4, "right": 0, "left": 0, "down": 0}, False),
    ({"up": 4, "right": 0, "left": 0, "down": 0}, True),
    ({"up": 4, "right": 3, "left": 2, "down": 1}, False),
    ({"up": 4, "right": 3, "left": 2, "down": 1}, True),
])
def test_image_prompts_equal_the_library_s(parts, pipeline, pictures, borders, crop_first):
    from kandinsky.rudalle.image_prompts import ImagePrompts
    from kandinsky.rudalle.pipelines import generate_images

    tokenizer, dalle, vae = parts
    picture = vae.vqgan.decode(pictures[0].tokens)[0]
    prompts = ImagePrompts(picture, borders, vae, crop_first=crop_first)
    assert prompts.image_prompts.shape == (1, 256)
    assert len(prompts.image_prompts_idx) == (borders["up"] + borders["down"]) * 16 + (
        borders["left"] + borders["right"]) * (16 - borders["up"] - borders["down"])
    images, ppl = generate_images("Кот ", tokenizer, dalle, vae, top_k=512, top_p=0.95, images_num=1,
                                  image_prompts=prompts, seed=5)
    expected = pipeline.generate("кот", images=1, pick=1, top_k=512, top_p=0.95, seed=5, rank=False, super_resolution=False,
                                 image_prompt=kandinsky.ImagePrompt(picture, **borders, crop_first=crop_first))[0]
    assert images[0].tobytes() == expected.image.tobytes() and ppl == [expected.ppl]


def test_wrappers(parts):
    tokenizer, dalle, vae = parts
    ids = tokenizer.encode_text("красное сердце", 32)
    assert tokenizer.decode_text(ids) == "красное сердце" and len(tokenizer) == tokenizer.vocab_size()
    dropped = tokenizer.encode_text("красное сердце", 32, bpe_dropout=1)
    assert (dropped != 0).sum() > (ids != 0).sum() and tokenizer.decode_text(dropped) == "красное сердце"
    assert tokenizer.encode_text("красное сердце", 3).tolist() == ids[:3].tolist()  # cut without eos, as the original does
    assert [dalle.get_param(name) for name in ("vocab_size", "text_seq_length", "image_seq_length", "total_seq_length")] == [
        2080, 32, 256, 288]
    with pytest.raises(AttributeError, match="nothing"):
        dalle.get_param("nothing")
    codes = vae.get_codebook_indices(vae.decode(np.arange(256)[np.newaxis]))
    assert codes.shape == (1, 256)
    assert dalle.eval().to("cpu") is dalle


def test_what_is_missing_is_named(tmp_path):
    from kandinsky.rudalle import get_realesrgan, get_rudalle_model, get_tokenizer, get_vae, ruclip

    for load, name in ((lambda: get_tokenizer(cache_dir=tmp_path), "tokenizer/bpe.model"),
                       (lambda: get_rudalle_model("Malevich", cache_dir=tmp_path), "Malevich/pytorch_model_v3.bin"),
                       (lambda: get_vae(dwt=True, cache_dir=tmp_path), "vae/vqgan.gumbelf8-sber-dwt.model.ckpt"),
                       (lambda: get_realesrgan("x2", cache_dir=tmp_path), "x2/RealESRGAN_x2.pth"),
                       (lambda: ruclip.load("ruclip-vit-large-patch14-336", cache_dir=tmp_path),
                        "ruclip-vit-large-patch14-336/config.json")):
        with pytest.raises(kandinsky.NotFoundError, match=f"{tmp_path}.*{name}.*Nothing is downloaded"):
            load()
    for load in (lambda: get_rudalle_model("Dali"), lambda: get_realesrgan("x3"), lambda: ruclip.load("clip")):
        with pytest.raises(kandinsky.InvalidArgumentError, match="expected"):
            load()
    with pytest.raises(kandinsky.UnsupportedError, match="pretrained"):
        get_vae(pretrained=False)
    with pytest.raises(TypeError, match="layers"):
        get_rudalle_model("Kandinsky", layers=3)
    with pytest.raises(kandinsky.Error):  # the bundled model has 12 layers
        get_rudalle_model("Kandinsky", num_layers=3)
