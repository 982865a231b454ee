// The executable's own code: unpacks what it carries, once, and becomes the program. docs/install.md tells
// what a user sees of it, tools/compile what is packed.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "cache/cache.h"
#include "host.h"

namespace easel {
namespace {

constexpr char kDeno[] = "/deno", kProgram[] = "/src/bundle/main.js", kSystem[] = "/system";

// The caller's Deno and Node settings are not easel's.
void clean_environment(const std::string& folder) {
  std::vector<std::string> foreign{"NODE_OPTIONS", "NODE_PATH"};
  for (char** variable = environ; *variable; ++variable) {
    const std::string text = *variable;
    if (text.rfind("DENO_", 0) == 0) foreign.push_back(text.substr(0, text.find('=')));
  }
  for (const std::string& name : foreign) unsetenv(name.c_str());
  // Below a file nothing can be made: Deno keeps its caches in memory and writes nowhere.
  setenv("DENO_DIR", (folder + kDeno + "/none").c_str(), 1);
  // In a terminal it would tell so, two lines before every command.
  setenv("DENO_LOG", "error,deno::cache=off", 1);
  setenv("DENO_NO_UPDATE_CHECK", "1", 1);
  setenv("DENO_NO_PACKAGE_JSON", "1", 1);
}

// By which the program starts itself again, as `easel studio` does for each job.
void name_executable() {
  char path[4096];
  const ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) {
    unsetenv("EASEL_PROGRAM");
    return;
  }
  path[length] = 0;
  setenv("EASEL_PROGRAM", path, 1);
}

// Only returns when it fails.
void become(const Payload& payload, const std::string& folder, char** arguments) {
  clean_environment(folder);
  name_executable();
  const std::string deno = folder + kDeno, program = folder + kProgram, system = folder + kSystem;
  const std::string loader = system + "/" + kOwnLoader;
  const char* choice = getenv("EASEL_GLIBC");
  const bool own = choice && strcmp(choice, "own") == 0;
  const bool host = !own && host_has_glibc(payload.glibc());
  std::vector<const char*> argv;
  if (!host) {
    for (const char* word : {loader.c_str(), "--library-path", system.c_str()}) argv.push_back(word);
  }
  // No network, no configuration or lock file of the folder it is called in, packages from beside the
  // program.
  for (const char* word :
       {deno.c_str(), "run", "--quiet", "--allow-all", "--no-prompt", "--no-config", "--no-lock",
        "--no-remote", "--cached-only", "--no-code-cache", "--node-modules-dir=manual", program.c_str()})
    argv.push_back(word);
  for (; *arguments; ++arguments) argv.push_back(*arguments);
  argv.push_back(nullptr);
  execv(argv[0], const_cast<char**>(argv.data()));
  throw system_failure(argv[0]);
}

}  // namespace
}  // namespace easel

int main(int, char** argv) {
  try {
    const easel::Payload payload;
    const easel::Unpacked unpacked = easel::unpacked(payload);
    easel::become(payload, unpacked.folder, argv + 1);
  } catch (const std::exception& error) {
    fprintf(stderr, "easel: %s\n", error.what());
  }
  return 1;
}
