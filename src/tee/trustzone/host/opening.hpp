#pragma once
// The trusted application of this process: the file `image` of the working folder. Whatever is
// wrong ends the process through refuse_start.

#include "tee/process/host/prepare.hpp"
#include "tee/process/shared_area.hpp"
#include "tee/trustzone/client/client.hpp"
#include "tee/trustzone/image/signed_ta.hpp"

namespace authex::tee::trustzone {

/// Borrows from the whole file, which is private memory.
SignedTa read_ta(const process::Digest& expected);

/// As open_real(), of that TA. @param missing what to say where no TEE answers
void open_or_refuse(TeeClient& client,
                    const SignedTa& ta,
                    const process::SharedArea& area,
                    const char* missing);

/// Of the command line. @pre it has as many words
std::uint32_t spin_of(const char* text);

} // namespace authex::tee::trustzone
