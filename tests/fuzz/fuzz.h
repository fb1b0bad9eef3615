/* A fuzz target reads one input from memory as if it were a file. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/** The target, as libFuzzer calls it. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/** Put the input where readers can open it by `path`; a descriptor to close, or the process ends. */
int fuzz_file(const uint8_t *data, size_t bytes, char path[64]);

#endif
