// Files below a folder that others can also write to: nothing is reached through a link, nothing that was
// there before is removed.
#pragma once

#include <string>
#include <vector>

#include "../file.h"

namespace easel {

// 16 hexadecimal digits that nobody can guess.
std::string random_name();

// Opens the folder that holds `path`, which has '/' between its parts, below `folder`. With `make`, missing
// folders are made, and a link or a file in their place steps aside. Throws Failure with `make`; without it
// the File may be empty.
File parent_below(int folder, const std::string& path, bool make);

// The last part of a path.
std::string last_part(const std::string& path);

// Gives what is called `name` another name beside it: it is not ours, so it is kept. False where there is
// none.
bool step_aside(int folder, const std::string& name);

// Removes these files below `folder` and the folders that this leaves empty.
void remove_files(int folder, const std::vector<std::string>& paths);

// Names in a folder, without "." and "..".
std::vector<std::string> names_in(int folder);

// Removes a folder with all that is in it. Only for what is known to be ours throughout.
void remove_tree(int parent, const std::string& name);

}  // namespace easel
