# How a part, a test, a benchmark and a fuzz target are declared. Every part under src/ is one static
# library `authex_<part>`; what it may link is its place in the architecture (docs/architecture.md).

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)

find_program(AUTHEX_CCACHE ccache)
if(AUTHEX_CCACHE)
    set(CMAKE_C_COMPILER_LAUNCHER ${AUTHEX_CCACHE})
    set(CMAKE_CXX_COMPILER_LAUNCHER ${AUTHEX_CCACHE})
endif()

# Native modules and those of SGX are code of this processor; TrustZone and Sancus have processors of their own.
string(COMPARE EQUAL "${CMAKE_SYSTEM_PROCESSOR}" x86_64 AUTHEX_ON_X86_64)
set(AUTHEX_MODULE_HOSTS authex-tz-host authex-tz-library-host)
if(AUTHEX_ON_X86_64)
    list(APPEND AUTHEX_MODULE_HOSTS authex-host authex-sgx-host)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -fno-omit-frame-pointer)
if(AUTHEX_SANITIZE)
    # Reports want lines, no variables.
    add_compile_options(-fsanitize=${AUTHEX_SANITIZE} -fno-sanitize-recover=all -gline-tables-only)
    add_link_options(-fsanitize=${AUTHEX_SANITIZE})
endif()
if(AUTHEX_FUZZ)
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
# Programs name their sources, for errors, and not where these were when they were built.
add_compile_options($<$<CONFIG:Release>:-fmacro-prefix-map=${CMAKE_SOURCE_DIR}/=>)
add_link_options(-fuse-ld=lld-14)
# What two sources compiled at once both have in their unnamed namespaces may be hidden by a local name.
if(AUTHEX_TOGETHER)
    add_compile_options(-Wno-shadow)
endif()

# Compiled without optimisation under sanitizers: what it does there is done sooner than optimised.
function(authex_quick_to_build target)
    if(AUTHEX_SANITIZE AND NOT AUTHEX_FUZZ)
        target_compile_options(${target} PRIVATE -O0)
    endif()
endfunction()

# Sources that have a name in common in their unnamed namespaces cannot be compiled at once.
function(authex_compile_alone)
    set_source_files_properties(${ARGN} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
endfunction()

# authex_library(<part> SOURCES … [LINK …] [OPTIMIZED]): the library `authex_<part>`. OPTIMIZED: under sanitizers, too.
function(authex_library part)
    cmake_parse_arguments(A "OPTIMIZED" "" "SOURCES;LINK" ${ARGN})
    add_library(authex_${part} STATIC ${A_SOURCES})
    set_target_properties(authex_${part} PROPERTIES UNITY_BUILD ${AUTHEX_TOGETHER})
    target_include_directories(authex_${part} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/sdk/include)
    target_link_libraries(authex_${part} PUBLIC ${A_LINK})
    if(NOT A_OPTIMIZED)
        authex_quick_to_build(authex_${part})
    endif()
endfunction()

# authex_freestanding_library(<part> …): the same, for the parts that go into enclaves.
function(authex_freestanding_library part)
    authex_library(${part} ${ARGN} OPTIMIZED)
    target_compile_options(authex_${part} PRIVATE -fno-exceptions -fno-rtti)
    set_target_properties(authex_${part} PROPERTIES UNITY_BUILD OFF)
endfunction()

# authex_module_host(<program> SOURCES …): the program of a module's process: static and small, and without sanitizers,
# whose memory would lie where images lie and whose system calls its filter refuses. Its parts are tested from libraries.
# DYNAMIC: for a host that loads a library of the machine's.
set(authex_process ${CMAKE_SOURCE_DIR}/src/tee/process)
set(AUTHEX_MODULE_HOST_SOURCES
    ${authex_process}/host/outgoing.cpp ${authex_process}/host/prepare.cpp ${authex_process}/host/sandbox.cpp ${authex_process}/host/serve.cpp
    ${authex_process}/kept_area.cpp ${authex_process}/module_end.cpp ${authex_process}/process_record.cpp ${authex_process}/ring.cpp ${authex_process}/shared_area.cpp ${authex_process}/supervisor.cpp
    ${CMAKE_SOURCE_DIR}/src/base/bytes.cpp ${CMAKE_SOURCE_DIR}/src/base/secrets.cpp ${CMAKE_SOURCE_DIR}/src/wire/frame.cpp)
function(authex_module_host program)
    cmake_parse_arguments(A "DYNAMIC" "" "SOURCES" ${ARGN})
    add_executable(${program} ${A_SOURCES} ${AUTHEX_MODULE_HOST_SOURCES})
    target_include_directories(${program} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/sdk/include)
    target_compile_options(${program} PRIVATE
        -O2 -fno-sanitize=all -fno-stack-protector -ffunction-sections -fdata-sections
        $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics>)
    target_link_options(${program} PRIVATE -fno-sanitize=all $<$<NOT:$<BOOL:${A_DYNAMIC}>>:-static> -nostdlib++ -Wl,--gc-sections
        # Above the images: the kernel puts the heap anywhere within a gibibyte after the program.
        -Wl,--image-base=0x60000000)
    target_link_libraries(${program} PRIVATE ${AUTHEX_BEARSSL})
endfunction()

# authex_test(<name> SOURCES … [LINK …] [CONCURRENCY|PROGRAMS|AARCH64]): a GoogleTest program; each test is one
# ctest entry with one label: `unit`; `concurrency`, which is also run under ThreadSanitizer; `programs`, which
# starts the real programs; or `aarch64`, which starts one of the preset aarch64 too. The targets
# authex_<label>_targets build all of one label.
foreach(kind unit concurrency programs aarch64 fuzz bench)
    add_custom_target(authex_${kind}_targets)
endforeach()
function(authex_test name)
    find_package(GTest REQUIRED)
    include(GoogleTest)
    cmake_parse_arguments(A "CONCURRENCY;PROGRAMS;AARCH64" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    set_target_properties(${name} PROPERTIES UNITY_BUILD ${AUTHEX_TOGETHER})
    target_link_libraries(${name} PRIVATE ${A_LINK} GTest::gtest GTest::gmock GTest::gtest_main Threads::Threads)
    target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    authex_quick_to_build(${name})
    target_compile_definitions(${name} PRIVATE
        AUTHEX_SOURCE_DIR="${CMAKE_SOURCE_DIR}" AUTHEX_TEST_DIR="${CMAKE_CURRENT_SOURCE_DIR}"
        AUTHEX_BINARY_DIR="${CMAKE_BINARY_DIR}" AUTHEX_TEST_CACHE="${AUTHEX_TEST_CACHE}")
    set(kind unit)
    if(A_CONCURRENCY)
        set(kind concurrency)
    elseif(A_PROGRAMS OR A_AARCH64)
        set(kind programs)
        if(A_AARCH64)
            set(kind aarch64)
        endif()
        add_dependencies(${name} authex-em authex ${AUTHEX_MODULE_HOSTS})
    endif()
    add_dependencies(authex_${kind}_targets ${name})
    gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 LABELS ${kind})
endfunction()

# authex_bench(<name> SOURCES … [LINK …]): a Google Benchmark program in bin/.
function(authex_bench name)
    find_package(benchmark REQUIRED)
    cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${A_SOURCES})
    add_dependencies(authex_bench_targets ${name})
    target_link_libraries(${name} PRIVATE ${A_LINK} benchmark::benchmark Threads::Threads)
endfunction()

# authex_fuzz(<name> SOURCES … [LINK …]): libFuzzer target; its corpus is fuzz/<name>_corpus/. ctest
# replays the corpus and then searches for AUTHEX_FUZZ_SECONDS.
function(authex_fuzz name)
    cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name}_fuzz ${A_SOURCES})
    add_dependencies(authex_fuzz_targets ${name}_fuzz)
    target_link_libraries(${name}_fuzz PRIVATE ${A_LINK})
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/corpus/${name})
    add_test(NAME fuzz.${name} COMMAND ${name}_fuzz -max_total_time=${AUTHEX_FUZZ_SECONDS} -rss_limit_mb=2048 -print_final_stats=1
        -artifact_prefix=${CMAKE_BINARY_DIR}/corpus/${name}- ${CMAKE_BINARY_DIR}/corpus/${name}
        ${CMAKE_SOURCE_DIR}/fuzz/${name}_corpus)
    math(EXPR timeout "${AUTHEX_FUZZ_SECONDS} + 110")
    set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT ${timeout} LABELS fuzz)
endfunction()
