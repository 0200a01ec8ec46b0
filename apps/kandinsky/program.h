#pragma once
#include <functional>
#include <string>

#include "command.h"

namespace CLI {
class App;
}

namespace kandinsky::cli {

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;
constexpr int exit_interrupted = 130;

// The whole program but for signals: parses the command line, does the work, says what went wrong. Returns
// the exit code.
int run(int argc, char** argv);

// The chosen subcommand's work, which run() does once the whole command line has been checked.
void set_action(std::function<int()> action);

// Each adds a subcommand to the program.
void add_generate(CLI::App& program);
void add_tokenize(CLI::App& program);
void add_losses(CLI::App& program);
void add_encode(CLI::App& program);
void add_decode(CLI::App& program);
void add_score(CLI::App& program);
void add_upscale(CLI::App& program);
void add_inspect(CLI::App& program);
void add_info(CLI::App& program);

// A new subcommand to put options into.
Command add_command(CLI::App& program, const std::string& name, const std::string& description);

}  // namespace kandinsky::cli
