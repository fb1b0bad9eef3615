/* datapackage.json: what every column of every table means (Frictionless Table Schema), and whose results
 * these are. */
#ifndef ANALYSIS_DATAPACKAGE_H
#define ANALYSIS_DATAPACKAGE_H

#include <stdbool.h>

#include "configs/experiment.h"
#include "configs/plan.h"
#include "sim/base/error.h"

/** Write FOLDER/datapackage.json, through to the disk if `durable`. */
bool datapackage_write(const char *folder, const struct experiment *experiment, const struct plan *plan, bool durable,
                       struct error *error);

/** The name of the experiment whose results FOLDER holds, to be freed with free(); NULL when it holds none.
 */
char *datapackage_experiment(const char *folder);
/** The model version that computed them, likewise. */
char *datapackage_model_version(const char *folder);

#endif
