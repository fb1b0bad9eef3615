/* Runs a fuzz target over kept inputs: `replay FOLDER...`, so that what fuzzing once found stays found. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

static unsigned replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    static uint8_t data[1 << 20];
    if (!file)
        return 0;
    size_t bytes = fread(data, 1, sizeof data, file);
    fclose(file);
    LLVMFuzzerTestOneInput(data, bytes);
    for (size_t cut = 0; cut < bytes && cut < 2048; cut += 1 + bytes / 64) /* and cut short */
        LLVMFuzzerTestOneInput(data, cut);
    return 1;
}

int main(int argc, char **argv)
{
    unsigned inputs = 0;
    for (int a = 1; a < argc; a++) {
        DIR *folder = opendir(argv[a]);
        for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[a], entry->d_name);
            if (entry->d_name[0] != '.')
                inputs += replay_file(path);
        }
        if (folder)
            closedir(folder);
    }
    printf("%u inputs replayed\n", inputs);
    return inputs == 0;
}
