#pragma once
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace kandinsky::testing {

struct Finished {
  int exit_code = -1;  // -1 if a signal ended it
  int signal = 0;
  std::string out;
  std::string err;
};

enum class Stdout { pipe, closed_pipe, full_device };
enum class Stderr { pipe, terminal };

struct RunOptions {
  std::string input;
  Stdout out = Stdout::pipe;
  Stderr err = Stderr::pipe;
  std::filesystem::path working_directory;
};

// The kandinsky program, started with arguments; killed with the object if it still runs.
class Process {
 public:
  explicit Process(const std::vector<std::string>& arguments, const RunOptions& options = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  // Reads its output until it ends.
  Finished wait();

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
};

Finished run(const std::vector<std::string>& arguments, const RunOptions& options = {});

// run() with --json, checked: exit code 0, nothing on stderr, one line of JSON.
nlohmann::json run_json(std::vector<std::string> arguments, const RunOptions& options = {});

// Checks exit code, an empty stdout, and stderr: one line that holds `message`.
void expect_error(const std::vector<std::string>& arguments, int exit_code, const std::string& message,
                  const RunOptions& options = {});

// A command line that is refused before any work: exit code 2, stderr one line that begins with "kandinsky"
// and holds `message`. Runs the program's code in this process, which is quicker.
void expect_refused(const std::vector<std::string>& arguments, const std::string& message);

// models/emojich-nano as an argument.
std::string nano();
// tests/data/goldens/NAME
std::string golden(const std::string& name);

// A folder that is gone with the object.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string path() const { return path_.string(); }
  std::string write(const std::string& name, const std::string& text) const;
  // Names of all files below, sorted.
  std::vector<std::string> files() const;

 private:
  std::filesystem::path path_;
};

std::vector<std::string> lines_of(const std::string& text);

}  // namespace kandinsky::testing
