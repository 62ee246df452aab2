#pragma once
// Objects of libraries in C, owned.

namespace authex {

/// Deletes by calling `free`: std::unique_ptr<X509, FreeWith<X509_free>>.
template <auto free>
struct FreeWith {
    template <typename T>
    void operator()(T* object) const {
        free(object);
    }
};

} // namespace authex
