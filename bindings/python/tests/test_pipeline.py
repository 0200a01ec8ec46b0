import re
from pathlib import Path

import numpy as np
import pytest

import kandinsky


def test_pictures_are_ranked_and_enlarged(pictures):
    assert len(pictures) == 2
    assert pictures[0].clip_score > pictures[1].clip_score
    for picture in pictures:
        assert picture.image.size == (512, 512) and picture.image.mode == "RGB"
        assert picture.tokens.shape == (16, 16) and picture.tokens.dtype == np.int32
        assert picture.seed == 7 and 0 <= picture.number < 3 and picture.ppl > 1
    red, _, blue = np.asarray(pictures[0].image, float)[236:276, 236:276].mean(axis=(0, 1))
    assert red > 2 * blue  # a red heart
    red, _, blue = np.asarray(pictures[0].image, float)[4:24, 4:24].mean(axis=(0, 1))
    assert blue > 2 * red  # on blue


def test_a_picture_depends_on_its_number_alone(pipeline, pictures):
    again = pipeline.generate("красное сердце на синем фоне", images=3, pick=3, seed=7, batch=1, super_resolution=False,
                              rank=False)
    assert [picture.ppl for picture in again] == sorted(picture.ppl for picture in again)
    assert again[0].clip_score is None and again[0].image.size == (128, 128)
    tokens = {picture.number: picture.tokens for picture in again}
    for picture in pictures:
        np.testing.assert_array_equal(picture.tokens, tokens[picture.number])


def test_image_prompt_keeps_its_borders(pipeline, pictures):
    small = pipeline.vqgan.decode(pictures[0].tokens)[0]
    for crop_first in (False, True):
        prompt = kandinsky.ImagePrompt(small, up=4, left=2, crop_first=crop_first)
        drawn = pipeline.generate("кот", images=1, pick=1, image_prompt=prompt, super_resolution=False)[0]
        expected = pipeline.vqgan.encode(small.crop((0, 0, 128, 32)) if crop_first else small)[:4]
        np.testing.assert_array_equal(drawn.tokens[:4], expected)


def test_progress_and_preview(pipeline):
    steps, previews = [], []
    pipeline.generate("кот", images=2, pick=1, progress=steps.append, preview_every=100,
                      preview=lambda number, tokens, image: previews.append((number, tokens, image.size)))
    drawing = [progress.step for progress in steps if progress.stage == "drawing"]
    assert drawing == sorted(drawing) and drawing[-1] == 256 == steps[0].steps
    assert [stage for stage in dict.fromkeys(progress.stage for progress in steps)] == ["drawing", "decoding", "ranking",
                                                                                        "enlarging"]
    assert {number for number, _, _ in previews} == {0, 1} and previews[0][2] == (128, 128)
    assert previews[0][1] == 100
    enlarged = [progress.number for progress in steps if progress.stage == "enlarging"]
    assert set(enlarged) <= {0, 1} and {progress.number for progress in steps if progress.stage == "drawing"} == {0}


def test_pictures_are_handed_over_as_they_are_complete(pipeline, pictures):
    seen = []
    prompt = "красное сердце на синем фоне"
    kept = pipeline.generate(prompt, images=3, pick=2, seed=7, picture=seen.append)
    assert [picture.number for picture in seen] == [picture.number for picture in pictures]
    for one, other in zip(seen, kept):
        assert one.image.tobytes() == other.image.tobytes() and one.clip_score == other.clip_score
    seen.clear()

    def first_is_enough(picture):
        seen.append(picture)
        return False

    with pytest.raises(kandinsky.CancelledError):
        pipeline.generate(prompt, images=3, pick=2, seed=7, picture=first_is_enough)
    assert [picture.number for picture in seen] == [pictures[0].number]
    with pytest.raises(TypeError, match="picture must be callable"):
        pipeline.generate(prompt, picture=3)


def test_pipeline_from_parts(model, pictures):
    checkpoint = bytearray((model / "rudalle_kandinsky.bin").read_bytes())
    given = kandinsky.Pipeline(model, threads=1)
    assert given.default_options == (512, 0.95, 1) and given.default_options.top_k == 512
    transformer = kandinsky.Transformer.from_bytes(checkpoint, threads=1)
    del checkpoint
    tokenizer, vqgan = given.tokenizer, given.vqgan
    pipeline = kandinsky.Pipeline.from_parts(tokenizer, transformer, vqgan, ruclip=given.ruclip)
    transformer.close()
    given.close()
    assert pipeline.real_esrgan is None and pipeline.default_options == (4096, 0.975, 1)
    same = pipeline.generate("красное сердце на синем фоне", images=3, pick=2, seed=7, top_k=512, top_p=0.95,
                             super_resolution=False)
    assert [picture.number for picture in same] == [picture.number for picture in pictures]
    np.testing.assert_array_equal(same[0].tokens, pictures[0].tokens)
    part = pipeline.transformer
    pipeline.close()
    assert part.draw([2] * 32)[0].tokens.shape == (16, 16)  # of bytes that only it refers to
    with pytest.raises(TypeError, match="tokenizer must be a Tokenizer, not Transformer"):
        kandinsky.Pipeline.from_parts(part, part, vqgan)
    with pytest.raises(TypeError, match="vqgan must be a VqganDecoder, not NoneType"):
        kandinsky.Pipeline.from_parts(tokenizer, part, None)


def test_parts_outlive_the_pipeline(model):
    pipeline = kandinsky.Pipeline(model, rank=False, super_resolution=False, threads=1)
    assert pipeline.ruclip is None and pipeline.real_esrgan is None
    tokenizer, transformer = pipeline.tokenizer, pipeline.transformer
    pipeline.close()
    pipeline.close()
    assert pipeline.closed
    with pytest.raises(ValueError, match="this Pipeline is closed"):
        pipeline.generate("кот")
    with pytest.raises(ValueError, match="closed"), pipeline:
        pass
    text = tokenizer.encode_for_transformer("кот", transformer.config.text_length)
    assert transformer.draw(text, top_k=512)[0].tokens.shape == (16, 16)


def test_estimate_devices_versions(model):
    estimate = kandinsky.estimate(model, batch=2)
    assert estimate.transformer_parameters == 11_624_736
    assert estimate.total_bytes == estimate.weight_bytes + estimate.cache_bytes
    assert estimate.cache_bytes < kandinsky.estimate(model, batch=64).cache_bytes
    cpu = kandinsky.devices()[0]
    assert cpu.name == "cpu" and 0 < cpu.memory_free <= cpu.memory_total
    assert kandinsky.__version__ == kandinsky.version() and kandinsky.version().count(".") == 2
    assert kandinsky.torch_version().startswith("2.")


def test_the_readme_s_examples(model, tmp_path, monkeypatch):
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", readme, flags=re.S)
    for example in examples:
        compile(example, "README.md", "exec")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").symlink_to(model.parent)
    exec(examples[0].replace("images=8, pick=4", "images=1, pick=1"), {})
    assert [path.name for path in tmp_path.glob("*.png")] == ["heart-0.png"]


def test_what_is_loaded_is_logged(model, caplog):
    with caplog.at_level("INFO", logger="kandinsky"):
        kandinsky.Pipeline(model, rank=False, super_resolution=False).close()
    assert [record.levelname for record in caplog.records] == ["INFO"] and "11624736 parameters" in caplog.text
