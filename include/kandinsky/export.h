#pragma once

// Marks what a shared libkandinsky exports; everything else is hidden.
#if defined(_WIN32)
#define KANDINSKY_API
#else
#define KANDINSKY_API __attribute__((visibility("default")))
#endif
