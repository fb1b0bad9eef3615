/* The YAML spec of `dirtywalk trace gen`: what to generate. `dirtywalk trace gen --keys` documents every key.
 */
#ifndef CONFIGS_GEN_SPEC_H
#define CONFIGS_GEN_SPEC_H

#include <stdbool.h>
#include <stdio.h>

#include "configs/error_list.h"
#include "traces/gen/gen.h"

/** Read the spec at `path`. True: `*spec` is complete and its streams pass gen_stream_check; free it with
 *  gen_spec_free. False: `messages` has every error that was found. */
bool gen_spec_load(const char *path, struct gen_spec **spec, struct error_list *messages);
void gen_spec_free(struct gen_spec *spec);

/** Print every key with its default, what it belongs to and what it means. */
void gen_spec_print_keys(FILE *out);

#endif
