#pragma once
// An application of three modules in a row over two nodes; the state of the one between is kept.

#include <string>

namespace authex::test {

/// @param more connections, as lines of the descriptor
inline std::string chain(const std::string& more = {}) {
    return R"(
application: chain
simulation: allowed
nodes:
  left:  { tee: native, address: 127.0.0.1:6001 }
  right: { tee: native, address: 127.0.0.1:6002 }
modules:
  first:  { node: left,  sources: [first.cpp] }
  middle: { node: right, sources: [middle.cpp], persist: true }
  last:   { node: left,  sources: [last.cpp] }
connections:
  - { name: a, from: first.out,  to: middle.relay }
  - { name: b, from: middle.out, to: last.in }
)" + more;
}

/// The same with `middle` beside the others.
inline std::string with_middle_moved(std::string descriptor) {
    descriptor.replace(descriptor.find("node: right, sources: [middle"), 11, "node: left ");
    return descriptor;
}

} // namespace authex::test
