/* The reader of QEMU trace logs (README.md here). */
#ifndef TRACES_QEMU_H
#define TRACES_QEMU_H

/** What such a trace cannot show, in sentences. */
extern const char qemu_limits[];

#endif
