#include "mark.h"

#include <algorithm>

#include "tree.h"

namespace easel {

const char kMark[] = ".easel-files";

namespace {

// First and last line; between them one path a line.
constexpr char kTitle[] = "easel made these files and removes them once they are no longer used:\n";
constexpr char kEnd[] = "end\n";
constexpr size_t kMostBytes = 1 << 20;

bool is_file(int folder, const std::string& path) {
  struct stat status;
  return fstatat(folder, path.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(status.st_mode);
}

// A path that stays below its folder.
bool stays_inside(const std::string& path) {
  const std::string between = "/" + path + "/";
  return !path.empty() && between.find("//") == std::string::npos &&
         between.find("/./") == std::string::npos && between.find("/../") == std::string::npos;
}

// The whole text of the mark, or "".
std::string mark_text(int folder) {
  const File file(openat(folder, kMark, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  if (!file || !is_file(folder, kMark)) return "";
  std::string text;
  char piece[65536];
  for (ssize_t got; text.size() <= kMostBytes && (got = read(file.fd(), piece, sizeof piece)) > 0;)
    text.append(piece, size_t(got));
  const std::string title = kTitle, end = kEnd;
  const bool whole = text.size() >= title.size() + end.size() && text.compare(0, title.size(), title) == 0 &&
                     text.compare(text.size() - end.size(), end.size(), end) == 0;
  return whole ? text : "";
}

std::vector<std::string> marked_files(const std::string& text) {
  std::vector<std::string> paths;
  const size_t stop = text.size() - (sizeof kEnd - 1);
  for (size_t at = sizeof kTitle - 1; at < stop;) {
    const size_t line_end = text.find('\n', at);
    const std::string path = text.substr(at, line_end - at);
    if (stays_inside(path)) paths.push_back(path);
    at = line_end + 1;
  }
  return paths;
}

// Versions before there were marks unpacked LICENCES.txt first and never anything but these.
bool made_before_marks(int folder) {
  const std::vector<std::string> known{"LICENCES.txt", "assets", "build", "deno",
                                       "node_modules", "src",    "system"};
  const std::vector<std::string> names = names_in(folder);
  return is_file(folder, "LICENCES.txt") &&
         std::all_of(names.begin(), names.end(), [&](const std::string& name) {
           return std::find(known.begin(), known.end(), name) != known.end();
         });
}

}  // namespace

void write_mark(int folder, const Payload& payload) {
  std::string text = kTitle;
  for (const Entry& entry : payload.entries()) text += entry.path + "\n";
  text += kEnd;
  const File file(openat(folder, kMark, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!file || write(file.fd(), text.data(), text.size()) != ssize_t(text.size()))
    throw system_failure(kMark);
}

bool is_marked(int folder) { return !mark_text(folder).empty(); }

void remove_ours(int parent, const std::string& name, int folder) {
  const std::string text = mark_text(folder);
  const std::vector<std::string> names = names_in(folder);
  if (!text.empty()) {
    remove_files(folder, marked_files(text));
    unlinkat(folder, kMark, 0);
  } else if (names == std::vector<std::string>{kMark}) {
    unlinkat(folder, kMark, 0);  // killed while it was written, and so before anything else
  } else if (made_before_marks(folder)) {
    remove_tree(parent, name);
  }
  unlinkat(parent, name.c_str(), AT_REMOVEDIR);
}

}  // namespace easel
