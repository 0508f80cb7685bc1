#include "console/console.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/terminal_text.h"

namespace treadle {
namespace {

bool WriteAll(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
      pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&ready, 1, -1);
      continue;
    }
    if (n < 0) return false;
    data.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// A file system on a network may report only at the end that a disk is full.
bool CloseACopy(int fd) {
  const int copy = ::dup(fd);
  return copy < 0 || ::close(copy) == 0;
}

OutputStream StreamOf(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool terminal = ::isatty(fd) == 1;
  const bool dumb = term == nullptr || std::string_view(term) == "dumb";
  const bool refused = no_color != nullptr && *no_color != '\0';
  return {.write = [fd](std::string_view data) { return WriteAll(fd, data); },
          .flush = [fd] { return CloseACopy(fd); },
          .is_terminal = terminal,
          .color = terminal && !dumb && !refused};
}

constexpr std::string_view kColors[] = {"\x1b[0m",  "\x1b[1m",  "\x1b[2m",
                                        "\x1b[31m", "\x1b[32m", "\x1b[33m"};

std::string Paint(std::string_view text, Color color) {
  if (color == Color::kPlain) return std::string(text);
  return fmt::format("{}{}{}", kColors[static_cast<size_t>(color)], text, kColors[0]);
}

// What should have been made printable before, and was not.
std::string ForTerminal(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t plain = text.size();
    size_t color = 0;
    for (const std::string_view code : kColors) {
      const size_t at = text.find(code);
      if (at < plain) plain = at, color = code.size();
    }
    out += PrintableLines(text.substr(0, plain));
    out += text.substr(plain, color);
    text.remove_prefix(plain + color);
  }
  return out;
}

}  // namespace

Console::Console(OutputStream out, OutputStream err) : out_(std::move(out)), err_(std::move(err)) {}

Console Console::OfProcess() {
  std::signal(SIGPIPE, SIG_IGN);
  return {StreamOf(STDOUT_FILENO), StreamOf(STDERR_FILENO)};
}

void Console::Out(std::string_view data) {
  if (closed_ || data.empty() || out_.write(data)) return;
  error_ = errno;
  closed_ = true;
}

std::string Console::Flush() {
  if (!closed_ && out_.flush && !out_.flush()) {
    error_ = errno;
    closed_ = true;
  }
  return closed_ ? std::strerror(error_) : "";
}

void Console::OutLine(std::string_view line) {
  Out((out_.is_terminal ? ForTerminal(line) : std::string(line)) + '\n');
}

void Console::Message(std::string_view line) {
  Err((err_.is_terminal ? ForTerminal(line) : std::string(line)) + '\n');
}

void Console::Err(std::string_view text) { err_.write(text); }

std::string Console::PaintOut(std::string_view text, Color color) const {
  return out_.color ? Paint(text, color) : std::string(text);
}

std::string Console::PaintErr(std::string_view text, Color color) const {
  return err_.color ? Paint(text, color) : std::string(text);
}

void OpenStandardStreams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number, which is this one. Standard output cannot be written through it.
    (void)::open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace treadle
