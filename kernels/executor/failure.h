// How failures reach the caller: an exception with a status inside, a status and a line of text outside.
#pragma once
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>

#include "../easel.h"

namespace easel {

struct Failure : std::runtime_error {
  Failure(int32_t status, const std::string& text) : std::runtime_error(text), status(status) {}
  int32_t status;
};

// The last failure's text, one line.
class ErrorText {
 public:
  void set(const char* text);
  const char* get() const { return text_; }

 private:
  char text_[4096] = "";
};

// Runs body, turns exceptions into a status and a text. A null target is the text of failed opens.
int32_t guarded(ErrorText* target, const std::function<void()>& body);
// The text of the last open that failed.
const char* open_error();

std::string json_quoted(const std::string& text);

}  // namespace easel
