#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace kandinsky::cli {

// A command line that cannot be meant: one line on stderr, exit code 2.
struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum class Need { optional, required };

// A subcommand's options, each checked when it is parsed. References must outlive the parsing. Names are
// CLI11's:
// "--out", "-o,--out", or "FILE" for an argument without a name. Where an option is given twice the last one
// counts.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(app) {}

  // Options added from now on are listed under this heading in the help.
  void group(std::string name) { group_ = std::move(name); }

  void text(const std::string& name, std::string& value, const std::string& help, Need need = Need::optional);
  void path(const std::string& name, std::filesystem::path& value, const std::string& help, Need need = Need::optional,
            const std::string& kind = "FILE");
  void choice(const std::string& name, std::string& value, std::vector<std::string> choices, const std::string& help);
  void integer(const std::string& name, int& value, int least, int most, const std::string& help);
  // `unset` says in the help what holds without the option.
  void integer(const std::string& name, std::optional<int>& value, int least, int most, const std::string& help,
               const std::string& unset);
  void seed(const std::string& name, std::optional<std::uint64_t>& value, const std::string& help,
            const std::string& unset);
  void real(const std::string& name, std::optional<double>& value, double least, double most, const std::string& help,
            const std::string& unset);
  void flag(const std::string& name, bool& value, const std::string& help);
  // May be given several times, each time with one value.
  void list(const std::string& name, std::vector<std::string>& values, const std::string& kind, const std::string& help,
            Need need = Need::optional);
  // Takes what remains on the command line.
  void rest(const std::string& name, std::vector<std::string>& values, const std::string& help,
            Need need = Need::optional);
  // Any text that `parse` takes; it throws UsageError otherwise.
  void parsed(const std::string& name, const std::function<void(const std::string&)>& parse, const std::string& kind,
              const std::string& help);

  // Shown after the options.
  void examples(const std::string& text);
  // What the subcommand does; returns the exit code.
  void action(std::function<int()> run);

 private:
  CLI::Option& add(const std::string& name, std::function<void(const std::string&)> parse, const std::string& kind,
                   const std::string& help);

  CLI::App& app_;
  std::string group_ = "Options";
};

// Strict: the whole text, decimal, in range. Throws UsageError that says what was expected.
std::int64_t parse_integer(const std::string& text, std::int64_t least, std::int64_t most);

}  // namespace kandinsky::cli
