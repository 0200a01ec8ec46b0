import json

import numpy as np
import pytest

import kandinsky
from conftest import MODEL


@pytest.fixture(scope="module")
def tokenizer(model):
    return kandinsky.Tokenizer(model / "tokenizer" / "bpe.model")


@pytest.fixture(scope="module")
def transformer(model):
    return kandinsky.Transformer(model / "rudalle_kandinsky.bin", threads=1)


@pytest.fixture(scope="module")
def vqgan(model):
    return kandinsky.VqganDecoder(model / "vae" / "vqgan.gumbelf8.model.ckpt", threads=1)


def test_tokenizer(model, tokenizer):
    ids = tokenizer.encode("красное сердце")
    assert ids.dtype == np.int32 and tokenizer.decode(ids) == "красное сердце"
    assert tokenizer.encode("").size == 0 and tokenizer.decode([]) == ""
    padded = tokenizer.encode_for_transformer("  КРАСНОЕ сердце ", 32)
    assert padded.tolist() == [2, *ids.tolist(), 3] + [0] * (30 - ids.size)
    assert tokenizer.encode_for_ruclip("красное сердце").shape == (77,)
    same = kandinsky.Tokenizer.from_bytes((model / "tokenizer" / "bpe.model").read_bytes())
    assert same.vocab_size == tokenizer.vocab_size and same.encode("кот").tolist() == tokenizer.encode("кот").tolist()


def test_tokenizer_batches_pieces_and_dropout(tokenizer):
    prompts = ["красное сердце", "", "кот"] * 20
    expected = [tokenizer.encode(prompt).tolist() for prompt in prompts]
    for threads in (0, 1, 3):
        assert [ids.tolist() for ids in tokenizer.encode_batch(prompts, threads=threads)] == expected
    assert tokenizer.encode_batch([]) == []
    with pytest.raises(kandinsky.InvalidArgumentError, match="threads"):
        tokenizer.encode_batch(prompts, threads=-1)

    characters = tokenizer.encode("сердце", dropout=1)
    assert characters.size > tokenizer.encode("сердце").size and tokenizer.decode(characters) == "сердце"
    dropped = [tokenizer.encode("красное сердце", dropout=0.5, seed=seed).tolist() for seed in range(20)]
    assert len({tuple(ids) for ids in dropped}) > 1
    batch = tokenizer.encode_batch(["красное сердце"] * 20, dropout=0.5)
    assert [ids.tolist() for ids in batch] == dropped
    with pytest.raises(kandinsky.InvalidArgumentError, match="dropout: is 1.5"):
        tokenizer.encode("кот", dropout=1.5)

    pieces = tokenizer.pieces("красное сердце")
    assert "".join(pieces) == "\u2581красное\u2581сердце"
    assert [tokenizer.piece_to_id(piece) for piece in pieces] == tokenizer.encode("красное сердце").tolist()
    assert tokenizer.piece_to_id("no such piece") == tokenizer.unk_id
    with pytest.raises(kandinsky.InvalidArgumentError):
        tokenizer.id_to_piece(tokenizer.vocab_size)
    assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.bos_id, tokenizer.eos_id, tokenizer.kind) == (0, 1, 2, 3, "yttm")


def test_transformer(model, tokenizer, transformer):
    config = transformer.config
    assert config == kandinsky.TransformerConfig.preset("nano")
    assert (transformer.device, transformer.dtype, transformer.parameter_count) == ("cpu", "fp32", 11_624_736)
    text = tokenizer.encode_for_transformer("кот", config.text_length)
    drawn = transformer.draw(text, images=2, first_number=3, seed=5, top_k=64)
    assert [picture.number for picture in drawn] == [3, 4] and drawn[0].ppl > 1
    forced = np.full(256, -1)
    forced[:40] = 9
    assert transformer.draw(text, forced=forced, greedy=True)[0].tokens.reshape(-1)[:40].tolist() == [9] * 40

    logits = transformer.logits(text, drawn[0].tokens.reshape(-1)[:10])
    assert logits.shape == (32 + 10, 2080 + 2048) and logits.dtype == np.float32
    losses = transformer.losses(text, drawn[0].tokens)
    assert losses.total == pytest.approx((losses.text + 7 * losses.image) / 8)
    both = transformer.losses([text, text], [drawn[0].tokens, drawn[1].tokens])
    assert both.text == pytest.approx(losses.text, rel=1e-5)
    # The greedy id is the likeliest one of the image part.
    greedy = transformer.draw(text, greedy=True)[0].tokens.reshape(-1)
    assert transformer.logits(text)[-1, 2080:].argmax() == greedy[0]

    assert transformer.ppl(text, drawn[0].tokens) == pytest.approx(drawn[0].ppl, rel=1e-3)
    with pytest.raises(kandinsky.InvalidArgumentError, match="image"):
        transformer.ppl(text, drawn[0].tokens[:4])


def test_drawing_is_shown(tokenizer, transformer):
    text = tokenizer.encode_for_transformer("кот", 32)
    shown = []
    drawn = transformer.draw(text, images=2, first_number=3, preview_every=100,
                             preview=lambda number, tokens: shown.append((number, tokens)))
    assert [(number, tokens.size) for number, tokens in shown][:4] == [(3, 100), (4, 100), (3, 200), (4, 200)]
    for number, tokens in shown:
        np.testing.assert_array_equal(tokens, drawn[number - 3].tokens.reshape(-1)[: tokens.size])
    with pytest.raises(kandinsky.CancelledError):
        transformer.draw(text, preview=lambda number, tokens: False, preview_every=1)


def test_models_from_memory(model, tokenizer, transformer, vqgan):
    checkpoint = bytearray((model / "rudalle_kandinsky.bin").read_bytes())
    copy = kandinsky.Transformer.from_bytes(checkpoint, name="mine")
    del checkpoint  # the model holds it
    text = tokenizer.encode_for_transformer("кот", 32)
    np.testing.assert_array_equal(copy.draw(text)[0].tokens, transformer.draw(text)[0].tokens)

    config = (model / "vae" / "config.json").read_text()
    other = kandinsky.VqganDecoder.from_bytes((model / "vae" / "vqgan.gumbelf8.model.ckpt").read_bytes(), config)
    tokens = np.arange(256).reshape(16, 16)
    assert other.decode(tokens)[0].tobytes() == vqgan.decode(tokens)[0].tobytes()

    ruclip = kandinsky.RuClip.from_bytes((model / "ruclip" / "pytorch_model.bin").read_bytes(),
                                         (model / "ruclip" / "config.json").read_text(),
                                         kandinsky.Tokenizer(model / "ruclip" / "bpe.model"))
    image = vqgan.decode(tokens)
    same = kandinsky.RuClip(model / "ruclip")
    np.testing.assert_array_equal(ruclip.scores("кот", image), same.scores(["кот"], image[0]))
    with pytest.raises(kandinsky.BadFileError, match="broken"):
        kandinsky.RealEsrgan.from_bytes(b"\x80\x02", name="broken")
    with pytest.raises(kandinsky.BadFileError):
        kandinsky.Transformer.from_bytes(b"")


def test_vqgan(vqgan, pictures):
    assert (vqgan.downsampling, vqgan.codebook_size) == (8, 2048)
    two = vqgan.decode(np.stack([picture.tokens for picture in pictures]))
    assert [image.size for image in two] == [(128, 128)] * 2
    wide = vqgan.decode(pictures[0].tokens[:4, :10])[0]
    assert wide.size == (80, 32) and vqgan.encode(wide).shape == (4, 10)
    assert (vqgan.encode(two[0]) == pictures[0].tokens).mean() > 0.5


def test_ruclip(pipeline, pictures):
    ruclip = pipeline.ruclip
    images = [picture.image for picture in pictures]
    scores = ruclip.scores(["красное сердце", "кот"], images)
    assert scores.shape == (2, 2) and scores.dtype == np.float32 and (scores[0] > scores[1]).all()
    latents = ruclip.image_latents(images)
    assert latents.shape == (2, ruclip.width)
    np.testing.assert_allclose(np.linalg.norm(latents, axis=1), 1, rtol=1e-5)
    text = ruclip.text_latents("красное сердце")
    plain = ruclip.text_latents("красное сердце", ["{}"])
    assert text.shape == plain.shape == (1, ruclip.width) and not np.array_equal(text, plain)
    assert ruclip.text_latents([]).shape == (0, ruclip.width)

    worst_first = images[::-1]
    ranked = ruclip.rank("красное сердце", worst_first)
    assert [one.index for one in ranked] == [1, 0] and ranked[0].score == pytest.approx(float(scores[0, 0]), abs=1e-5)
    assert ruclip.rank("красное сердце", worst_first, pick=1) == ranked[:1]
    with pytest.raises(kandinsky.InvalidArgumentError, match="pick"):
        ruclip.rank("кот", images, pick=0)
    ids = ruclip.tokenizer.encode_for_ruclip("кот", ruclip.context_length)
    assert ids.size == ruclip.context_length and ruclip.resolution > 0
    assert ruclip.parameter_count == kandinsky.estimate(MODEL).ruclip_parameters


def test_real_esrgan(pipeline):
    enlarge = pipeline.real_esrgan
    pixel = enlarge.upscale(np.full((1, 1, 3), 200, np.uint8))
    assert enlarge.scale == 4 and pixel.size == (4, 4)
    assert abs(np.asarray(pixel, int) - 200).max() < 30
    steps = []
    enlarge.upscale(np.zeros((100, 20), np.uint8), tile=64, progress=steps.append)
    assert steps and steps[-1].stage == "enlarging"


def test_transformer_config_is_checked(model):
    with pytest.raises(kandinsky.Error, match="layers|shape|expected"):
        kandinsky.Transformer(model / "rudalle_kandinsky.bin", kandinsky.TransformerConfig.preset("malevich"))
    with pytest.raises(kandinsky.InvalidArgumentError, match="dali"):
        kandinsky.TransformerConfig.preset("dali")
    assert json.loads((model / "generation_config.json").read_text())["top_k"] == 512
