/* Device ids as people write them (interface.md 3): 0 to 65535, or a PCI address [dddd:]bb:dd.f, whose id is
 * bus<<8 | device<<3 | function. */
#ifndef TRACES_DEVICE_H
#define TRACES_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

enum { TRACE_DEVICE_TEXT_BYTES = 8 };

/** Read all of `text`; a PCI domain is read and dropped. */
bool trace_device_parse(const char *text, uint16_t *device);

/** "00:04.0"; returns `text`. */
char *trace_device_format(uint16_t device, char text[TRACE_DEVICE_TEXT_BYTES]);

#endif
