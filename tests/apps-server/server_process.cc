#include "apps-server/server_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>

#include "support/golden.h"

namespace kandinsky::testing {
namespace {

struct Started {
  pid_t pid;
  int out;
  int err;
};

Started start(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  std::vector<std::string> words = {KANDINSKY_SERVER};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(out[1], STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    for (const std::string& variable : environment) putenv(const_cast<char*>(variable.c_str()));
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(out[1]);
  close(err[1]);
  if (pid < 0) throw std::runtime_error("no process");
  return {pid, out[0], err[0]};
}

bool read_some(int file, std::string& text) {
  char buffer[4096];
  const ssize_t count = read(file, buffer, sizeof buffer);
  if (count > 0) text.append(buffer, static_cast<std::size_t>(count));
  return count > 0;
}

void set_end(Ended& ended, pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status)) ended.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) ended.signal = WTERMSIG(status);
}

}  // namespace

Ended run_server(const std::vector<std::string>& arguments, const std::vector<std::string>& environment) {
  const Started started = start(arguments, environment);
  Ended ended;
  bool out_open = true, err_open = true;
  while (out_open || err_open) {
    pollfd waiting[2] = {{out_open ? started.out : -1, POLLIN, 0}, {err_open ? started.err : -1, POLLIN, 0}};
    poll(waiting, 2, -1);
    if (waiting[0].revents != 0) out_open = read_some(started.out, ended.out);
    if (waiting[1].revents != 0) err_open = read_some(started.err, ended.err);
  }
  close(started.out);
  close(started.err);
  set_end(ended, started.pid);
  return ended;
}

ServerProcess::ServerProcess(const std::vector<std::string>& options, bool wait_until_ready,
                             const std::vector<std::string>& environment) {
  std::vector<std::string> arguments = {"--model", nano_path().string(), "--port", "0", "--device", "cpu", "--batch",
                                        "4",       "--threads",          "1"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const Started started = start(arguments, environment);
  close(started.out);
  pid_ = started.pid;
  err_ = started.err;
  const auto wait_for = [&](const std::string& text) {
    std::size_t found;
    while ((found = log_.find(text)) == std::string::npos)
      if (!read_some(err_, log_)) throw std::runtime_error("the server has ended: " + log_);
    while (log_.find('\n', found) == std::string::npos) read_some(err_, log_);
    return found;
  };
  const std::size_t line = log_.rfind('\n', wait_for("\"event\":\"listening\"")) + 1;
  port_ = nlohmann::json::parse(log_.substr(line, log_.find('\n', line) - line)).at("port");
  if (wait_until_ready) wait_for("\"event\":\"ready\"");
  reader_ = std::thread([this] {
    for (std::string text; read_some(err_, text); text.clear()) {
      const std::lock_guard lock(mutex_);
      log_ += text;
    }
  });
}

ServerProcess::~ServerProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (reader_.joinable()) reader_.join();
  close(err_);
}

void ServerProcess::signal(int number) const { kill(pid_, number); }

Ended ServerProcess::wait() {
  Ended ended;
  set_end(ended, pid_);
  pid_ = -1;
  reader_.join();
  ended.err = log_;
  return ended;
}

std::string ServerProcess::log() const {
  const std::lock_guard lock(mutex_);
  return log_;
}

double ServerProcess::metric(const std::string& name) const {
  const std::string text = get(port_, "/metrics").body;
  const std::size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + name.size() + 2));
}

bool ServerProcess::wait_for_metric(const std::string& name, double value) const {
  for (int i = 0; i < 400; ++i) {
    if (metric(name) == value) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

const ServerProcess& shared_server() {
  static const ServerProcess server;
  return server;
}

std::string predict_body(const nlohmann::json& params, const std::string& query) {
  nlohmann::json all = {{"images_to_gen", 1}, {"images_to_cherry_pick", 1}, {"super_res", false}, {"seed", 5}};
  all.update(params);
  return nlohmann::json{{"instances", {{{"query", query}, {"params", all}}}}}.dump();
}

}  // namespace kandinsky::testing
