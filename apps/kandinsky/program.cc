#include "program.h"

#include <fmt/format.h>
#include <kandinsky/error.h>
#include <kandinsky/version.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <new>
#include <utility>

#include "help.h"
#include "output.h"

namespace kandinsky::cli {
namespace {

std::function<int()> chosen_action;

int complain(const std::string& who, const std::string& message, int exit_code) {
  fmt::print(stderr, "{}: {}\n", who, one_line(message));
  return exit_code;
}

// Name of the program, with that of the subcommand if one was recognised.
std::string speaker(const CLI::App& program) {
  const auto subcommands = program.get_subcommands();
  return subcommands.empty() ? "kandinsky" : "kandinsky " + subcommands.front()->get_name();
}

bool has_command(const CLI::App& program, const std::string& name) {
  return !program.get_subcommands([&](const CLI::App* command) { return command->get_name() == name; }).empty();
}

std::string unexpected(const CLI::App& program) {
  const std::vector<std::string> arguments = program.remaining(/*recurse=*/true);
  return fmt::format("'{}' was not expected here (see --help)", arguments.empty() ? "" : arguments.front());
}

int parse(CLI::App& program, int argc, char** argv) {
  if (argc > 1 && argv[1][0] != '-' && !has_command(program, argv[1]))
    return complain("kandinsky", fmt::format("'{}' is not a command (see --help)", argv[1]), exit_usage);
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& wanted) {  // --help, --version
    program.exit(wanted);
    flush_output();
    return 0;
  } catch (const CLI::RequiredError& error) {
    if (program.remaining_size(/*recurse=*/true) > 0)
      return complain(speaker(program), unexpected(program), exit_usage);
    return complain(speaker(program), fmt::format("{} (see --help)", error.what()), exit_usage);
  } catch (const CLI::ExtrasError&) {
    return complain(speaker(program), unexpected(program), exit_usage);
  } catch (const CLI::ParseError& error) {
    return complain(speaker(program), error.what(), exit_usage);
  }
  if (!chosen_action) return complain("kandinsky", "a command is required (see --help)", exit_usage);
  const int result = chosen_action();
  flush_output();
  return result;
}

}  // namespace

int run(int argc, char** argv) {
  chosen_action = nullptr;
  CLI::App program("Draws pictures from Russian prompts with models of the ruDALL-E Kandinsky family.", "kandinsky");
  program.formatter(help_formatter());
  program.set_version_flag("--version", fmt::format("kandinsky {} (LibTorch {})", version(), torch_version()),
                           "Print the versions and exit");
  program.get_help_ptr()->description("Print this help and exit");
  program.require_subcommand(0, 1);
  program.footer("Try \"kandinsky COMMAND --help\".");
  add_generate(program);
  add_tokenize(program);
  add_losses(program);
  add_encode(program);
  add_decode(program);
  add_score(program);
  add_upscale(program);
  add_inspect(program);
  add_info(program);
  try {
    return parse(program, argc, argv);
  } catch (const UsageError& error) {
    return complain(speaker(program), error.what(), exit_usage);
  } catch (const OutputError& error) {
    return *error.what() == '\0' ? exit_failure : complain(speaker(program), error.what(), exit_failure);
  } catch (const Error& error) {
    return complain(speaker(program), error.what(),
                    error.code() == ErrorCode::invalid_argument ? exit_usage : exit_failure);
  } catch (const std::bad_alloc&) {
    return complain(speaker(program), "memory ran out", exit_failure);
  } catch (const std::exception& error) {
    return complain(speaker(program), error.what(), exit_failure);
  }
}

void set_action(std::function<int()> action) { chosen_action = std::move(action); }

Command add_command(CLI::App& program, const std::string& name, const std::string& description) {
  CLI::App* command = program.add_subcommand(name, description);
  command->group("Commands");
  command->get_help_ptr()->description("Print this help and exit");
  return Command(*command);
}

}  // namespace kandinsky::cli
