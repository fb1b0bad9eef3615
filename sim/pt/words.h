/* How formats say an entry's bits in words. */
#ifndef SIM_PT_WORDS_H
#define SIM_PT_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* What the manual calls an entry that has `value` under `mask`. */
struct pt_word {
    uint64_t mask, value;
    const char *word;
};

/** Append one word, after a space where there is a word already. What does not fit into `bytes` is cut. */
static inline void pt_say(char *text, size_t bytes, const char *word)
{
    size_t length = strlen(text);
    snprintf(text + length, bytes - length, "%s%s", length > 0 ? " " : "", word);
}

/** Append every word that fits the entry, in the order of the list. */
static inline void pt_say_words(char *text, size_t bytes, uint64_t entry, const struct pt_word *words,
                                size_t count)
{
    for (size_t i = 0; i < count; i++)
        if ((entry & words[i].mask) == words[i].value)
            pt_say(text, bytes, words[i].word);
}

#endif
