#include "interrupt.h"
#include "program.h"

int main(int argc, char** argv) {
  kandinsky::cli::install_signal_handlers();
  return kandinsky::cli::run(argc, argv);
}
