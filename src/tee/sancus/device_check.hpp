#pragma once
// What a descriptor says of devices and drivers, before anything is built.

#include "descriptor/findings.hpp"
#include "descriptor/model.hpp"

namespace authex::tee::sancus {

/// A descriptor::Check. On Sancus nodes: unknown-device | device-conflict: one module with devices
/// of two blocks, or two modules of one node with devices of one block. Everywhere: unknown-driver
/// | driver-without-sancus | driver-without-device | wrong-driver.
void check_devices(const descriptor::Descriptor& descriptor, descriptor::Findings& findings);

} // namespace authex::tee::sancus
