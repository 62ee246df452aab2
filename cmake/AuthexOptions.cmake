# What a build can be told with -D. All of it stands here, before any folder: a folder that sets an option for another
# would find it empty the first time that a tree is configured.
option(AUTHEX_FUZZ "build the libFuzzer targets under fuzz/" OFF)
set(AUTHEX_FUZZ_SECONDS 10 CACHE STRING "How long each fuzz target searches")
set(AUTHEX_SANITIZE "" CACHE STRING "value of -fsanitize= for the whole build")
option(AUTHEX_TOGETHER "compile several sources of a target at once: all is built sooner, one change later" OFF)
# Images are the same whatever a test is compiled with: what one test has built, no other builds again.
set(AUTHEX_TEST_CACHE ${CMAKE_SOURCE_DIR}/build/test-cache CACHE PATH "Where tests keep what they have built of modules")

# The board that the programs for microcontrollers are built for: `default` of authex-sancus. Another board: its
# definitions (src/tee/sancus/firmware/hardware.hpp) and linker symbols (link.ld beside it).
set(AUTHEX_SANCUS_DEFINITIONS "AUTHEX_UART=0x80;AUTHEX_CLOCK_HZ=8000000;AUTHEX_BAUD=57600" CACHE STRING
    "UART and speed of the Sancus board")
set(AUTHEX_SANCUS_SYMBOLS "" CACHE STRING "Linker symbols of the Sancus board, as program_begin=0x5c00")
