// The trusted code: cryptography beside OpenSSL's, and a whole frame through the runtime.
#include <benchmark/benchmark.h>

BENCHMARK_MAIN();
