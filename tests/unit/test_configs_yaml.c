/* What YAML may not do, each with its place (interface.md 2). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/yaml.h"

static void expect_text(const char *yaml, size_t bytes, const char *message)
{
    struct error_list messages = {0};
    struct node *root = yaml_parse(yaml, bytes, (struct place){"x.yaml", 1, 1}, &messages);
    cr_expect_null(root, "%.60s", yaml);
    cr_assert_eq(messages.error_count, 1);
    cr_expect_str_eq(messages.errors[0].text, message);
    node_free(root);
    error_list_free(&messages);
}

static void expect(const char *yaml, const char *message)
{
    expect_text(yaml, strlen(yaml), message);
}

Test(configs_yaml, rejects_with_the_place)
{
    expect("a: {b: 1\nc: 2\n", "x.yaml:2:2: error: not valid YAML: did not find expected ',' or '}' "
                               "while parsing a flow mapping");
    expect("a: *b\n", "x.yaml:1:4: error: not valid YAML: found undefined alias");
    expect("", "x.yaml:1:1: error: nothing is written here; write at least one value");
    expect("# only a comment\n", "x.yaml:1:1: error: nothing is written here; write at least one value");
    expect("a: 1\n---\nb: 1\n",
           "x.yaml:2:1: error: a second document begins here; keep one document per file");
    expect("a: &b {c: 1}\nd:\n  <<: *b\n",
           "x.yaml:3:3: error: merge keys (<<) are not supported; write the keys out");
    expect("? [a, b]\n: 1\n", "x.yaml:1:3: error: a list or a block cannot be a key; write a word");
    expect("a: !!int 5\n", "x.yaml:1:4: error: tags (!) are not supported; write the plain value");
    expect("a: 1\nb: \"x\\0y\"\n", "x.yaml:2:4: error: a value holds a NUL character; take it out");
    expect("a: 1\n\"x\\0y\": 1\n", "x.yaml:2:1: error: a key holds a NUL character; take it out");
    expect("a: 1\nb: \xc3\xa4\xff\n", "x.yaml:2:5: error: not valid YAML: invalid leading UTF-8 octet");
}

Test(configs_yaml, rejects_duplicate_keys_at_any_depth)
{
    expect("a: 1\nb: 2\na: 3\n",
           "x.yaml:3:1: error: a: duplicate key; it stands already at line 1, keep one");
    expect("a:\n  - {b: 1, \"b\": 2}\n",
           "x.yaml:2:12: error: b: duplicate key; it stands already at line 2, keep one");
}

Test(configs_yaml, bounds_depth)
{
    char yaml[64] = "", message[128];
    struct error_list messages = {0};
    for (int depth = 1; depth <= 16; depth++)
        strcat(yaml, "[");
    for (int depth = 1; depth <= 16; depth++)
        strcat(yaml, "]");
    struct node *root = yaml_parse(yaml, strlen(yaml), (struct place){"x.yaml", 1, 1}, &messages);
    cr_expect_not_null(root);
    node_free(root);
    error_list_free(&messages);
    for (int depth = 1; depth <= 17; depth++)
        yaml[depth - 1] = '[';
    yaml[17] = '\0';
    snprintf(message, sizeof message,
             "x.yaml:1:17: error: nested deeper than 16 levels; an experiment needs fewer");
    expect(yaml, message);
    expect("a: &a [*a]\n", "x.yaml:1:4: error: nested deeper than 16 levels; an experiment needs fewer");
}

Test(configs_yaml, bounds_what_costs_the_square, .timeout = 20)
{
    size_t bytes = 1 << 20;
    char *yaml = malloc(bytes + 1);
    cr_assert_not_null(yaml);
    memset(yaml, '[', bytes);
    expect_text(yaml, bytes, "x.yaml:1:17: error: nested deeper than 16 levels; an experiment needs fewer");
    memset(yaml, ' ', bytes + 1);
    expect_text(yaml, bytes + 1, "x.yaml:1:1: error: larger than 1 MiB; no experiment or spec needs as much");
    char *at = yaml;
    *at++ = '[';
    for (int i = 0; i < 100000; i++, at += 2)
        memcpy(at, "x,", 2);
    *at++ = ']';
    expect_text(
        yaml, (size_t)(at - yaml),
        "x.yaml:1:200000: error: more than 100000 nodes, counting what aliases repeat; write a smaller file");
    at = yaml;
    *at++ = '[';
    for (int i = 0; i < 1001; i++)
        at += sprintf(at, "&a%04d x,", i);
    *at++ = ']';
    expect_text(yaml, (size_t)(at - yaml),
                "x.yaml:1:9002: error: more than 1000 anchors; write a smaller file");
    free(yaml);
}

Test(configs_yaml, bounds_what_aliases_repeat)
{
    expect("a: &a [x,x,x,x,x,x,x,x,x,x]\n"
           "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
           "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
           "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
           "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
           "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\n",
           "x.yaml:1:16: error: more than 100000 nodes, counting what aliases repeat; write a smaller file");
}

Test(configs_yaml, keeps_places_and_aliases)
{
    struct error_list messages = {0};
    const char *yaml = "a: &v [1, two]\nb: {c: *v, d: 'off'}\n";
    struct node *root = yaml_parse(yaml, strlen(yaml), (struct place){"x.yaml", 1, 1}, &messages);
    cr_assert_not_null(root);
    const struct node *b = node_get(root, "b"), *c = node_get(b, "c"), *d = node_get(b, "d");
    cr_expect_eq(root->pairs[1].place.line, 2);
    cr_expect_eq(root->pairs[1].place.column, 1);
    cr_expect_eq(c->kind, NODE_LIST);
    cr_expect_str_eq(c->items[1]->text, "two");
    cr_expect_eq(c->items[1]->place.column, 11);
    cr_expect_str_eq(d->text, "off");
    cr_expect_not(d->plain);
    cr_expect_eq(d->place.column, 15);
    cr_expect_null(node_get(root, "c"));
    node_free(root);
    error_list_free(&messages);
}

Test(configs_yaml, errors_come_in_file_order_once_and_twenty_are_shown)
{
    struct error_list list = {0};
    for (unsigned i = 30; i-- > 0;)
        error_list_add(&list, (struct place){"f", i + 1, 1}, "key", "bad");
    error_list_add(&list, (struct place){"f", 5, 1}, "key", "bad");
    error_list_add(&list, (struct place){"--set a", 0, 0}, "a", "bad");
    error_list_add(&list, (struct place){"f", 5, 0}, NULL, "first of its line");
    cr_expect_eq(list.error_count, 32);
    cr_expect_eq(error_list_shown(&list), 20);
    cr_expect_str_eq(list.errors[0].text, "f:1:1: error: key: bad");
    cr_expect_str_eq(list.errors[4].text, "f:5:0: error: first of its line");
    cr_expect_str_eq(list.errors[31].text, "--set a: error: a: bad");
    struct error error = {0};
    cr_expect_not(error_list_first(&list, &error));
    cr_expect_str_eq(error.text, "f:1:1: error: key: bad (and 31 more errors)");
    error_list_free(&list);
}
