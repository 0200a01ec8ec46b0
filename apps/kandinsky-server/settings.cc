#include "settings.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <sstream>

#include "json_text.h"
#include "kandinsky/version.h"

namespace kandinsky::server {
namespace {

struct Option {
  std::string name;  // of the flag, without dashes
  std::string kind;
  std::string help;
  std::function<void(const std::string&)> set;
};

template <typename T>
T parse_number(const std::string& text, T least, T most, const char* what) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end || !(value >= least && value <= most))
    throw SettingsError(fmt::format("'{}' is not {} from {} to {}", text, what, least, most));
  return value;
}

auto integer(int& value, int least, int most) {
  return [&value, least, most](const std::string& text) { value = parse_number(text, least, most, "a whole number"); };
}

auto seconds(Seconds& value, double least, double most) {
  return
      [&value, least, most](const std::string& text) { value = Seconds(parse_number(text, least, most, "a number")); };
}

auto path(std::filesystem::path& value) {
  return [&value](const std::string& text) {
    if (text.empty()) throw SettingsError("must not be empty");
    value = text;
  };
}

void set_name(std::string& value, const std::string& text) {
  const bool fits = !text.empty() && text.size() <= 128 && std::ranges::all_of(text, [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-';
  });
  if (!fits) throw SettingsError(fmt::format("'{}' is not 1 to 128 of A-Z a-z 0-9 . _ -", text));
  value = text;
}

void set_device(std::string& value, const std::string& text) {
  const bool numbered = text.starts_with("cuda:") && text.size() > 5 && text.size() <= 9 &&
                        std::ranges::all_of(text.substr(5), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (text != "auto" && text != "cpu" && text != "cuda" && !numbered)
    throw SettingsError(fmt::format("'{}' is not one of auto, cpu, cuda, cuda:N", text));
  value = text;
}

void set_level(LogLevel& value, const std::string& text) {
  static const std::map<std::string, LogLevel> levels = {
      {"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warning", LogLevel::warning}, {"error", LogLevel::error}};
  const auto at = levels.find(text);
  if (at == levels.end()) throw SettingsError(fmt::format("'{}' is not one of debug, info, warning, error", text));
  value = at->second;
}

std::string read_file(const std::string& name) {
  constexpr std::size_t most = 1 << 20;
  std::ifstream file(name, std::ios::binary);
  if (!file) throw SettingsError(fmt::format("{} cannot be read", name));
  std::string text(most + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || file.gcount() == 0) throw SettingsError(fmt::format("{} is empty or cannot be read", name));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > most) throw SettingsError(fmt::format("{} is too large", name));
  return text;
}

void read_tokens(std::vector<std::string>& tokens, const std::string& file) {
  tokens.clear();
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty()) continue;
    if (!std::ranges::all_of(line, [](char c) { return c > 0x20 && c < 0x7f; }))
      throw SettingsError(fmt::format("{} holds a token that is not printable ASCII without spaces", file));
    tokens.push_back(line);
  }
  if (tokens.empty()) throw SettingsError(fmt::format("{} holds no token", file));
}

std::vector<Option> all_options(Settings& s) {
  ModelFiles& files = s.pipeline.files;
  return {
      {"model", "DIR", "Model directory, e.g. models/emojich-nano", path(s.model)},
      {"name", "NAME", "Name of the model in the routes [kandinsky]",
       [&](const std::string& t) { set_name(s.name, t); }},
      {"host", "ADDRESS", "IP address to listen on; 0.0.0.0 for all [127.0.0.1]",
       [&](const std::string& t) { s.host = t; }},
      {"port", "N", "Port; 0 is any free one [8080]", integer(s.port, 0, 65535)},
      {"device", "auto|cpu|cuda:N", "auto is the first CUDA device, else the CPU [auto]",
       [&](const std::string& t) { set_device(s.pipeline.device, t); }},
      {"dtype", "auto|fp32|bf16|fp16", "Of the weights; auto is fp32 on the CPU, fp16 on a GPU [auto]",
       [&](const std::string& t) {
         try {
           s.pipeline.precision = precision(t);
         } catch (const Error&) {
           throw SettingsError(fmt::format("'{}' is not one of auto, fp32, bf16, fp16", t));
         }
       }},
      {"threads", "N", "CPU threads; 0 is one a core [0]", integer(s.pipeline.threads, 0, 1024)},
      {"batch", "N", "Pictures drawn at once, of all requests [8]", integer(s.batch, 1, 256)},
      {"queue", "N", "Requests that may wait; more are answered 429 [64]", integer(s.queue, 0, 65536)},
      {"timeout", "S", "Seconds a request may take [300]", seconds(s.timeout, 0.001, 86400)},
      {"max-images", "N", "Pictures that one HTTP request may draw [64]", integer(s.max_images, 1, 4096)},
      {"max-body", "BYTES", "Size of a request's body; larger ones are answered 413 [4194304]",
       integer(s.max_body, 1024, 1 << 30)},
      {"connections", "N", "Open connections [256]", integer(s.connections, 1, 65536)},
      {"read-timeout", "S", "Seconds for a request to arrive or an answer to be taken [30]",
       seconds(s.read_timeout, 0.01, 3600)},
      {"idle-timeout", "S", "Seconds a connection is kept without a request [60]",
       seconds(s.idle_timeout, 0.01, 86400)},
      {"shutdown-timeout", "S", "Seconds that requests in work get after SIGTERM [30]",
       seconds(s.shutdown_timeout, 0, 86400)},
      {"token-file", "FILE", "Bearer tokens, one a line; without it the server is open to all who reach it",
       [&](const std::string& t) { read_tokens(s.tokens, t); }},
      {"client-header", "NAME", "Header that names the client, for fairness; else its IP address",
       [&](const std::string& t) { set_name(s.client_header, t); }},
      {"log-level", "LEVEL", "debug, info, warning or error [info]",
       [&](const std::string& t) { set_level(s.log_level, t); }},
      {"transformer", "FILE", "Transformer weights instead of the model directory's", path(files.transformer)},
      {"transformer-config", "FILE", "Transformer hyper-parameters (JSON)", path(files.transformer_config)},
      {"tokenizer", "FILE", "Text tokenizer (YTTM or SentencePiece)", path(files.tokenizer)},
      {"vqgan", "FILE", "VQGAN weights", path(files.vqgan)},
      {"ruclip", "DIR", "ruCLIP directory", path(files.ruclip)},
      {"real-esrgan", "FILE", "Real-ESRGAN weights (x2, x4 or x8)", path(files.real_esrgan)},
      {"generation-config", "FILE", "Sampling defaults (JSON)", path(files.generation_config)},
  };
}

void apply(const Option& option, const std::string& source, const std::string& value) {
  try {
    option.set(value);
  } catch (const SettingsError& error) {
    throw SettingsError(fmt::format("{}: {}", source, error.what()));
  }
}

std::string key_of(const std::string& name) {
  std::string key = name;
  std::ranges::replace(key, '-', '_');
  return key;
}

std::string variable_of(const std::string& name) {
  std::string variable = "KANDINSKY_SERVE_" + key_of(name);
  std::ranges::transform(variable, variable.begin(), [](unsigned char c) { return std::toupper(c); });
  return variable;
}

void apply_file(const std::vector<Option>& options, const std::string& file) {
  nlohmann::json json;
  try {
    json = parse_json(read_file(file));
  } catch (const JsonError& error) {
    throw SettingsError(fmt::format("{}: {}", file, error.what()));
  }
  if (!json.is_object()) throw SettingsError(fmt::format("{} is not a JSON object", file));
  for (const auto& [key, value] : json.items()) {
    const auto option = std::ranges::find(options, key, [](const Option& o) { return key_of(o.name); });
    if (option == options.end()) throw SettingsError(fmt::format("{}: unknown key '{}'", file, key));
    if (!value.is_string() && !value.is_number())
      throw SettingsError(fmt::format("{}: {} is neither a string nor a number", file, key));
    apply(*option, fmt::format("{}: {}", file, key), value.is_string() ? value.get<std::string>() : value.dump());
  }
}

}  // namespace

std::optional<Settings> read_settings(int argc, char** argv) {
  Settings settings;
  const std::vector<Option> options = all_options(settings);
  std::map<std::string, std::string> given;
  CLI::App program("Serves a model of the ruDALL-E Kandinsky family over HTTP (KServe V1 and V2).", "kandinsky-server");
  program.set_version_flag("--version", fmt::format("kandinsky-server {} (LibTorch {})", version(), torch_version()),
                           "Print the versions and exit");
  program.get_help_ptr()->description("Print this help and exit");
  for (const Option& option : options)
    program.add_option("--" + option.name, given[option.name], option.help)->type_name(option.kind)->take_last();
  std::string file;
  program.add_option("--config", file, "JSON object of these options, e.g. {\"max_images\": 8}")
      ->type_name("FILE")
      ->take_last();
  program.footer(
      "Every option is also read from the environment (KANDINSKY_SERVE_MAX_IMAGES) and from the configuration\n"
      "file (max_images); the command line wins over the environment, and that over the file.");
  try {
    program.parse(argc, argv);
  } catch (const CLI::Success& wanted) {  // --help, --version
    program.exit(wanted);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    throw SettingsError(fmt::format("{} (see --help)", error.what()));
  }
  if (const char* variable = std::getenv("KANDINSKY_SERVE_CONFIG"); file.empty() && variable != nullptr)
    file = variable;
  if (!file.empty()) apply_file(options, file);
  for (const Option& option : options)
    if (const char* value = std::getenv(variable_of(option.name).c_str()))
      apply(option, variable_of(option.name), value);
  for (const Option& option : options)
    if (program.get_option("--" + option.name)->count() > 0) apply(option, "--" + option.name, given[option.name]);
  if (settings.model.empty()) throw SettingsError("--model is required (see --help)");
  return settings;
}

}  // namespace kandinsky::server
