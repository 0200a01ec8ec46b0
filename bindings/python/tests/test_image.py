import io
import pickle

import numpy as np
import PIL.Image
import pytest

import kandinsky

PIXELS = np.arange(5 * 7 * 3, dtype=np.uint8).reshape(5, 7, 3)


def test_arrays_and_pillow():
    image = kandinsky.Image(PIXELS)
    assert (image.width, image.height, image.size) == (7, 5, (7, 5))
    np.testing.assert_array_equal(image.numpy(), PIXELS)
    np.testing.assert_array_equal(np.asarray(image.pillow()), PIXELS)
    view = image.numpy()
    del image  # the view keeps it
    np.testing.assert_array_equal(view, PIXELS)
    with pytest.raises(ValueError):
        view[0, 0, 0] = 1


@pytest.mark.parametrize("array", [PIXELS[::2], PIXELS[:, ::2], PIXELS[::-1], PIXELS.transpose(1, 0, 2), PIXELS[:, 2:5],
                                   np.asfortranarray(PIXELS), PIXELS[:1, :1]])
def test_any_memory_layout(array):
    np.testing.assert_array_equal(kandinsky.Image(array).numpy(), array)


def test_files(tmp_path):
    image = kandinsky.Image(PIXELS)
    image.save(tmp_path / "картина.png")
    np.testing.assert_array_equal(kandinsky.Image.open(tmp_path / "картина.png").numpy(), PIXELS)
    np.testing.assert_array_equal(kandinsky.Image(str(tmp_path / "картина.png")).numpy(), PIXELS)
    np.testing.assert_array_equal(np.asarray(PIL.Image.open(io.BytesIO(image.encode()))), PIXELS)
    assert PIL.Image.open(io.BytesIO(image.encode("jpeg", 80))).format == "JPEG"
    np.testing.assert_array_equal(kandinsky.Image.decode(memoryview(image.encode())).numpy(), PIXELS)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(image)).numpy(), PIXELS)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr", "HSV"])
def test_modes_of_pillow(mode):
    picture = PIL.Image.fromarray(PIXELS).convert(mode)
    np.testing.assert_array_equal(kandinsky.Image(picture).numpy(), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("wrong, message", [
    (PIXELS.astype(np.float32), "type float32"),
    (PIXELS.transpose(2, 0, 1), r"shape \(3, 5, 7\)"),
    (np.zeros((4, 4, 4), np.uint8), r"shape \(4, 4, 4\)"),
    (np.zeros((0, 4, 3), np.uint8), "4x0"),
    (np.zeros((1, 70000, 3), np.uint8), "70000x1"),
    (PIL.Image.new("I", (3, 3)), "mode I"),
    (PIL.Image.new("F", (3, 3)), "mode F"),
])
def test_wrong_pictures(wrong, message):
    with pytest.raises(kandinsky.InvalidArgumentError, match=message) as caught:
        kandinsky.Image(wrong)
    assert caught.value.subject == "image"


def test_wrong_types_and_files(tmp_path):
    for wrong in (None, 3, [[1]], {}):
        with pytest.raises(TypeError, match="an image must be"):
            kandinsky.Image(wrong)
    with pytest.raises(kandinsky.NotFoundError, match="none.png"):
        kandinsky.Image.open(tmp_path / "none.png")
    with pytest.raises(kandinsky.BadFileError):
        kandinsky.Image.decode(b"GIF89a")
    with pytest.raises(kandinsky.Error):
        kandinsky.Image.decode(b"")
    with pytest.raises(TypeError):
        kandinsky.Image.decode("a text")
    image = kandinsky.Image(PIXELS)
    with pytest.raises(kandinsky.InvalidArgumentError, match="'gif'"):
        image.encode("gif")
    with pytest.raises(kandinsky.InvalidArgumentError, match="quality"):
        image.encode("jpeg", 0)
    with pytest.raises(kandinsky.InvalidArgumentError):
        image.save(tmp_path / "picture.gif")
    with pytest.raises(kandinsky.Error):
        image.save(tmp_path / "no" / "folder.png")
