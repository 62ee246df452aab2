#include "base/result.hpp"

namespace authex {

const char* error_text(Error error) {
    switch (error) {
    case Error::none:
        return "no error";
    case Error::truncated:
        return "truncated";
    case Error::malformed:
        return "malformed";
    case Error::unknown_version:
        return "unknown version";
    case Error::unknown_kind:
        return "unknown kind";
    case Error::too_large:
        return "too large";
    case Error::unknown_channel:
        return "unknown channel";
    case Error::wrong_role:
        return "wrong role";
    case Error::forged:
        return "forged";
    case Error::replayed:
        return "replayed";
    case Error::too_early:
        return "too early";
    case Error::exhausted:
        return "exhausted";
    case Error::no_connection:
        return "no connection";
    case Error::no_space:
        return "no space";
    case Error::not_attested:
        return "not attested";
    case Error::old_epoch:
        return "old epoch";
    case Error::unsupported:
        return "unsupported";
    case Error::disabled:
        return "disabled";
    case Error::outside:
        return "outside the shared area";
    case Error::key_mismatch:
        return "key mismatch";
    case Error::failed:
        return "failed";
    case Error::unanswered:
        return "unanswered";
    case Error::not_set:
        return "not set";
    case Error::superseded:
        return "superseded owner key";
    case Error::paused:
        return "paused by its owner";
    case Error::late:
        return "later than its deadline";
    case Error::owners_alone:
        return "for the owner alone";
    }
    return "unknown error";
}

} // namespace authex
