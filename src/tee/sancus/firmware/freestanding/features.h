/* In the place of the C library's, of which the headers of libstdc++ ask nothing else. */
#pragma once
#define __GLIBC_PREREQ(major, minor) 0
