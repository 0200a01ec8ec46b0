import copy
import pickle

import numpy as np
import pytest

import kandinsky
from kandinsky.errors import Status


def test_classes(model, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        kandinsky.Pipeline(tmp_path / "none")
    error = caught.value
    assert isinstance(error, kandinsky.NotFoundError) and error.code is Status.NOT_FOUND
    assert error.subject == str(tmp_path / "none") and str(error).startswith(error.subject)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.subject) == (type(error), str(error), error.subject)
    (tmp_path / "bpe.model").write_bytes(b"\xff\xfe not a tokenizer")
    with pytest.raises(kandinsky.BadFileError, match="bpe.model"):
        kandinsky.Tokenizer(tmp_path / "bpe.model")
    with pytest.raises(kandinsky.Error, match="cuda:77|CUDA"):
        kandinsky.Pipeline(model, device="cuda:77")
    classes = {kandinsky.InvalidArgumentError: ValueError, kandinsky.OutOfMemoryError: MemoryError,
               kandinsky.UnsupportedError: NotImplementedError, kandinsky.InputOutputError: OSError}
    for ours, theirs in classes.items():
        assert issubclass(ours, theirs) and str(ours("words", "subject")) == "words"


@pytest.mark.parametrize("option, value", [
    ("images", 0), ("images", 4097), ("images", 2**32 + 1), ("pick", 0), ("batch", -1), ("top_k", -1), ("top_p", 0),
    ("top_p", 1.5), ("top_p", float("nan")), ("temperature", 0), ("temperature", float("inf")), ("seed", -1),
    ("seed", 2**64), ("preview_every", -1),
])
def test_options_are_named(pipeline, option, value):
    with pytest.raises(kandinsky.InvalidArgumentError, match=option) as caught:
        pipeline.generate("кот", **{option: value})
    assert caught.value.subject == option


def test_wrong_types(pipeline, model):
    for options in (dict(images=1.5), dict(seed="7"), dict(top_p="much"), dict(progress=3), dict(cancel=True),
                    dict(image_prompt=np.zeros((128, 128, 3), np.uint8))):
        with pytest.raises(TypeError, match=next(iter(options))):
            pipeline.generate("кот", **options)
    for prompt in (b"cat", None, 3):
        with pytest.raises(TypeError, match="prompt must be a str"):
            pipeline.generate(prompt)
    with pytest.raises(TypeError, match="directory must be a path"):
        kandinsky.Pipeline(3)
    with pytest.raises(TypeError):
        pipeline.generate("кот", imagez=3)
    with pytest.raises(kandinsky.InvalidArgumentError, match="dtype: is 'int3'"):
        kandinsky.Pipeline(model, dtype="int3")
    with pytest.raises(kandinsky.InvalidArgumentError, match="threads"):
        kandinsky.Pipeline(model, threads=-1)


def test_texts(pipeline):
    for prompt in ("кот\0пёс", "кот \ud800"):
        with pytest.raises(kandinsky.InvalidArgumentError, match="prompt"):
            pipeline.generate(prompt)
    with pytest.raises(kandinsky.InvalidArgumentError, match="zero"):
        kandinsky.Tokenizer("a\0b")


def test_tokens(pipeline):
    vqgan, transformer = pipeline.vqgan, pipeline.transformer
    for tokens in (np.zeros((2, 2)), np.full((2, 2), 2048), np.full((2, 2), -1), np.full((2, 2), 2**40), np.zeros(4, int),
                   [], np.zeros((0, 4, 4), int)):
        with pytest.raises(kandinsky.InvalidArgumentError):
            vqgan.decode(tokens)
    with pytest.raises(kandinsky.InvalidArgumentError, match="multiple"):
        vqgan.encode(np.zeros((9, 8, 3), np.uint8))
    with pytest.raises(kandinsky.InvalidArgumentError):
        transformer.draw([1, 2, 3])
    with pytest.raises(kandinsky.InvalidArgumentError, match="forced"):
        transformer.draw(np.zeros(32, int), forced=[1, 2])
    with pytest.raises(kandinsky.InvalidArgumentError, match="images"):
        transformer.losses(np.zeros(32, int), np.zeros(255, int))
    with pytest.raises(kandinsky.InvalidArgumentError, match="ids"):
        pipeline.tokenizer.decode([[1]])
    with pytest.raises(kandinsky.InvalidArgumentError, match="text: has rows of different lengths"):
        transformer.draw([[1, 2], [3]])


def test_ruclip_s_arguments(pipeline):
    ruclip = pipeline.ruclip
    pixel = np.zeros((1, 1, 3), np.uint8)
    assert ruclip.scores([], pixel).shape == (0, 1) and ruclip.scores("кот", []).shape == (1, 0)
    assert ruclip.scores("кот", np.zeros((2, 1, 1, 3), np.uint8)).shape == (1, 2)
    for prompts, images in ((None, pixel), ([1], pixel), ("кот", 3), ("кот", [3])):
        with pytest.raises(TypeError, match="must be"):
            ruclip.scores(prompts, images)
    for templates in ([], ["no braces"]):
        with pytest.raises(kandinsky.InvalidArgumentError, match="templates"):
            ruclip.text_latents("кот", templates)


def test_models_are_not_copied(pipeline):
    for model in (pipeline, pipeline.tokenizer, kandinsky.Cancel()):
        for work in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="cannot be pickled or copied"):
                work(model)


def test_what_comes_back_is_plain_data(pictures):
    again = pickle.loads(pickle.dumps(pictures[0]))
    assert again.image.tobytes() == pictures[0].image.tobytes() and again.ppl == pictures[0].ppl
    assert repr(again) == f"<kandinsky.Picture {again.number}: 512x512, ppl {again.ppl:.1f}, clip_score {again.clip_score:.3f}>"
