// Any bytes have an answer from the parser of evidence; what it takes it writes back unchanged; and
// what was not signed by the pinned key is never believed.
#include "tee/native/evidence.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "tee/native/verifier.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace authex;
    using namespace authex::tee::native;
    const ByteView bytes(data, size);
    const Expected<Evidence> evidence = parse_evidence(bytes);
    tee::Expectation expectation{.identity = std::vector<std::uint8_t>(32),
                                 .report_data = std::vector<std::uint8_t>(32),
                                 .evidence_key = std::vector<std::uint8_t>(32, 9),
                                 .simulation_allowed = true};
    if (evidence) {
        const std::vector<std::uint8_t> written = write_evidence(*evidence);
        if (!std::equal(written.begin(), written.end(), bytes.begin(), bytes.end())) {
            std::abort();
        }
        // All but the signature is as expected.
        std::copy(
            evidence->identity.begin(), evidence->identity.end(), expectation.identity.begin());
        std::copy(evidence->report_data.begin(),
                  evidence->report_data.end(),
                  expectation.report_data.begin());
    }
    if (NativeVerifier().verify(bytes, expectation)) {
        std::abort();
    }
    return 0;
}
