#pragma once
// The sections of a descriptor, each read by a file of its own, and the checks across them.

#include <map>

#include "descriptor/findings.hpp"
#include "descriptor/model.hpp"
#include "descriptor/tree.hpp"

namespace authex::descriptor {

/// Each appends what the section names, also where parts of it are wrong, so that references to it
/// are not reported as well.
void read_nodes(const Element& section, Descriptor& descriptor, Findings& findings);
void read_modules(const Element& section, Descriptor& descriptor, Findings& findings);
void read_connections(const Element& section, Descriptor& descriptor, Findings& findings);
void read_periodic(const Element& section, Descriptor& descriptor, Findings& findings);
[[nodiscard]] Policy read_policy(const Element& section, Findings& findings);
[[nodiscard]] std::map<Tee, Signing> read_signing(const Element& section, Findings& findings);

/// References, duplicates, cycles and what else concerns more than one element.
void check_whole(const Descriptor& descriptor, Findings& findings);
void check_deadlines(const Descriptor& descriptor, Findings& findings);
/// That the modules' sources are files below Descriptor::directory.
void check_files(const Descriptor& descriptor, Findings& findings);

} // namespace authex::descriptor
