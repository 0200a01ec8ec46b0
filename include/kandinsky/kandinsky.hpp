#pragma once
// All of the public C++ interface.
#include "kandinsky/checkpoint.h"
#include "kandinsky/device.h"
#include "kandinsky/error.h"
#include "kandinsky/image.h"
#include "kandinsky/pipeline.h"
#include "kandinsky/progress.h"
#include "kandinsky/real_esrgan.h"
#include "kandinsky/ruclip.h"
#include "kandinsky/tokenizer.h"
#include "kandinsky/transformer.h"
#include "kandinsky/version.h"
#include "kandinsky/vqgan.h"
