// How easel knows its own folders again: each holds a file that names every file that easel put there. A
// cache folder may hold other things, and a user may put something into ours; only what is named is ever
// removed.
#pragma once

#include <string>

#include "../payload.h"

namespace easel {

// Also known to tools/release/install.sh.
extern const char kMark[];

// Marks a new, empty folder before anything is put into it. Throws Failure.
void write_mark(int folder, const Payload& payload);

// Whether the folder carries a whole mark.
bool is_marked(int folder);

// Removes the folder `name`, open as `folder`, as far as it is ours: what its mark names; all of it where
// easel made it before there were marks, which its insides must prove; itself if nothing is left in it.
void remove_ours(int parent, const std::string& name, int folder);

}  // namespace easel
