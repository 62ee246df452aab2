#pragma once
// A laid out shared area without a name.

#include <stdexcept>

#include <sys/mman.h>

#include "tee/process/descriptor.hpp"
#include "tee/process/shared_area.hpp"

namespace authex::test {

class MemoryFile {
  public:
    explicit MemoryFile(std::size_t ring_bytes = tee::process::ring_bytes_min)
        : file_(::memfd_create("rings", MFD_CLOEXEC)) {
        if (!tee::process::SharedArea::lay_out(file_.get(), ring_bytes)) {
            throw std::runtime_error("cannot lay out a shared area");
        }
    }
    [[nodiscard]] int get() const { return file_.get(); }
    [[nodiscard]] tee::process::SharedArea map(tee::process::End end) const {
        tee::process::SharedArea area = tee::process::SharedArea::map(file_.get(), end);
        if (!area.mapped()) {
            throw std::runtime_error("cannot map a shared area");
        }
        return area;
    }

  private:
    tee::process::Descriptor file_;
};

} // namespace authex::test
