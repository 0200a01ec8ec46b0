#include "apps/process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "kandinsky/program.h"

namespace kandinsky::testing {

namespace fs = std::filesystem;

namespace {

std::pair<int, int> make_pipe() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  return {ends[0], ends[1]};
}

// A file that is gone already, holding the text.
int input_of(const std::string& text) {
  std::FILE* file = std::tmpfile();
  if (file == nullptr) throw std::runtime_error("no temporary file");
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
  const int copy = fcntl(fileno(file), F_DUPFD_CLOEXEC, 0);
  std::fclose(file);
  lseek(copy, 0, SEEK_SET);
  return copy;
}

// False at the end. A terminal whose other end is closed reads as an error.
bool read_some(int file, std::string& text) {
  char buffer[4096];
  const ssize_t count = read(file, buffer, sizeof buffer);
  if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
  return count > 0;
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, const RunOptions& options) {
  const int in = input_of(options.input);
  const auto [out, out_end] = make_pipe();
  out_ = out;
  int child_out = out_end;
  if (options.out == Stdout::closed_pipe) {
    close(out_);
    out_ = -1;
  } else if (options.out == Stdout::full_device) {
    close(out_end);
    child_out = open("/dev/full", O_WRONLY | O_CLOEXEC);
  }
  int child_err = -1;
  if (options.err == Stderr::terminal) {
    winsize size{25, 80, 0, 0};
    if (openpty(&err_, &child_err, nullptr, nullptr, &size) != 0) throw std::runtime_error("no terminal");
    fcntl(err_, F_SETFD, FD_CLOEXEC);
  } else {
    std::tie(err_, child_err) = make_pipe();
  }
  std::vector<std::string> words = {KANDINSKY_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  pid_ = fork();
  if (pid_ == 0) {
    dup2(in, STDIN_FILENO);
    dup2(child_out, STDOUT_FILENO);
    dup2(child_err, STDERR_FILENO);
    if (!options.working_directory.empty() && chdir(options.working_directory.c_str()) != 0) _exit(126);
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(in);
  close(child_out);
  close(child_err);
  if (pid_ < 0) throw std::runtime_error("no process");
}

Process::~Process() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (out_ >= 0) close(out_);
  if (err_ >= 0) close(err_);
}

void Process::signal(int number) const { kill(pid_, number); }

Finished Process::wait() {
  Finished finished;
  bool out_open = out_ >= 0;
  bool err_open = true;
  while (out_open || err_open) {
    pollfd waiting[2] = {{out_open ? out_ : -1, POLLIN, 0}, {err_open ? err_ : -1, POLLIN, 0}};
    poll(waiting, 2, -1);
    if (waiting[0].revents != 0) out_open = read_some(out_, finished.out);
    if (waiting[1].revents != 0) err_open = read_some(err_, finished.err);
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  if (WIFEXITED(status)) finished.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) finished.signal = WTERMSIG(status);
  return finished;
}

Finished run(const std::vector<std::string>& arguments, const RunOptions& options) {
  return Process(arguments, options).wait();
}

nlohmann::json run_json(std::vector<std::string> arguments, const RunOptions& options) {
  arguments.push_back("--json");
  const Finished finished = run(arguments, options);
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_EQ(finished.err, "");
  EXPECT_EQ(std::count(finished.out.begin(), finished.out.end(), '\n'), 1) << finished.out;
  nlohmann::json json = nlohmann::json::parse(finished.out, nullptr, false);
  EXPECT_FALSE(json.is_discarded()) << finished.out;
  return json;
}

void expect_error(const std::vector<std::string>& arguments, int exit_code, const std::string& message,
                  const RunOptions& options) {
  std::string command = "kandinsky";
  for (const std::string& word : arguments) command += " '" + word + "'";
  SCOPED_TRACE(command);
  const Finished finished = run(arguments, options);
  EXPECT_EQ(finished.exit_code, exit_code);
  EXPECT_EQ(finished.signal, 0);
  EXPECT_EQ(finished.out, "");
  EXPECT_EQ(std::count(finished.err.begin(), finished.err.end(), '\n'), 1) << finished.err;
  EXPECT_EQ(finished.err.find("kandinsky"), 0u) << finished.err;
  EXPECT_NE(finished.err.find(message), std::string::npos) << finished.err;
}

void expect_refused(const std::vector<std::string>& arguments, const std::string& message) {
  std::vector<std::string> words = {"kandinsky"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  std::string command;
  for (std::string& word : words) {
    argv.push_back(word.data());
    command += " '" + word + "'";
  }
  argv.push_back(nullptr);
  SCOPED_TRACE(command);
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(cli::run(static_cast<int>(words.size()), argv.data()), 2);
  const std::string err = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(std::count(err.begin(), err.end(), '\n'), 1) << err;
  EXPECT_EQ(err.find("kandinsky"), 0u) << err;
  EXPECT_NE(err.find(message), std::string::npos) << err;
}

std::string nano() { return KANDINSKY_SOURCE_DIR "/models/emojich-nano"; }

std::string golden(const std::string& name) { return KANDINSKY_SOURCE_DIR "/tests/data/goldens/" + name; }

Folder::Folder() {
  std::string name = (fs::temp_directory_path() / "kandinsky-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = name;
}

Folder::~Folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string Folder::write(const std::string& name, const std::string& text) const {
  const fs::path file = path_ / name;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
  return file.string();
}

std::vector<std::string> Folder::files() const {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path_))
    if (!entry.is_directory()) names.push_back(fs::relative(entry.path(), path_).string());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

}  // namespace kandinsky::testing
