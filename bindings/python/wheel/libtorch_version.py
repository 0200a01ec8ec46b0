"""libtorch_version.py LIBRARY FILE: writes the version of the LibTorch that a libkandinsky was built with."""
import ctypes
import sys

library = ctypes.CDLL(sys.argv[1])
library.kandinsky_torch_version.restype = ctypes.c_char_p
with open(sys.argv[2], "wb") as file:
    file.write(library.kandinsky_torch_version() + b"\n")
