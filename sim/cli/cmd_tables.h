/* The parts of `dirtywalk tables`: what was asked for, shown for people and for programs. */
#ifndef SIM_CLI_CMD_TABLES_H
#define SIM_CLI_CMD_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/span.h"
#include "sim/cli/cli.h"
#include "sim/engine/dump.h"

struct tables_view {
    const struct cli_loaded *loaded;
    size_t row; /* of the plan: cell and trace */
    const struct inspection *seen;
    bool at_end; /* no --at */
    uint32_t domain;
    bool range_given;
    struct span range;
};

/** Print on stdout; that it cannot be written is left to main. Errors: memory. */
bool tables_print_text(const struct tables_view *view, struct error *error);
bool tables_print_json(const struct tables_view *view, struct error *error);

/** Does the device belong to the domain that is shown? */
bool tables_is_attached(const struct tables_view *view, uint16_t device);
/** Why a leaf with these LEAF_ bits is dirty: "written", "ats", "residue", "born". */
const char *tables_cause(uint8_t leaf);

#endif
