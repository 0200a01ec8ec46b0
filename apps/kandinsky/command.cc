#include "command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "program.h"

namespace kandinsky::cli {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  return fmt::format("{}", fmt::join(words, separator));
}

template <typename T>
std::optional<T> whole_number(const std::string& text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

double parse_real(const std::string& text, double least, double most) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value >= least && value <= most))
    throw UsageError(fmt::format("'{}' is not a number from {} to {}", text, least, most));
  return value;
}

std::uint64_t parse_seed(const std::string& text) {
  const std::optional<std::uint64_t> value = whole_number<std::uint64_t>(text);
  if (!value)
    throw UsageError(
        fmt::format("'{}' is not a whole number from 0 to {}", text, std::numeric_limits<std::uint64_t>::max()));
  return *value;
}

}  // namespace

std::int64_t parse_integer(const std::string& text, std::int64_t least, std::int64_t most) {
  const std::optional<std::int64_t> value = whole_number<std::int64_t>(text);
  if (!value || *value < least || *value > most)
    throw UsageError(fmt::format("'{}' is not a whole number from {} to {}", text, least, most));
  return *value;
}

CLI::Option& Command::add(const std::string& name, std::function<void(const std::string&)> parse,
                          const std::string& kind, const std::string& help) {
  const std::string shown = name.substr(name.rfind(',') + 1);
  CLI::Option* option = app_.add_option(
      name,
      [parse = std::move(parse), shown](const CLI::results_t& results) {
        try {
          parse(results.at(0));
        } catch (const UsageError& error) {
          throw CLI::ValidationError(shown, error.what());
        }
        return true;
      },
      help);
  const bool named = name.front() == '-';
  option->expected(1)->take_last()->type_name(named ? kind : "")->group(group_);
  return *option;
}

void Command::text(const std::string& name, std::string& value, const std::string& help, Need need) {
  add(
      name, [&value](const std::string& given) { value = given; }, "TEXT", help)
      .required(need == Need::required);
}

void Command::path(const std::string& name, std::filesystem::path& value, const std::string& help, Need need,
                   const std::string& kind) {
  const auto parse = [&value](const std::string& given) {
    if (given.empty()) throw UsageError("must not be empty");
    value = given;
  };
  CLI::Option& option = add(name, parse, kind, help);
  option.required(need == Need::required);
  if (!value.empty()) option.default_str(value.string());
}

void Command::choice(const std::string& name, std::string& value, std::vector<std::string> choices,
                     const std::string& help) {
  const std::string kind = joined(choices, "|");
  const auto parse = [&value, choices = std::move(choices)](const std::string& given) {
    if (std::find(choices.begin(), choices.end(), given) == choices.end())
      throw UsageError(fmt::format("'{}' is not one of {}", given, joined(choices, ", ")));
    value = given;
  };
  add(name, parse, kind, help).default_str(value);
}

void Command::integer(const std::string& name, int& value, int least, int most, const std::string& help) {
  const auto parse = [&value, least, most](const std::string& given) {
    value = static_cast<int>(parse_integer(given, least, most));
  };
  add(name, parse, "N", help).default_str(std::to_string(value));
}

void Command::integer(const std::string& name, std::optional<int>& value, int least, int most, const std::string& help,
                      const std::string& unset) {
  const auto parse = [&value, least, most](const std::string& given) {
    value = static_cast<int>(parse_integer(given, least, most));
  };
  add(name, parse, "N", help).default_str(unset);
}

void Command::seed(const std::string& name, std::optional<std::uint64_t>& value, const std::string& help,
                   const std::string& unset) {
  add(
      name, [&value](const std::string& given) { value = parse_seed(given); }, "N", help)
      .default_str(unset);
}

void Command::real(const std::string& name, std::optional<double>& value, double least, double most,
                   const std::string& help, const std::string& unset) {
  const auto parse = [&value, least, most](const std::string& given) { value = parse_real(given, least, most); };
  add(name, parse, "X", help).default_str(unset);
}

void Command::flag(const std::string& name, bool& value, const std::string& help) {
  app_.add_flag(name, value, help)->group(group_)->take_last();
}

void Command::list(const std::string& name, std::vector<std::string>& values, const std::string& kind,
                   const std::string& help, Need need) {
  app_.add_option(name, values, help)
      ->expected(1, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(false)
      ->type_name(kind)
      ->group(group_)
      ->required(need == Need::required);
}

void Command::rest(const std::string& name, std::vector<std::string>& values, const std::string& help, Need need) {
  app_.add_option(name, values, help)->type_name("")->group(group_)->required(need == Need::required);
}

void Command::parsed(const std::string& name, const std::function<void(const std::string&)>& parse,
                     const std::string& kind, const std::string& help) {
  add(name, parse, kind, help);
}

void Command::examples(const std::string& text) { app_.footer("Examples:\n" + text); }

void Command::action(std::function<int()> run) {
  app_.callback([run = std::move(run)] { set_action(run); });
}

}  // namespace kandinsky::cli
