#pragma once
// Stands before libstdc++ on targets without a C library: its freestanding headers ask glibc for
// its version.
#define __GLIBC_PREREQ(major, minor) 0
