// Exceptions to statuses and lines of text.
#include "failure.h"

#include <cstdio>
#include <mutex>
#include <new>

namespace easel {
namespace {

ErrorText open_text;
std::mutex open_mutex;

}  // namespace

void ErrorText::set(const char* text) {
  snprintf(text_, sizeof text_, "%s", text);
  for (char* c = text_; *c; ++c)
    if (*c == '\n' || *c == '\r') *c = ' ';
}

const char* open_error() { return open_text.get(); }

int32_t guarded(ErrorText* target, const std::function<void()>& body) {
  int32_t status = EASEL_OK;
  std::string text;
  try {
    body();
  } catch (const Failure& e) {
    status = e.status;
    text = e.what();
  } catch (const std::bad_alloc&) {
    status = EASEL_OUT_OF_MEMORY;
    text = "out of memory";
  } catch (const std::exception& e) {
    status = EASEL_FAILED;
    text = e.what();
  } catch (...) {
    status = EASEL_FAILED;
    text = "unknown failure";
  }
  if (status == EASEL_OK) return status;
  if (target) {
    target->set(text.c_str());
  } else {
    std::lock_guard lock(open_mutex);
    open_text.set(text.c_str());
  }
  return status;
}

std::string json_quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (uint8_t(c) >= 32) out += c;
  }
  return out + "\"";
}

}  // namespace easel
