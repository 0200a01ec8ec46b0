import json
import struct

import numpy as np
import pytest

import kandinsky


def safetensors(**tensors):
    """name=(dtype, shape, bytes)"""
    header, body = {}, b""
    for name, (dtype, shape, values) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(values)]}
        body += values
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def test_tensors_are_listed(model):
    with kandinsky.Checkpoint(model / "rudalle_kandinsky.bin") as checkpoint:
        assert checkpoint.format == "torch-zip"
        tensors = checkpoint.tensors
        assert len({tensor.name for tensor in tensors}) == len(tensors)
        assert {tensor.dtype for tensor in tensors} == {"float16"}
        # The checkpoint holds the causal masks too, which are no parameters.
        trained = [tensor for tensor in tensors if not tensor.name.endswith("mask")]
        assert sum(tensor.parameter_count for tensor in trained) == 11_624_736
        longest = max(tensors, key=lambda tensor: tensor.parameter_count)
        values = checkpoint.read(longest.name)
        assert values.shape == longest.shape and values.dtype == np.float16 and np.isfinite(values).all()
        values[...] = 0  # a copy
        assert checkpoint.read(longest.name).any()
        with pytest.raises(kandinsky.NotFoundError, match="no/such: there is no such tensor"):
            checkpoint.read("no/such")
    with pytest.raises(ValueError, match="closed"):
        checkpoint.tensors


def test_types_and_shapes():
    wide = np.array([[1.5, -2], [3, 2**-126]], np.float32)
    narrow = (wide.view(np.uint32) >> 16).astype("<u2").tobytes()  # all of them are bfloat16 numbers
    checkpoint = kandinsky.Checkpoint.from_bytes(bytearray(safetensors(
        a=("BF16", [2, 2], narrow), b=("I64", [], struct.pack("<q", -5)), c=("F32", [0, 3], b""),
        d=("BOOL", [2], b"\1\0"), e=("F8_E4M3", [2], b"\x38\xb8"))))
    assert checkpoint.format == "safetensors" and checkpoint.tensors == [
        ("a", "bfloat16", (2, 2)), ("b", "int64", ()), ("c", "float32", (0, 3)), ("d", "bool", (2,)),
        ("e", "float8_e4m3fn", (2,))]
    np.testing.assert_array_equal(checkpoint.read("a"), wide)
    assert checkpoint.read("a").dtype == np.float32 and checkpoint.read_bytes("a") == narrow
    assert checkpoint.read("b") == -5 and checkpoint.read("c").shape == (0, 3)
    assert checkpoint.read("d").tolist() == [True, False]
    with pytest.raises(kandinsky.UnsupportedError, match="e: numpy has no float8_e4m3fn"):
        checkpoint.read("e")
    assert checkpoint.read_bytes("e") == b"\x38\xb8"


def test_damaged_files(tmp_path):
    with pytest.raises(kandinsky.BadFileError, match="mine"):
        kandinsky.Checkpoint.from_bytes(safetensors(a=("F32", [2], b"1234")), name="mine")
    with pytest.raises(FileNotFoundError):
        kandinsky.Checkpoint(tmp_path / "none")
