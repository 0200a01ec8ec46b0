#include "help.h"

#include <CLI/CLI.hpp>
#include <string>
#include <utility>

namespace kandinsky::cli {
namespace {

// CLI11's help with defaults at the end of the descriptions instead of among the names.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() {
    column_width(31);
    label("Positionals", "Arguments");
    label("SUBCOMMAND", "COMMAND");
  }

  // One empty line between the parts.
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (std::size_t at; (at = text.find("\n\n\n")) != std::string::npos;) text.erase(at, 1);
    return text;
  }

  std::string make_description(const CLI::App* app) const override { return app->get_description() + "\n\n"; }

  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_name().empty() ? "" : " " + option->get_type_name();
  }

  std::string make_option_desc(const CLI::Option* option) const override {
    std::string text = option->get_description();
    if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + "]";
    if (option->get_required()) text += " (required)";
    return text;
  }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() { return std::make_shared<HelpFormatter>(); }

}  // namespace kandinsky::cli
